"""Naive twin of the compiled battle: the same rules in plain Python, one NumPy float32 at a time.

Rules and sources: docs/simulator.md. Every float operation stands in the order of the kernel, so that both agree to
the last bit; the tests play them against each other. Units are slots, allies first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UnitType, load_engine

F = np.float32
IDLE, MOVE, ATTACK, ATTACK_MOVE = range(4)
STANDING, ANCHORED, MOVING = range(3)
LOOPS_PER_STEP = 8
LOOK_AHEAD = F(4)
PUSH_ROUNDS = 2
MASK = (1 << 64) - 1
BATTLE_STREAM = 1
# Turns of a side step, as (cosine, sine): 30, 60, 90 and 120 degrees.
TURNS = ((F(0.8660254), F(0.5)), (F(0.5), F(0.8660254)), (F(0), F(1)), (F(-0.5), F(0.8660254)))


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


@dataclass
class Unit:
    """One unit and what it is doing."""

    type: UnitType
    ally: bool
    x: F
    y: F
    health: F
    shield: F
    goal_x: F
    goal_y: F
    order: int
    cooldown: F = F(0)
    target: Unit | None = None
    windup: int = 0
    backswing: int = 0
    help_wait: int = 0
    # Of the current loop only:
    alive: bool = True
    in_reach: bool = False
    stance: int = STANDING
    to: tuple[F, F] = (F(0), F(0))
    next: tuple[F, F] = (F(0), F(0))
    push: tuple[F, F] = (F(0), F(0))

    def distance2(self, other: Unit) -> F:
        dx, dy = other.x - self.x, other.y - self.y
        return dx * dx + dy * dy

    def within(self, other: Unit, weapon_range: float) -> bool:
        """Edge to edge."""
        limit = F(weapon_range + self.type.radius) + F(other.type.radius)
        return bool(self.distance2(other) <= limit * limit)


def snap(v: F) -> F:
    """Nearest point of the engine's grid of 1/4096."""
    return F(int(v * F(4096) + F(0.5))) * F(1 / 4096)


