"""The formula for how many actors a learner can feed on."""

import pytest

from seed_matrace.bench.scaling import ServiceTimes, actors_to_saturate, env_steps_per_s

TIMES = ServiceTimes(busiest_thread=50.0, all_threads=80.0)


def test_learner_is_bound_by_its_cores_or_else_by_its_busiest_thread():
    assert TIMES.env_steps_per_s(cores=1) == pytest.approx(12_500)
    assert TIMES.env_steps_per_s(cores=2) == pytest.approx(20_000)
    assert TIMES.env_steps_per_s(cores=64) == pytest.approx(20_000)


def test_actors_help_until_the_learner_is_at_its_limit():
    enough = actors_to_saturate(TIMES, cores=2, env_step_s=0.005)
    assert enough == pytest.approx(100)
    assert env_steps_per_s(TIMES, 2, num_actors=50, env_step_s=0.005) == pytest.approx(10_000)
    for num_actors in (100, 1000):
        assert env_steps_per_s(TIMES, 2, num_actors, env_step_s=0.005) == pytest.approx(20_000)
