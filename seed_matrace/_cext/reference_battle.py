"""Naive twin of the compiled battle: the same rules in plain Python, one NumPy float32 at a time.

Rules and sources: docs/simulator.md. Every float operation stands in the order of the kernel, so that both agree to
the last bit; the tests play them against each other. Units are slots, allies first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seed_matrace._cext.reference_outcome import end_code, reward
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.rules import battle_rules
from seed_matrace.skirmish.units import MOVERS, UnitType

F = np.float32
IDLE, MOVE, ATTACK, ATTACK_MOVE = range(4)
STANDING, ANCHORED, MOVING = range(3)
LOOPS_PER_STEP = 8
LOOK_AHEAD = F(4)
PUSH_ROUNDS = 2
GAPS = 8
GAP_TURN = (F(0.9238795), F(0.38268343))
MASK = (1 << 64) - 1
BATTLE_STREAM = 1
UNTOUCHED, LANDED = 0, 1  # what a lance did to somebody; above LANDED: loops until the hit, plus LANDED
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
    push: tuple[F, F] = (F(0), F(0))

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

    def can_heal(self, other: Unit) -> bool:
        fits = self.type.weapon.bonus_attributes & other.type.attributes
        return other is not self and bool(fits) and bool(0 < other.health < F(other.type.health))


def snap(v: F) -> F:
    """Nearest point of the engine's grid of 1/4096."""
    return F(int(v * F(4096) + F(0.5))) * F(1 / 4096)


