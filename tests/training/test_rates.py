"""What is measured of a run beside its results."""

import math

import psutil
import pytest

from seed_matrace.training.rates import Rates
from seed_matrace.training.sources import _free_bytes


@pytest.mark.parametrize("error", [psutil.AccessDenied(), OSError(24, "Too many open files"), ImportError("no psutil")])
def test_what_cannot_be_measured_is_nan_and_ends_nothing(monkeypatch, error):
    def fail(*_):
        raise error

    assert Rates(0.0, 0).take(10, {})["perf/rss_mb"] > 0
    monkeypatch.setattr(psutil, "Process", fail)
    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert math.isnan(Rates(0.0, 0).take(10, {})["perf/rss_mb"])
    assert _free_bytes() == math.inf