class ReferenceBattle:
    """One battle on ``battle_map``; environment ``env`` of ``seed``."""

    def __init__(self, battle_map: SkirmishMap, seed: int, env: int) -> None:
        self.map = battle_map
        self.engine = load_engine()
        self.random = RandomStream(seed, env, BATTLE_STREAM)
        self.start()

    def start(self) -> None:
        """A new episode; the random stream goes on."""
        goal_x, goal_y = map(F, self.map.attack_point)
        self.units = []
        for slot, (unit_type, (x, y)) in enumerate(zip(self.map.units, self.map.spawn, strict=True)):
            ally = slot < self.map.n_agents
            order = IDLE if ally else ATTACK_MOVE
            unit = Unit(unit_type, ally, x, y, F(unit_type.health), F(unit_type.shield), goal_x, goal_y, order)
            self.units.append(unit)
        self.allies, self.enemies = self.units[: self.map.n_agents], self.units[self.map.n_agents :]
        enemy_area = sum(unit.type.separation_radius**2 for unit in self.enemies)
        self.arrival_radius = F(1.1 * float(np.sqrt(enemy_area)))

    def step(self, actions: Sequence[int]) -> tuple[float, int | None]:
        """One env step; returns SMAC's scaled reward and its end code (1 won, -1 lost, 0 drawn, None goes on)."""
        before = [float(unit.health) + float(unit.shield) if unit.health > 0 else 0.0 for unit in self.enemies]
        for unit, action in zip(self.allies, actions, strict=True):
            self.give_order(unit, int(action))
        for _ in range(LOOPS_PER_STEP):
            self.game_loop()
        return self.outcome(before)

    def outcome(self, before: list[float]) -> tuple[float, int | None]:
        damage = deaths = 0.0
        for unit, previous in zip(self.enemies, before, strict=True):
            if previous > 0 and unit.health <= 0:
                deaths += 10
                damage += previous
            elif previous > 0:
                damage += previous - (float(unit.health) + float(unit.shield))
        reward = abs(damage + deaths)
        allies = any(unit.health > 0 for unit in self.allies)
        enemies = any(unit.health > 0 for unit in self.enemies)
        if allies and not enemies:
            reward += 200
        full = sum(unit.type.health + unit.type.shield for unit in self.enemies)
        scaled = reward / ((10 * len(self.enemies) + 200 + full) / 20)
        code = None if allies and enemies else int(allies) - int(enemies)
        return scaled, code

    def give_order(self, unit: Unit, action: int) -> None:
        if action == 0:
            return
        target = self.enemies[action - 6] if action >= 6 else None
        if target is not None and unit.order == ATTACK and unit.target is target:
            return
        unit.windup = unit.backswing = 0
        unit.target = target
        unit.order = IDLE if action == 1 else ATTACK if target is not None else MOVE
        if unit.order == MOVE:
            dx, dy = {2: (0, 2), 3: (0, -2), 4: (2, 0), 5: (-2, 0)}[action]
            unit.goal_x, unit.goal_y = unit.x + F(dx), unit.y + F(dy)

    def game_loop(self) -> None:
        for unit in self.units:
            unit.alive = bool(unit.health > 0)
        living = [unit for unit in self.units if unit.alive]
        for unit in living:
            self.choose_target(unit)
        for unit in living:
            self.attack(unit)
        for unit in living:
            self.plan(unit)
        anchored = [unit for unit in living if unit.stance == ANCHORED]
        for unit in living:
            unit.next = (unit.x, unit.y)
            if unit.stance == MOVING:
                self.walk(unit, anchored)
        for _ in range(PUSH_ROUNDS):
            push_apart(living)
        for unit in living:
            self.settle(unit)

    # Combat

    def choose_target(self, unit: Unit) -> None:
        weapon = unit.type.weapon
        if unit.target is not None and unit.target.health <= 0:
            unit.target = None
        if unit.order == ATTACK and unit.target is None:
            unit.order = IDLE
        slop = weapon.range_slop if unit.windup > 0 else 0.0
        held = unit.target is not None and unit.within(unit.target, weapon.range + slop)
        if unit.order == ATTACK_MOVE and not held:
            foes = self.enemies if unit.ally else self.allies
            seen = [foe for foe in foes if foe.health > 0 and unit.within(foe, weapon.scan_range)]
            if seen:
                nearest = min(seen, key=unit.distance2)
                if nearest is not unit.target:
                    unit.target, unit.windup = nearest, 0
                    held = unit.within(nearest, weapon.range)
        if not held:
            unit.windup = 0
        unit.in_reach = held

    def attack(self, unit: Unit) -> None:
        unit.cooldown = max(unit.cooldown - F(1), F(0))
        unit.backswing = max(unit.backswing - 1, 0)
        unit.help_wait = max(unit.help_wait - 1, 0)
        if not unit.in_reach:
            return
        if unit.windup > 0:
            unit.windup -= 1
        elif unit.cooldown < 0.5:
            unit.windup = unit.type.weapon.damage_point
        else:
            return
        if unit.windup == 0:
            self.shoot(unit)

    def shoot(self, unit: Unit) -> None:
        weapon, target = unit.type.weapon, unit.target
        assert target is not None
        if target.health <= 0:
            return
        self.hit(unit, target)
        low, high = self.engine.attack_delay_loops
        delay = F(low) + F(high - low) * self.random.unit()
        unit.cooldown = F(weapon.period) - F(weapon.damage_point) + delay
        unit.backswing = weapon.backswing
        self.call_for_help(target, unit)

    def hit(self, unit: Unit, target: Unit) -> None:
        damage = F(unit.type.weapon.damage)
        if unit.type.weapon.bonus_attributes & target.type.attributes:
            damage += F(unit.type.weapon.bonus_damage)
        absorbed = min(target.shield, damage)
        target.shield -= absorbed
        damage -= absorbed
        if damage > 0:
            damage = max(damage - F(target.type.armor), F(self.engine.minimum_damage))
            target.health = max(target.health - damage, F(0))

    def call_for_help(self, victim: Unit, attacker: Unit) -> None:
        if victim.order != ATTACK_MOVE or victim.help_wait > 0:
            return
        victim.help_wait = self.engine.help_period_loops
        radius = F(self.engine.help_radius)
        for friend in self.allies if victim.ally else self.enemies:
            free = friend.order == ATTACK_MOVE and friend.target is None and friend.health > 0
            if free and victim.distance2(friend) <= radius * radius:
                friend.target = attacker

    # Movement

    def plan(self, unit: Unit) -> None:
        unit.stance = STANDING
        if unit.in_reach or unit.backswing > 0:
            unit.stance = ANCHORED
        elif unit.target is not None:
            unit.stance, unit.to = MOVING, (unit.target.x, unit.target.y)
        elif unit.order != IDLE:
            unit.to = (unit.goal_x, unit.goal_y)
            dx, dy = unit.goal_x - unit.x, unit.goal_y - unit.y
            if unit.order == MOVE or dx * dx + dy * dy > self.arrival_radius * self.arrival_radius:
                unit.stance = MOVING

    def walk(self, unit: Unit, anchored: list[Unit]) -> None:
        dx, dy = unit.to[0] - unit.x, unit.to[1] - unit.y
        distance = np.sqrt(dx * dx + dy * dy)
        speed = F(unit.type.speed)
        if distance > speed:
            scale = speed / distance
            dx, dy = dx * scale, dy * scale
        elif unit.order == MOVE:
            unit.order = IDLE
        side = shorter_side(unit, dx, dy, [other for other in anchored if other.ally == unit.ally])
        turns = [(F(1), F(0))]
        turns += [(cosine, side * sine) for cosine, sine in TURNS]
        turns += [(cosine, -side * sine) for cosine, sine in TURNS]
        for cosine, sine in turns:
            step_x, step_y = cosine * dx - sine * dy, sine * dx + cosine * dy
            probe = unit.x + step_x * LOOK_AHEAD, unit.y + step_y * LOOK_AHEAD
            if not any(in_the_way(unit, other, *probe) for other in anchored):
                unit.next = (unit.x + step_x, unit.y + step_y)
                return

    def settle(self, unit: Unit) -> None:
        x, y = snap(unit.next[0]), snap(unit.next[1])
        for place in ((x, y), (x, unit.y), (unit.x, y)):
            if self.stands(*place):
                unit.x, unit.y = place
                return

    def stands(self, x: F, y: F) -> bool:
        width, height = self.map.walkable.shape
        return bool(0 <= x < width and 0 <= y < height and self.map.walkable[int(x), int(y)])


