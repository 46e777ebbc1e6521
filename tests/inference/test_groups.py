"""Environments into groups, groups to actors."""

import itertools

import pytest

from seed_matrace.inference.groups import GroupTable, plan_groups
from seed_matrace.types import Host


@pytest.mark.parametrize(
    ("num_envs", "num_actors", "per_actor"), [(128, 1, 2), (128, 3, 2), (7, 2, 2), (1, 1, 2), (100, 64, 2), (64, 0, 2)]
)
def test_every_environment_belongs_to_exactly_one_actor(num_envs, num_actors, per_actor):
    plan = plan_groups(num_envs, num_actors, per_actor)
    assert plan.num_groups * plan.group_size == num_envs
    owned = [group for task_id in range(plan.num_actors) for group in plan.groups_of(task_id)]
    assert sorted(owned) == list(range(plan.num_groups))
    assert plan.num_groups >= min(num_actors * per_actor, num_envs)


def test_one_process_has_one_group():
    assert plan_groups(96, 0, 2).num_groups == 1


def test_actors_alternate_between_two_groups_but_where_every_core_has_an_actor():
    def per_actor(num_actors, cores, asked=0):
        return plan_groups(64, num_actors, asked, cores=cores).num_groups / num_actors

    assert [per_actor(actors, None) for actors in (1, 2, 4)] == [2, 2, 2]
    assert [per_actor(actors, 4) for actors in (1, 2, 4, 8)] == [2, 2, 1, 1]
    assert [per_actor(actors, 2, asked=4) for actors in (1, 2, 4)] == [4, 4, 4]


def test_more_actors_than_environments_is_an_error():
    with pytest.raises(ValueError, match=r"5 actors for 4 environments.*--num_actors"):
        plan_groups(4, 5, 2)


def test_random_streams_are_never_given_twice():
    plans = [plan_groups(32, 2, 2, Host(number, 3)) for number in range(3)]  # of three hosts
    streams = []
    for plan, session in itertools.product(plans, (0, 1)):
        table = GroupTable(plan, seed=0, session=session)
        for task_id in (0, 1, 0, 0, 1):
            _, welcome = table.assign(task_id)
            streams += [first + j for first in welcome.first_envs for j in range(welcome.group_size)]
    assert len(set(streams)) == len(streams)


def test_first_streams_do_not_depend_on_the_number_of_actors():
    def streams(num_actors):
        plan = plan_groups(48, num_actors, 2)
        table = GroupTable(plan, seed=0)
        welcomes = [table.assign(task_id)[1] for task_id in range(plan.num_actors)]
        return {first + j for welcome in welcomes for first in welcome.first_envs for j in range(plan.group_size)}

    assert streams(0) == streams(1) == streams(3) == set(range(48))
