"""Compiled kernels; their sources are in cext/, their naive twins in tests/twins/."""
