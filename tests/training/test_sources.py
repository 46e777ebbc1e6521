"""What a run checks before it begins."""

import psutil
import pytest

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.training.sources import check_memory


def check(*params: str) -> None:
    config, _, _ = load_config([], params)
    check_memory(config, plan_groups(config.run.num_envs, 1, 2))


def test_run_that_does_not_fit_into_memory_is_refused():
    check()
    with pytest.raises(ValueError, match=r"this run needs about .* GB"):
        check("run.num_envs=100000", "learner.unroll_length=10000")


def test_memory_is_counted_with_stacked_observations(monkeypatch):
    def needed(*params: str) -> float:
        with monkeypatch.context() as patch:
            patch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 0}))
            with pytest.raises(ValueError, match=r"needs about") as caught:
                check("run.num_envs=10000", *params)
        return float(str(caught.value).split(" GB")[0].split()[-1])

    # 3 agents' 30 floats each make two thirds of an unroll of 3m
    assert needed("env.frame_stack=10") > 6 * needed()