class ReferenceBattle:
    """One battle on ``battle_map``; environment ``env`` of ``seed``."""

    def __init__(self, battle_map: SkirmishMap, seed: int, env: int) -> None:
        self.map = battle_map
        self.rules = battle_rules(battle_map)
        self.random = RandomStream(seed, env, BATTLE_STREAM)
        self.start()

    def start(self) -> None:
        """A new episode; the random stream goes on."""
        self.units = []
        for slot, (unit_type, (x, y)) in enumerate(zip(self.map.units, self.map.spawn, strict=True)):
            gauge = F(unit_type.energy_start)
            health, shield = F(unit_type.health), F(unit_type.shield)
            ally = slot < self.map.n_agents
            scan = self.map.stats["scan"][slot]
            unit = Unit(unit_type, ally, slot, x, y, health, shield, gauge, x, y, IDLE, scan)
            self.units.append(unit)
        self.allies, self.enemies = self.units[: self.map.n_agents], self.units[self.map.n_agents :]
        point, span = self.rules.attack_point, self.rules.attack_span
        along = self.random.unit() if any(span) else F(0)
        for unit in self.enemies:
            unit.order = ATTACK_MOVE
            if not self.rules.attack_own_place:
                unit.goal_x, unit.goal_y = (F(start) + along * F(way) for start, way in zip(point, span, strict=True))

    def step(self, actions: Sequence[int]) -> tuple[float, int | None]:
        """One env step; returns SMAC's scaled reward and its end code (1 won, -1 lost, 0 drawn, None goes on)."""
        before = self.table()
        for unit, action in zip(self.allies, actions, strict=True):
            self.give_order(unit, int(action))
        for _ in range(LOOPS_PER_STEP):
            self.game_loop()
        layout, after = self.map.layout, self.table()
        divisor = (
            10 * len(self.enemies) + 200 + sum(unit.type.health + unit.type.shield for unit in self.enemies)
        ) / 20
        return reward(layout, divisor, before, after), end_code(layout, after)

    def table(self) -> np.ndarray:
        """The units as float32 [5, U]: x, y, health, shield, gauge."""
        columns = ("x", "y", "health", "shield", "gauge")
        return np.array([[getattr(unit, column) for unit in self.units] for column in columns], F)

    def give_order(self, unit: Unit, action: int) -> None:
        if action == 0:
            return
        heals = unit.type.heals
        target = (self.allies if heals else self.enemies)[action - 6] if action >= 6 else None
        if target is not None:
            same = unit.order == ATTACK and unit.target is target
            if same or not (unit.can_heal(target) if heals else unit.can_hit(target)):
                return
        unit.windup = unit.backswing = 0
        unit.target = target
        if unit.type.weapon.effect == "burst":
            unit.shot = None
        unit.order = IDLE if action == 1 else ATTACK if target is not None else MOVE
        if unit.order == MOVE:
            dx, dy = {2: (0, 2), 3: (0, -2), 4: (2, 0), 5: (-2, 0)}[action]
            unit.goal_x, unit.goal_y = unit.x + F(dx), unit.y + F(dy)

    def game_loop(self) -> None:
        for unit in self.units:
            unit.alive, unit.healed = bool(unit.health > 0), False
        living = [unit for unit in self.units if unit.alive]
        for unit in living:
            (self.choose_patient if unit.type.heals else self.choose_target)(unit)
        for unit in self.units:
            if unit.shot is not None:
                self.carry_shot(unit, unit.shot)
        for unit in living:
            unit.help_wait = max(unit.help_wait - 1, 0)
            (self.heal if unit.type.heals else self.attack)(unit)
        self.explode_dead()
        for unit in living:
            self.recover(unit)
        self.move_units(living)

    def foes(self, unit: Unit) -> list[Unit]:
        return self.enemies if unit.ally else self.allies

    def friends(self, unit: Unit) -> list[Unit]:
        return self.allies if unit.ally else self.enemies

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
            seen = [foe for foe in self.foes(unit) if foe.health > 0 and unit.edge_within(foe, unit.scan_range)]
            seen = [foe for foe in seen if unit.can_hit(foe)]
            if seen:
                best = min(seen, key=lambda foe: (not threatens(foe, unit), unit.distance2(foe)))
                if best is not unit.target:
                    unit.target, unit.windup = best, 0
                    held = unit.within(best, weapon.range)
        if not held:
            unit.windup = 0
        unit.in_reach = held

    def attack(self, unit: Unit) -> None:
        unit.gauge = max(unit.gauge - F(1), F(0))
        unit.backswing = max(unit.backswing - 1, 0)
        if not unit.in_reach:
            return
        if unit.windup > 0:
            unit.windup -= 1
        elif unit.gauge < 0.5:
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
        if weapon.effect == "explosion":
            unit.health = F(0)
            return
        if weapon.effect in ("direct", "burst"):
            self.strike(unit, target)
        if weapon.effect != "direct":
            self.launch(unit, target)
        delay = F(self.rules.delay_low) + F(self.rules.delay_span) * self.random.unit()
        unit.gauge = F(weapon.period) - F(weapon.damage_point) + delay
        unit.backswing = weapon.backswing

    def strike(self, unit: Unit, target: Unit) -> None:
        damage = F(unit.type.weapon.damage)
        if unit.type.weapon.bonus_attributes & target.type.attributes:
            damage += F(unit.type.weapon.bonus_damage)
        absorbed = min(target.shield, damage)
        target.shield -= absorbed
        damage -= absorbed
        if damage > 0:
            armor = F(0 if unit.type.weapon.ignores_armor else target.type.armor)
            damage = max(damage - armor, F(self.rules.minimum_damage))
            target.health = max(target.health - damage, F(0))
        target.shield_wait = target.type.shield_wait
        self.call_for_help(target, unit)

    def call_for_help(self, victim: Unit, attacker: Unit) -> None:
        if victim.order != ATTACK_MOVE or victim.help_wait > 0:
            return
        victim.help_wait = self.rules.help_period
        radius = F(self.rules.help_radius)
        for friend in self.friends(victim):
            free = friend.order == ATTACK_MOVE and friend.target is None and friend.health > 0
            if free and friend.can_hit(attacker) and victim.distance2(friend) <= radius * radius:
                friend.target = attacker

    # Shots under way

    def launch(self, unit: Unit, target: Unit) -> None:
        unit.shot = Shot(target, unit.x, unit.y)
        if unit.type.weapon.effect == "sweep":
            dx, dy = target.x - unit.x, target.y - unit.y
            distance = np.sqrt(dx * dx + dy * dy)
            direction = (dx / distance, dy / distance) if distance > 0 else (F(1), F(0))
            unit.shot = Shot(target, target.x, target.y, direction, marks=({}, {}))

    def carry_shot(self, unit: Unit, shot: Shot) -> None:
        carry = {"burst": self.second_blow, "missile": self.fly_missile, "sweep": self.sweep}
        shot.age += 1
        carry[unit.type.weapon.effect](unit, shot)

    def second_blow(self, unit: Unit, shot: Shot) -> None:
        weapon = unit.type.weapon
        if not unit.alive or shot.target.health <= 0:
            unit.shot = None
        elif shot.age >= weapon.hit_wait:
            unit.shot = None
            if unit.within(shot.target, weapon.range + weapon.range_slop):
                self.strike(unit, shot.target)

    def fly_missile(self, unit: Unit, shot: Shot) -> None:
        dx, dy = shot.target.x - shot.x, shot.target.y - shot.y
        distance = np.sqrt(dx * dx + dy * dy)
        speed = F(unit.type.weapon.missile_speed)
        if shot.target.health <= 0:
            unit.shot = None
        elif distance <= speed + F(shot.target.type.radius):
            unit.shot = None
            self.strike(unit, shot.target)
        else:
            scale = speed / distance
            shot.x, shot.y = shot.x + dx * scale, shot.y + dy * scale

    def sweep(self, unit: Unit, shot: Shot) -> None:
        for side, marks in zip((-1, 1), shot.marks, strict=True):
            self.sweep_lance(unit, shot, side, marks)
        if shot.age < unit.type.weapon.main_wait:
            return
        unit.shot = None
        for _ in range(2):
            if shot.target.health > 0:
                self.strike(unit, shot.target)

    def sweep_lance(self, unit: Unit, shot: Shot, side: int, marks: dict[int, int]) -> None:
        weapon = unit.type.weapon
        reach = F(weapon.sweep_reach)
        start = F(weapon.sweep_speed) * F(shot.age - 1) - reach
        end = min(start + F(weapon.sweep_speed), reach)
        low, high = (start, end) if side < 0 else (-end, -start)
        for foe in self.foes(unit):
            if foe.health <= 0 or foe is shot.target or not unit.can_hit(foe):
                continue
            mark = marks.get(foe.slot, UNTOUCHED)
            if mark > LANDED:
                marks[foe.slot] = mark - 1
                if mark - 1 == LANDED:
                    self.strike(unit, foe)
            elif mark == UNTOUCHED and start < reach and touches(unit, shot, foe, low, high):
                marks[foe.slot] = LANDED + weapon.hit_wait

    def explode_dead(self) -> None:
        fresh = True
        while fresh:
            fresh = False
            for unit in self.units:
                if unit.type.weapon.effect == "explosion" and unit.health <= 0 and not unit.exploded:
                    unit.exploded = fresh = True
                    for foe in self.foes(unit):
                        near = unit.edge_within(foe, unit.type.weapon.splash_radius)
                        if foe.health > 0 and unit.can_hit(foe) and near:
                            self.strike(unit, foe)

    # Recovery

    def choose_patient(self, unit: Unit) -> None:
        weapon, target = unit.type.weapon, unit.target
        if target is not None and not unit.can_heal(target):
            target = None
        slop = weapon.range_slop if unit.windup > 0 else 0.0
        held = target is not None and unit.within(target, weapon.range + slop)
        if unit.order == ATTACK and target is None:
            unit.order = IDLE
        if unit.order == ATTACK_MOVE and not held:
            needy = [friend for friend in self.friends(unit) if unit.can_heal(friend)]
            needy = [friend for friend in needy if unit.edge_within(friend, unit.scan_range)]
            target = None
            if needy and unit.gauge >= F(weapon.heal_energy):
                target = min(needy, key=lambda friend: (friend.health / F(friend.type.health), unit.distance2(friend)))
            held = target is not None and unit.within(target, weapon.range)
        unit.target, unit.windup, unit.in_reach = target, int(held), held

    def heal(self, unit: Unit) -> None:
        weapon, target = unit.type.weapon, unit.target
        unit.gauge = min(unit.gauge + F(unit.type.energy_regen), F(unit.type.energy_max))
        if not unit.in_reach or target is None or target.healed or target.health <= 0:
            return
        restored = min(F(weapon.damage), F(target.type.health) - target.health)
        if unit.gauge < restored * F(weapon.heal_cost):
            return
        target.healed = True
        unit.gauge -= restored * F(weapon.heal_cost)
        target.health += restored

    def recover(self, unit: Unit) -> None:
        if unit.health <= 0:
            return
        unit.health = min(unit.health + F(unit.type.health_regen), F(unit.type.health))
        if unit.shield_wait > 0:
            unit.shield_wait -= 1
        else:
            unit.shield = min(unit.shield + F(unit.type.shield_regen), F(unit.type.shield))

    # Movement

    def move_units(self, living: list[Unit]) -> None:
        for unit in living:
            unit.next = (unit.x, unit.y)
            self.plan(unit)
        anchored = [unit for unit in living if unit.stance == ANCHORED]
        for unit in living:
            if unit.type.acceleration > 0:
                fly(unit)
            elif unit.stance == MOVING:
                self.turn_corner(unit)
                self.walk(unit, anchored)
        for above in (False, True):
            for _ in range(PUSH_ROUNDS):
                push_apart([unit for unit in living if unit.type.above_ground == above])
        for unit in living:
            self.settle(unit)

    def plan(self, unit: Unit) -> None:
        unit.stance = STANDING
        if unit.in_reach or unit.backswing > 0 or unit.type.speed <= 0:
            unit.stance = ANCHORED
        elif unit.target is not None:
            unit.stance, unit.to = MOVING, (unit.target.x, unit.target.y)
        elif unit.order != IDLE:
            unit.to = (unit.goal_x, unit.goal_y)
            dx, dy = unit.goal_x - unit.x, unit.goal_y - unit.y
            arrival = F(self.rules.arrival_radius)
            if unit.order == MOVE or dx * dx + dy * dy > arrival * arrival:
                unit.stance = MOVING

    def turn_corner(self, unit: Unit) -> None:
        paths = self.rules.paths
        if paths is None or unit.type.mover != "ground":
            return
        width, height = self.map.walkable.shape
        here, there = (
            paths.cell_of[min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)]
            for x, y in ((unit.x, unit.y), unit.to)
        )
        corner = paths.corner[here, there]
        if corner >= 0:
            unit.to = (paths.cell_center[corner, 0], paths.cell_center[corner, 1])

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
        line = [other for other in anchored if other.type.above_ground == unit.type.above_ground]
        if try_turn(unit, line, dx, dy, (F(1), F(0))):
            return
        turns = list(TURNS)
        if unit.type.weapon.melee and unit.target is not None:
            side = self.find_gap(unit, line, side)
            dx, dy = unit.to[0] - unit.x, unit.to[1] - unit.y
            scale = speed / max(np.sqrt(dx * dx + dy * dy), speed)
            dx, dy = dx * scale, dy * scale
            turns = [(F(1), F(0)), *TURNS]
        for way in (side, -side):
            for cosine, sine in turns:
                if try_turn(unit, line, dx, dy, (cosine, way * sine)):
                    return

    def find_gap(self, unit: Unit, line: list[Unit], side: F) -> F:
        """Nearest free place round a crowded target, 22.5 degrees apart; returns on which side it is."""
        target = unit.target
        assert target is not None
        reach = F(0.95) * (F(unit.type.weapon.range + unit.type.radius) + F(target.type.radius))
        dx, dy = unit.x - target.x, unit.y - target.y
        distance = np.sqrt(dx * dx + dy * dy)
        if not distance > 0:
            return side
        dx, dy = dx * reach / distance, dy * reach / distance
        cosine, sine = F(1), F(0)
        for _ in range(GAPS):
            cosine, sine = cosine * GAP_TURN[0] - sine * GAP_TURN[1], sine * GAP_TURN[0] + cosine * GAP_TURN[1]
            for way in (side, -side):
                x = target.x + (cosine * dx + way * sine * dy)
                y = target.y + (cosine * dy - way * sine * dx)
                if self.stands(unit, x, y) and not any(takes(unit, other, x, y) for other in line):
                    unit.to = (x, y)
                    return way
        return side

    def settle(self, unit: Unit) -> None:
        x, y = snap(unit.next[0]), snap(unit.next[1])
        for place in ((x, y), (x, unit.y), (unit.x, y)):
            if self.stands(unit, *place):
                unit.x, unit.y = place
                return

    def stands(self, unit: Unit, x: F, y: F) -> bool:
        ground = self.rules.ground[MOVERS.index(unit.type.mover)]
        width, height = ground.shape
        return bool(0 <= x < width and 0 <= y < height and ground[int(x), int(y)])


