"""The embedded simulator: SMAC's battles without StarCraft II (docs/simulator.md)."""
