"""Movement of the naive battle: goals, ways round others and obstacles, flying, pushing; see reference_battle.py."""

from __future__ import annotations

import numpy as np

from seed_matrace._cext.reference_edges import settle, stands
from seed_matrace._cext.reference_units import ANCHORED, IDLE, MOVE, MOVING, STANDING, F, Unit
from seed_matrace.skirmish.rules import BattleRules

LOOK_AHEAD = F(4)
PUSH_ROUNDS = 2
# Turns of a side step, as (cosine, sine): 30, 60, 90 and 120 degrees.
TURNS = ((F(0.8660254), F(0.5)), (F(0.5), F(0.8660254)), (F(0), F(1)), (F(-0.5), F(0.8660254)))
GAPS = 8
GAP_TURN = (F(0.9238795), F(0.38268343))


class Movement:
    """The movement phase of a game loop."""

    def __init__(self, rules: BattleRules) -> None:
        self.rules = rules

    def move(self, living: list[Unit]) -> None:
        """One loop: everybody plans and walks from the same positions, then all are pushed apart."""
        for unit in living:
            unit.next = (unit.x, unit.y)
            self.plan(unit)
        anchored = [unit for unit in living if unit.stance == ANCHORED]
        for unit in living:
            if unit.type.acceleration > 0:
                fly(unit)
            elif unit.stance == MOVING:
                if unit.target is not None and unit.order != MOVE:
                    unit.to = unit.target.next  # agents walk first
                self.turn_corner(unit)
                self.walk(unit, anchored)
        for above in (False, True):
            for _ in range(PUSH_ROUNDS):
                push_apart([unit for unit in living if unit.type.above_ground == above])
        for unit in living:
            settle(self.rules, unit)

    def plan(self, unit: Unit) -> None:
        unit.stance = STANDING
        fires_walking = unit.order == MOVE and unit.type.weapon.fires_freely
        if unit.type.speed <= 0 or ((unit.in_reach or unit.backswing > 0) and not fires_walking):
            unit.stance = ANCHORED
        elif unit.target is not None and not fires_walking:
            unit.stance, unit.to = MOVING, (unit.target.x, unit.target.y)
        elif unit.order != IDLE:
            unit.to = (unit.goal_x, unit.goal_y)
            dx, dy = unit.goal_x - unit.x, unit.goal_y - unit.y
            if unit.order == MOVE or dx != 0 or dy != 0:
                unit.stance = MOVING

    def turn_corner(self, unit: Unit) -> None:
        paths = self.rules.paths
        if paths is None or unit.type.mover != "ground":
            return
        width, height = self.rules.edges[0].shape
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
                if stands(self.rules, unit, x, y) and not any(takes(unit, other, x, y) for other in line):
                    unit.to = (x, y)
                    return way
        return side


def fly(unit: Unit) -> None:
    """One loop of a unit that needs time to speed up, to brake and to turn."""
    acceleration, lateral = F(unit.type.acceleration), F(unit.type.lateral_acceleration)
    vx, vy = unit.velocity
    speed, distance, moving = np.sqrt(vx * vx + vy * vy), F(0), unit.stance == MOVING
    dx, dy = (unit.to[0] - unit.x, unit.to[1] - unit.y) if moving else (F(0), F(0))
    distance = np.sqrt(dx * dx + dy * dy)
    heading = (F(0), F(0))
    if speed > 0:
        heading = (vx / speed, vy / speed)
    elif distance > 0:
        heading = (dx / distance, dy / distance)
    brakes = distance <= speed * speed / (F(2) * acceleration)
    speed = max(speed - acceleration, F(0)) if brakes else min(speed + acceleration, F(unit.type.speed))
    if moving and distance <= speed and unit.order == MOVE:
        unit.order = IDLE
    if distance > 0:
        dx, dy, (hx, hy) = dx / distance, dy / distance, heading
        turned = np.sqrt(speed * speed + lateral * lateral)
        side = lateral if hx * dy - hy * dx >= 0 else -lateral
        heading = ((speed * hx - side * hy) / turned, (speed * hy + side * hx) / turned)
        if (hx * dx + hy * dy) * turned >= speed:
            heading = (dx, dy)
    unit.velocity = (speed * heading[0], speed * heading[1])
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
    unit.facing = (step_x, step_y)
    return True


def takes(unit: Unit, other: Unit, x: F, y: F) -> bool:
    """Whether ``other`` leaves no room at (x, y)."""
    dx, dy = other.x - x, other.y - y
    gap = F(unit.type.radius) + F(other.type.radius)
    return bool(dx * dx + dy * dy < gap * gap)


def in_the_way(unit: Unit, other: Unit, x: F, y: F) -> bool:
    """Whether ``unit`` at (x, y) would come nearer into ``other``."""
    dx, dy = other.x - x, other.y - y
    gap = F(unit.type.radius) + F(other.type.radius)
    d2 = dx * dx + dy * dy
    return bool(d2 < gap * gap and d2 < unit.distance2(other))


def push_apart(living: list[Unit]) -> None:
    """One round of pushes, all from the same positions, summed in the order of the pairs."""
    for unit in living:
        unit.push = (F(0), F(0))
    for index, first in enumerate(living):
        for second in living[index + 1 :]:
            dx, dy = second.next[0] - first.next[0], second.next[1] - first.next[1]
            gap = F(first.type.radius) + F(second.type.radius)
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