def threatens(foe: Unit, unit: Unit) -> bool:
    return foe.can_hit(unit) or foe.type.always_threatens


def touches(unit: Unit, shot: Shot, foe: Unit, low: F, high: F) -> bool:
    """Whether ``foe`` is on the stretch [low, high] of the line that a lance goes over in this loop."""
    dx, dy = foe.x - shot.x, foe.y - shot.y
    along = shot.direction[0] * dy - shot.direction[1] * dx
    across = shot.direction[0] * dx + shot.direction[1] * dy
    reach = F(unit.type.weapon.splash_radius) + F(foe.type.radius)
    beyond = max(low - along, along - high, F(0))
    return bool(beyond * beyond + across * across <= reach * reach)


def fly(unit: Unit) -> None:
    """One loop of a unit that needs time to speed up and to brake."""
    acceleration, speed = F(unit.type.acceleration), F(unit.type.speed)
    change_x, change_y = -unit.velocity[0], -unit.velocity[1]
    if unit.stance == MOVING:
        dx, dy = unit.to[0] - unit.x, unit.to[1] - unit.y
        distance = np.sqrt(dx * dx + dy * dy)
        if distance <= speed and unit.order == MOVE:
            unit.order = IDLE
        if distance > 0:
            scale = min(speed, np.sqrt(F(2) * acceleration * distance)) / distance
            change_x, change_y = change_x + dx * scale, change_y + dy * scale
    change = np.sqrt(change_x * change_x + change_y * change_y)
    if change > acceleration:
        scale = acceleration / change
        change_x, change_y = change_x * scale, change_y * scale
    unit.velocity = (unit.velocity[0] + change_x, unit.velocity[1] + change_y)
    unit.next = (unit.x + unit.velocity[0], unit.y + unit.velocity[1])


