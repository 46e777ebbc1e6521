"""Fixtures of these tests."""

from sweep_on_disk import make_sweep as make_sweep
