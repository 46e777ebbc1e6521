"""Naive twin of the compiled battle: the same rules in plain Python, one NumPy float32 at a time.

Rules and sources: docs/simulator.md. Every float operation stands in the order of the kernel, so that both agree to
the last bit; the tests play them against each other. Units are slots, allies first. Targets are in targets.py, movement
in movement.py, rewards and ends in outcome.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seed_matrace.replay import EVENTS
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.rules import battle_rules
from twins.movement import Movement
from twins.outcome import end_code, reward
from twins.targets import SCAN_PERIOD, face, keep_target, look_round
from twins.units import (
    ATTACK,
    ATTACK_MOVE,
    IDLE,
    MOVE,
    F,
    RandomStream,
    Shot,
    Unit,
    touches,
)

LOOPS_PER_STEP = 8
BATTLE_STREAM = 1
UNTOUCHED, LANDED = 0, 1  # what a lance did to somebody; above LANDED: loops until the hit, plus LANDED


class ReferenceBattle:
    """One battle on ``battle_map``; environment ``env`` of ``seed``."""

    def __init__(self, battle_map: SkirmishMap, seed: int, env: int) -> None:
        self.map = battle_map
        self.rules = battle_rules(battle_map)
        self.movement = Movement(self.rules)
        self.random = RandomStream(seed, env, BATTLE_STREAM)
        self.start()

    def start(self) -> None:
        """A new episode; the random stream goes on."""
        self.loops: list[np.ndarray] = []  # the table after every loop of the last step
        self.events: list[tuple[int, int, int, int, float]] = []  # of the last step: loop, event, unit, target, amount
        self.units = []
        numbers = self.numbers()
        phase = self.random.below(SCAN_PERIOD)
        along = self.random.unit() if any(self.rules.attack_span) else F(0)
        for slot, created in enumerate(numbers):
            unit_type, (x, y) = self.map.units[created], self.map.spawn[created]
            gauge = F(unit_type.energy_start)
            health, shield = F(unit_type.health), F(unit_type.shield)
            ally = slot < self.map.n_agents
            scan = self.map.stats["scan"][created]
            unit = Unit(unit_type, ally, slot, x, y, health, shield, gauge, x, y, IDLE, scan)
            unit.facing = (F(1 if ally else -1), F(0))
            unit.scan_wait = 1 + (phase + created) % SCAN_PERIOD
            self.units.append(unit)
        self.allies, self.enemies = self.units[: self.map.n_agents], self.units[self.map.n_agents :]
        point, span = self.rules.attack_point, self.rules.attack_span
        middle = [sum((getattr(unit, axis) for unit in self.enemies), F(0)) / F(len(self.enemies)) for axis in "xy"]
        way = [F(start) + along * F(way) - mean for start, way, mean in zip(point, span, middle, strict=True)]
        for unit in self.enemies:
            unit.order = ATTACK_MOVE
            if not self.rules.attack_own_place:
                unit.goal_x, unit.goal_y = unit.x + way[0], unit.y + way[1]
        self.game_loop()

    def numbers(self) -> list[int]:
        """Which unit, in the order of creation, is in which slot."""
        agents, units = self.map.n_agents, len(self.map.units)
        free = list(range(agents, units))
        created = list(range(units))
        for number in range(agents, units):
            created[free.pop(0 if self.random.below(2) else -1)] = number
        return created

    def step(self, actions: Sequence[int]) -> tuple[float, int | None]:
        """One env step; returns SMAC's scaled reward and its end code (1 won, -1 lost, 0 drawn, None goes on)."""
        before = self.table()
        self.loops, self.events = [], []
        for unit, action in zip(self.allies, actions, strict=True):
            self.give_order(unit, int(action))
        for _ in range(LOOPS_PER_STEP):
            self.game_loop()
            self.loops.append(self.table())
        healer = np.array([unit.type.heals for unit in self.units], np.uint8)
        layout, after = dataclasses.replace(self.map.layout, healer=healer), self.table()
        divisor = (
            10 * len(self.enemies) + 200 + sum(unit.type.health + unit.type.shield for unit in self.enemies)
        ) / 20
        return reward(layout, divisor, before, after), end_code(layout, after)

    def note(self, event: str, unit: Unit, target: Unit, amount: F = F(0)) -> None:  # noqa: B008 - immutable
        self.events.append((len(self.loops), EVENTS.index(event), unit.slot, target.slot, float(amount)))

    def table(self) -> np.ndarray:
        """The units as float32 [5, U]: x, y, health, shield, gauge."""
        columns = ("x", "y", "health", "shield", "gauge")
        return np.array([[getattr(unit, column) for unit in self.units] for column in columns], F)

    def give_order(self, unit: Unit, action: int) -> None:
        if action == 0:
            return
        if action >= 6:
            self.take_order(unit, ATTACK, (self.allies if unit.type.heals else self.enemies)[action - 6])
        elif action == 1:
            self.take_order(unit, IDLE)
        else:
            dx, dy = {2: (0, 2), 3: (0, -2), 4: (2, 0), 5: (-2, 0)}[action]
            self.take_order(unit, MOVE, None, (unit.x + F(dx), unit.y + F(dy)))

    def take_order(self, unit: Unit, order: int, target: Unit | None = None, goal: tuple[F, F] | None = None) -> bool:
        if target is not None:
            if unit.order == ATTACK and unit.target is target:
                return True
            if not (unit.can_heal(target) if unit.type.heals else unit.can_hit(target)):
                return False
        unit.backswing = 0
        if target is not None or not unit.type.weapon.fires_freely:
            unit.cancel_aim()
            unit.target = target
        if unit.type.weapon.effect == "burst":
            unit.shot = None
        unit.order = order
        if goal is not None:
            unit.goal_x, unit.goal_y = goal
        return True

    def game_loop(self) -> None:
        for unit in self.units:
            unit.alive, unit.healed = bool(unit.health > 0), False
        living = [unit for unit in self.units if unit.alive]
        for unit in living:
            if unit.type.heals:
                self.choose_patient(unit)
            else:
                keep_target(unit, self.foes(unit))
        for unit in self.units:
            if unit.shot is not None:
                self.carry_shot(unit, unit.shot)
        for unit in living:
            unit.help_wait = max(unit.help_wait - 1, 0)
            (self.heal if unit.type.heals else self.attack)(unit)
        self.explode_dead()
        for unit in living:
            self.recover(unit)
        for unit in living:
            if not unit.type.heals:
                look_round(unit, self.foes(unit))
        self.movement.move(living)

    def foes(self, unit: Unit) -> list[Unit]:
        return self.enemies if unit.ally else self.allies

    def friends(self, unit: Unit) -> list[Unit]:
        return self.allies if unit.ally else self.enemies

    # Combat

    def attack(self, unit: Unit) -> None:
        weapon = unit.type.weapon
        unit.gauge = max(unit.gauge - F(1), F(0))
        unit.weapon_wait = unit.weapon_wait - F(1) if unit.weapon_wait > 0 else F(0)
        unit.backswing = max(unit.backswing - 1, 0)
        if not unit.in_reach:
            return
        assert unit.target is not None
        faces = unit.type.weapon.fires_freely or face(unit, unit.target)
        if unit.windup > 0:
            unit.windup -= 1
        elif unit.weapon_wait <= 0 and faces:
            delay = F(self.rules.delay_low) + F(self.rules.delay_span) * self.random.unit()
            unit.weapon_wait += F(weapon.period) + delay
            unit.windup = weapon.damage_point
        else:
            return
        if unit.windup == 0:
            self.shoot(unit)

    def shoot(self, unit: Unit) -> None:
        weapon, target = unit.type.weapon, unit.target
        assert target is not None
        if target.health <= 0:
            unit.weapon_wait = F(0)
            return
        self.note("shot", unit, target)
        unit.shot_at = target
        if weapon.effect == "explosion":
            unit.health = F(0)
            return
        if weapon.effect in ("direct", "burst"):
            self.strike(unit, target)
        if weapon.effect != "direct":
            self.launch(unit, target)
        unit.gauge = unit.weapon_wait
        unit.backswing = weapon.backswing

    def strike(self, unit: Unit, target: Unit) -> None:
        before = target.health + target.shield
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
        self.note("hit", unit, target, before - target.health - target.shield)
        self.call_for_help(target, unit)

    def call_for_help(self, victim: Unit, attacker: Unit) -> None:
        victim.alarm = attacker
        if victim.order != ATTACK_MOVE or victim.help_wait > 0:
            return
        victim.help_wait = self.rules.help_period
        radius = F(self.rules.help_radius)
        for friend in self.friends(victim):
            if victim.distance2(friend) <= radius * radius:
                friend.alarm = attacker

    # Shots under way

    def launch(self, unit: Unit, target: Unit) -> None:
        unit.shot = Shot(target, unit.x, unit.y)
        if unit.type.weapon.effect == "sweep":
            dx, dy = target.x - unit.x, target.y - unit.y
            distance = np.sqrt(dx * dx + dy * dy)
            direction = (dx / distance, dy / distance) if distance > 0 else (F(1), F(0))
            unit.shot = Shot(target, target.x, target.y, direction, marks=({}, {}))
            self.carry_shot(unit, unit.shot)

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
        if shot.age >= unit.type.weapon.sweep_wait:
            unit.shot = None

    def sweep_lance(self, unit: Unit, shot: Shot, side: int, marks: dict[int, int]) -> None:
        weapon = unit.type.weapon
        reach = F(weapon.sweep_reach)
        first, last = (int(F(weapon.sweep_rate) * F(age)) for age in (shot.age - 1, shot.age))
        start = F(weapon.sweep_step) * F(first) - reach
        end = min(F(weapon.sweep_step) * F(last - 1) - reach, reach)
        low, high = (start, end) if side < 0 else (-end, -start)
        for foe in self.foes(unit):
            if foe.health <= 0 or not unit.can_hit(foe):
                continue
            mark = marks.get(foe.slot, UNTOUCHED)
            if mark > LANDED:
                marks[foe.slot] = mark - 1
                if mark - 1 == LANDED:
                    self.strike(unit, foe)
            elif mark == UNTOUCHED and start <= end and touches(unit, shot, foe, low, high):
                marks[foe.slot] = LANDED + weapon.hit_wait

    def explode_dead(self) -> None:
        fresh = True
        while fresh:
            fresh = False
            for unit in self.units:
                if unit.type.weapon.effect == "explosion" and unit.health <= 0 and not unit.exploded:
                    unit.exploded = fresh = True
                    self.note("blast", unit, unit)
                    for foe in self.foes(unit):
                        near = unit.edge_within(foe, unit.type.weapon.splash_radius)
                        if foe.health > 0 and unit.can_hit(foe) and near:
                            self.strike(unit, foe)

    # Recovery

    def choose_patient(self, unit: Unit) -> None:
        weapon, target = unit.type.weapon, unit.target
        unit.scan_wait -= 1
        if target is not None and not unit.can_heal(target):
            target = None
        slop = weapon.range_slop if unit.windup > 0 else 0.0
        held = target is not None and unit.within(target, weapon.range + slop)
        if unit.order == ATTACK and target is None:
            unit.order = IDLE
        if unit.order != ATTACK_MOVE:
            unit.backswing = 0
        elif not held and unit.scan_wait <= 0:
            needy = [friend for friend in self.friends(unit) if unit.can_heal(friend)]
            needy = [friend for friend in needy if unit.edge_within(friend, unit.scan_range)]
            target = None
            if needy and unit.gauge >= F(weapon.heal_energy):
                target = min(needy, key=lambda friend: (friend.health / F(friend.type.health), unit.distance2(friend)))
            held = target is not None and unit.within(target, weapon.range)
            unit.backswing = int(target is None and self.fights_beside(unit))
        if unit.scan_wait <= 0:
            unit.scan_wait = SCAN_PERIOD
        unit.target, unit.windup, unit.in_reach = target, int(held), held

    def fights_beside(self, unit: Unit) -> bool:
        """Whether somebody the healer could heal, were it hurt, has an opponent to attack."""
        friends = [
            friend for friend in self.friends(unit) if friend is not unit and friend.health > 0 and friend.target
        ]
        fitting = [friend for friend in friends if unit.type.weapon.bonus_attributes & friend.type.attributes]
        return any(unit.edge_within(friend, unit.scan_range) for friend in fitting)

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
        self.note("heal", unit, target, restored)

    def recover(self, unit: Unit) -> None:
        if unit.health <= 0:
            return
        unit.health = min(unit.health + F(unit.type.health_regen), F(unit.type.health))
        if unit.shield_wait > 0:
            unit.shield_wait -= 1
        else:
            unit.shield = min(unit.shield + F(unit.type.shield_regen), F(unit.type.shield))