def shorter_side(unit: Unit, dx: F, dy: F, line: list[Unit]) -> F:
    """Round which end of its own firing line a unit heading along (dx, dy) is there sooner: 1 left, -1 right."""
    line_x = line_y = F(-1000)
    if line:
        line_x = sum((other.x for other in line), F(0)) / F(len(line))
        line_y = sum((other.y for other in line), F(0)) / F(len(line))
    return F(1) if dx * (unit.y - line_y) - dy * (unit.x - line_x) >= 0 else F(-1)


def try_turn(unit: Unit, line: list[Unit], dx: F, dy: F, turn: tuple[F, F]) -> bool:
    """Takes the step (dx, dy) turned by an angle, if nobody is in the way there."""
    cosine, sine = turn
    step_x, step_y = cosine * dx - sine * dy, sine * dx + cosine * dy
    probe = unit.x + step_x * LOOK_AHEAD, unit.y + step_y * LOOK_AHEAD
    if any(in_the_way(unit, other, *probe) for other in line):
        return False
    unit.next = (unit.x + step_x, unit.y + step_y)
    return True


def takes(unit: Unit, other: Unit, x: F, y: F) -> bool:
    """Whether ``other`` leaves no room at (x, y)."""
    dx, dy = other.x - x, other.y - y
    gap = F(unit.type.separation_radius) + F(other.type.separation_radius)
    return bool(dx * dx + dy * dy < gap * gap)


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
