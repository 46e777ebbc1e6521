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


def test_first_report_of_a_session_says_how_long_it_took_to_begin():
    rates = Rates(100.0, 0)
    rates.updated()
    first = rates.take(10, {})
    rates.updated()
    assert first["perf/start_up_s"] > 0.1  # since this process began
    assert 0 < first["perf/first_update_s"] < 5
    assert not {"perf/start_up_s", "perf/first_update_s"} & rates.take(20, {}).keys()
