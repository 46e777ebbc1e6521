"""The embedded simulator under the names of SMAC 1.0.0's modules: ``seed_matrace.smac`` in the place of ``smac``."""
