"""Units and random numbers of the naive battle; see battle.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seed_matrace.replay import Order
from seed_matrace.skirmish.units import UnitType

F = np.float32
IDLE, MOVE, ATTACK, ATTACK_MOVE = Order
STANDING, ANCHORED, MOVING = range(3)
MASK = (1 << 64) - 1


def mix64(z: int) -> int:
    """The finalizer of SplitMix64."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class RandomStream:
    """Counter-based random numbers of one environment."""

    def __init__(self, seed: int, env: int, purpose: int) -> None:
        self.key = mix64((mix64((mix64(seed) + env) & MASK) + purpose) & MASK)
        self.counter = 0

    def unit(self) -> F:
        """Uniform in [0, 1), a multiple of 2^-24."""
        self.counter += 1
        bits = mix64((self.key + self.counter * 0x9E3779B97F4A7C15) & MASK)
        return F(bits >> 40) * F(2.0**-24)

    def below(self, bound: int) -> int:
        """Uniform in [0, bound)."""
        self.counter += 1
        bits = mix64((self.key + self.counter * 0x9E3779B97F4A7C15) & MASK)
        return (bits >> 32) * bound >> 32


@dataclass
class Shot:
    """A hit that comes later: a second blow, a missile at (x, y), or lances sweeping a line across (x, y)."""

    target: Unit
    x: F
    y: F
    direction: tuple[F, F] = (F(1), F(0))
    age: int = 0
    marks: tuple[dict[int, int], dict[int, int]] = ({}, {})  # of both lances, by slot of the victim


@dataclass
class Unit:
    """One unit and what it is doing."""

    type: UnitType
    ally: bool
    slot: int
    x: F
    y: F
    health: F
    shield: F
    gauge: F  # cooldown, or energy of a healer
    goal_x: F
    goal_y: F
    order: int
    scan_range: float
    velocity: tuple[F, F] = (F(0), F(0))
    facing: tuple[F, F] = (F(1), F(0))
    weapon_wait: F = F(0)
    scan_wait: int = 0
    detour: F = F(0)  # 1 left, -1 right
    shot_at: Unit | None = None  # whom its last shot was meant for
    alarm: Unit | None = None  # who has hit it, or a friend, in this loop
    target: Unit | None = None
    windup: int = 0
    backswing: int = 0
    help_wait: int = 0
    shield_wait: int = 0
    exploded: bool = False
    shot: Shot | None = None  # under way
    # Of the current loop only:
    alive: bool = True
    in_reach: bool = False
    healed: bool = False
    stance: int = STANDING
    to: tuple[F, F] = (F(0), F(0))
    next: tuple[F, F] = (F(0), F(0))
    pushed: tuple[F, F] = (F(0), F(0))  # where it comes to be

    def distance2(self, other: Unit) -> F:
        dx, dy = other.x - self.x, other.y - self.y
        return dx * dx + dy * dy

    def within(self, other: Unit, weapon_range: float) -> bool:
        """Edge to edge."""
        return self.edge_within(other, weapon_range + self.type.radius)

    def edge_within(self, other: Unit, reach: float) -> bool:
        """Whether the edge of the other is at most ``reach`` from here."""
        limit = F(reach) + F(other.type.radius)
        return bool(self.distance2(other) <= limit * limit)

    def can_hit(self, other: Unit) -> bool:
        return bool(self.type.weapon.targets & other.type.planes)

    def cancel_aim(self) -> None:
        if self.windup > 0:
            self.windup, self.weapon_wait = 0, F(0)

    def can_heal(self, other: Unit) -> bool:
        fits = self.type.weapon.bonus_attributes & other.type.attributes
        return other is not self and bool(fits) and bool(0 < other.health < F(other.type.health))


def attacks(foe: Unit, unit: Unit) -> bool:
    """Whether ``foe`` is ordered to attack the unit, or counts as if it were."""
    return (foe.order == ATTACK and foe.target is unit) or foe.type.always_threatens


def urgency(foe: Unit, unit: Unit) -> tuple[bool, bool]:
    """How urgent it is for the unit to attack ``foe``: greater is more."""
    return foe.can_hit(unit) or foe.type.always_threatens, attacks(foe, unit)


def touches(unit: Unit, shot: Shot, foe: Unit, low: F, high: F) -> bool:
    """Whether ``foe`` is on the stretch [low, high] of the line that a lance goes over in this loop."""
    dx, dy = foe.x - shot.x, foe.y - shot.y
    along = shot.direction[0] * dy - shot.direction[1] * dx
    across = shot.direction[0] * dx + shot.direction[1] * dy
    reach = F(unit.type.weapon.splash_radius) + F(foe.type.radius)
    beyond = max(low - along, along - high, F(0))
    return bool(beyond * beyond + across * across <= reach * reach)
