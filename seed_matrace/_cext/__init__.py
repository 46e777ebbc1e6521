"""Compiled kernels (sources in cext/) and the naive twins that the tests compare them with."""