def shorter_side(unit: Unit, dx: F, dy: F, line: list[Unit]) -> F:
    """Round which end of its own firing line a unit heading along (dx, dy) is there sooner: 1 left, -1 right."""
    line_x = line_y = F(-1000)
    if line:
        line_x = sum((other.x for other in line), F(0)) / F(len(line))
        line_y = sum((other.y for other in line), F(0)) / F(len(line))
    return F(1) if dx * (unit.y - line_y) - dy * (unit.x - line_x) >= 0 else F(-1)


def in_the_way(unit: Unit, other: Unit, x: F, y: F) -> bool:
    """Whether ``unit`` at (x, y) would come nearer into ``other``."""
    dx, dy = other.x - x, other.y - y
    gap = F(unit.type.separation_radius) + F(other.type.separation_radius)
    d2 = dx * dx + dy * dy
    return bool(d2 < gap * gap and d2 < unit.distance2(other))


def push_apart(living: list[Unit]) -> None:
    """One round of pushes, all from the same positions, summed in the order of the pairs."""
    for unit in living:
        unit.push = (F(0), F(0))
    for index, first in enumerate(living):
        for second in living[index + 1 :]:
            dx, dy = second.next[0] - first.next[0], second.next[1] - first.next[1]
            gap = F(first.type.separation_radius) + F(second.type.separation_radius)
            if dx * dx + dy * dy < gap * gap:
                push_pair(first, second, dx, dy, gap)
    for unit in living:
        unit.next = (unit.next[0] + unit.push[0], unit.next[1] + unit.push[1])


def push_pair(first: Unit, second: Unit, dx: F, dy: F, gap: F) -> None:
    distance = np.sqrt(dx * dx + dy * dy)
    overlap = gap - distance
    dx, dy = (dx / distance, dy / distance) if distance > 0 else (F(1), F(0))
    back, forth = overlap * yielding(first, second), overlap * yielding(second, first)
    first.push = (first.push[0] - dx * back, first.push[1] - dy * back)
    second.push = (second.push[0] + dx * forth, second.push[1] + dy * forth)


def yielding(unit: Unit, other: Unit) -> F:
    """Which part of an overlap with ``other`` the unit gives way."""
    if unit.stance == other.stance:
        return F(0.5)
    if ANCHORED in (unit.stance, other.stance):
        return F(0) if unit.stance == ANCHORED else F(1)
    if unit.ally != other.ally:
        return F(1) if unit.stance == MOVING else F(0)
    return F(0.5)
