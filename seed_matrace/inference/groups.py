"""Which groups of environments there are, and which actor runs them."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.transport.messages import Welcome
from seed_matrace.transport.server import Capacity
from seed_matrace.types import ONE_HOST, Host

LIVES_PER_SESSION = 1 << 16
GROUPS_PER_ACTOR = 2  # one steps while the other waits for actions


@dataclass(frozen=True)
class GroupPlan:
    """``num_groups`` groups of ``group_size`` environments, spread over ``num_actors`` actors, on every host."""

    num_groups: int
    group_size: int
    num_actors: int
    host: Host = ONE_HOST

    @property
    def capacity(self) -> Capacity:
        """For the actors of this host."""
        return Capacity(self.num_actors, -(-self.num_groups // self.num_actors), self.group_size)

    def groups_of(self, task_id: int) -> tuple[int, ...]:
        """Every num_actors-th group.

        Raises:
          ValueError: there is no actor of that number.
        """
        if not 0 <= task_id < self.num_actors:
            raise ValueError(f"task id {task_id} is not among the {self.num_actors} actors 0 to {self.num_actors - 1}")
        return tuple(range(task_id, self.num_groups, self.num_actors))


def plan_groups(
    num_envs: int, num_actors: int, groups_per_actor: int = 0, host: Host = ONE_HOST, *, cores: int | None = None
) -> GroupPlan:
    """Equal groups, at least ``groups_per_actor`` for each actor if ``num_envs`` allows.

    How environments are grouped decides batching, not learning: an environment plays the same in any group.

    Args:
      num_envs: of this host.
      num_actors: 0 puts all environments into one group, for the one-process mode.
      groups_per_actor: 0 is two; but one where actors are at least as many as ``cores``, which then change between
        actors: two actors of one group keep two cores busier than one actor of two.
      host: no two of those that train together play alike.
      cores: of the machine that the learner shares with all of its actors; None where they run elsewhere.

    Raises:
      ValueError: more actors than environments.
    """
    if num_actors > num_envs:
        raise ValueError(f"{num_actors} actors for {num_envs} environments; lower --num_actors or raise run.num_envs")
    groups_per_actor = groups_per_actor or (1 if cores and num_actors >= cores else GROUPS_PER_ACTOR)
    wanted = min(num_actors * groups_per_actor, num_envs)
    num_groups = next(count for count in range(max(wanted, 1), num_envs + 1) if num_envs % count == 0)
    return GroupPlan(num_groups, num_envs // num_groups, max(num_actors, 1), host)


class GroupTable:
    """Assigns groups to actors that join; a group that is run again gets random streams nobody has played yet."""

    def __init__(self, plan: GroupPlan, *, seed: int, session: int = 0) -> None:
        """``session`` counts how often the run was resumed."""
        self._plan = plan
        self._seed = seed
        self._lives = [session * LIVES_PER_SESSION] * plan.num_groups
        self._map = "", ""

    def play(self, map_name: str, scenario: str) -> None:
        """Who joins from here on plays another map, or with "" that of its own, as ``Welcome`` says."""
        self._map = map_name, scenario

    def assign(self, task_id: int) -> tuple[tuple[int, ...], Welcome]:
        """The groups of an actor and what to tell it; ValueError if there is no such actor."""
        groups = self._plan.groups_of(task_id)
        plan = self._plan
        num_envs = plan.num_groups * plan.group_size
        first_envs = tuple(
            (self._lives[group] * plan.host.count + plan.host.index) * num_envs + group * plan.group_size
            for group in groups
        )
        for group in groups:
            self._lives[group] += 1
        return groups, Welcome(self._plan.group_size, first_envs, self._seed, *self._map)
