"""Who runs where: every actor on exactly one host, on as few hosts as allowed."""

import pytest

from seed_matrace.config import load_config
from seed_matrace.training import local
from seed_matrace.training.topology import plan_topology


def topology(*params, **numbers):
    return plan_topology(load_config([], [f"topology.{param}" for param in params])[0], **numbers)


@pytest.mark.parametrize(
    ("num_actors", "sizes"), [(0, []), (1, [1]), (8, [8]), (9, [4, 5]), (200, [8] * 25), (30, [7, 8, 7, 8])]
)
def test_actors_are_spread_evenly_over_as_few_hosts_as_possible(num_actors, sizes):
    planned = topology("actors_per_host=8", num_actors=num_actors)
    assert [len(task_ids) for task_ids in planned.actor_hosts] == sizes
    assert [task_id for task_ids in planned.actor_hosts for task_id in task_ids] == list(range(num_actors))
    assert (planned.task_ids, planned.num_actors) == (range(num_actors), num_actors)


def test_command_line_goes_before_gin_files_before_the_default():
    assert topology("num_actors=5", num_actors=3, default=7).num_actors == 3
    assert topology("num_actors=5", default=7).num_actors == 5
    assert topology(default=7).num_actors == 7


def test_half_the_cores_have_actors_but_at_least_two_where_there_are_two(monkeypatch):
    for cores, actors in {1: 1, 2: 2, 3: 2, 4: 2, 8: 4, 64: 32}.items():
        monkeypatch.setattr(local.os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert local.default_num_actors() == actors


def test_what_is_reserved_is_what_the_largest_actor_host_needs():
    planned = topology("actors_per_host=8", "cpus_per_actor=0.5", "learner_gpus=2", num_actors=9)
    assert planned.cpus_per_actor_host == 2.5
    assert planned.learner_gpus == 2
