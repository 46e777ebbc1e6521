"""How many actors a job's learner can feed on."""

import pytest

from seed_matrace.bench.scaling import MEASURED
from seed_matrace.cli import main
from seed_matrace.envs.registry import env_spec
from seed_matrace.sections.env import EnvConfig
from seed_matrace.vertex.estimate import estimate, service_times
from seed_matrace.vertex.job_spec import plan_run


def spec(map_name):
    return env_spec(EnvConfig(map_name=map_name))


@pytest.mark.parametrize("map_name", ["3m", "27m_vs_30m"])
def test_measured_maps_have_what_was_measured(map_name):
    assert service_times(spec(map_name)) == pytest.approx(MEASURED[map_name, "gRPC"])


def test_other_maps_lie_between():
    small, middle, large = (service_times(spec(name)).all_threads for name in ("3m", "10m_vs_11m", "27m_vs_30m"))
    assert small < middle < large


def test_actors_add_up_until_the_learner_is_at_its_limit():
    few, many = (plan_run(["maps/8m.gin"], [], num_actors=count) for count in (10, 100_000))
    below = estimate(few.config, few.topology, cores=8, env_step_s=0.01)
    assert below.env_steps_per_s == pytest.approx(1000)
    assert below.hours == pytest.approx(few.config.run.total_env_steps / 1000 / 3600)
    above = estimate(many.config, many.topology, cores=8, env_step_s=0.01)
    assert above.env_steps_per_s == pytest.approx(above.limit_env_steps_per_s)
    assert above.enough_actors == pytest.approx(above.limit_env_steps_per_s * 0.01)


def test_command_estimates_without_a_project(capsys):
    words = ["vertex", "maps/2s3z.gin", "--estimate", "--num_actors=64", "--env_step_ms=10"]
    assert main([*words, "--learner_machine=n2-standard-16"]) == 0
    said = capsys.readouterr().out
    assert "learner on n2-standard-16 (16 cores) is at its limit with 361 actors" in said
    assert "64 actors: 6,400 env steps/s" in said
    assert "learner.updates_per_batch = 16 is not in these times: the learner takes up to 8.5 times as long" in said
    assert main([*words, "--learner_machine=n2-standard-16", "--gin_param=learner.updates_per_batch=1"]) == 0
    assert "not in these times" not in capsys.readouterr().out
    assert main([*words, "--learner_machine=cloud-tpu"]) == 2
    assert "give --learner_cores" in capsys.readouterr().err
