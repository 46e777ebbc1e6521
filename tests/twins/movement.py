"""Movement of the naive battle: goals, ways round others and obstacles, flying, pushing; see battle.py."""

from __future__ import annotations

import itertools

import numpy as np

from seed_matrace.skirmish.rules import BattleRules
from seed_matrace.skirmish.units import OVERLAP
from twins.edges import settle
from twins.units import ANCHORED, IDLE, MOVE, MOVING, STANDING, F, Unit

PUSH_ROUNDS = 5
FIRST_PART, PART = F(1), F(1.8)  # of an overlap, by which two part
NEAR, HARDLY = F(0.125), F(0.01)  # cells
TURNS, TURN = 8, (F(0.9659258), F(0.2588190))  # of 15 degrees: cosine, sine
LOOK_PERIOD = 4
TOUCH = F(1 / 256)  # cells; who only just touches is not in the way


class Movement:
    """The movement phase of a game loop."""

    def __init__(self, rules: BattleRules) -> None:
        self.rules = rules

    def move(self, living: list[Unit]) -> None:
        """One loop: everybody plans and walks from the same positions, then all are pushed apart."""
        for unit in living:
            unit.next = (unit.x, unit.y)
            self.plan(unit)
        anchored = [unit for unit in living if unit.stance == ANCHORED and not unit.type.above_ground]
        for unit in living:
            if unit.type.acceleration > 0:
                fly(unit)
            elif unit.stance == MOVING:
                if unit.target is not None and unit.order != MOVE:
                    unit.to = unit.target.next  # agents walk first
                self.turn_corner(unit)
                self.walk(unit, anchored)
        for above in (False, True):
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
        line = [other for other in anchored if other is not unit.target]
        if unit.type.above_ground:
            line = []
        step = (dx, dy)
        if not blocked(unit, line, dx, dy):
            unit.detour = F(0)
        else:
            step = turned_aside(unit, line, dx, dy)
        unit.next = (unit.x + step[0], unit.y + step[1])
        unit.facing = step


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


def separation(unit: Unit) -> F:
    return F(unit.type.radius - OVERLAP / 2)


def blocked(unit: Unit, line: list[Unit], dx: F, dy: F) -> bool:
    """Whether the step (dx, dy) goes into somebody of ``line``."""
    for other in line:
        ox, oy = other.x - unit.x, other.y - unit.y
        px, py = ox - dx, oy - dy
        gap = (separation(unit) - TOUCH) + separation(other)
        if px * px + py * py < gap * gap and ox * dx + oy * dy > 0:
            return True
    return False


def turned_aside(unit: Unit, line: list[Unit], dx: F, dy: F) -> tuple[F, F]:
    """The step turned as little as is free, round the nearer end of the wall; as it is if nothing is free."""
    length = np.sqrt(dx * dx + dy * dy)
    if not unit.detour or unit.scan_wait % LOOK_PERIOD == 0:
        unit.detour = nearer_end(unit, line, dx / length, dy / length)
    side, cosine, sine = unit.detour, F(1), F(0)
    for _ in range(TURNS):
        turned = cosine * TURN[0] - sine * TURN[1]
        sine = sine * TURN[0] + cosine * TURN[1]
        cosine = turned
        step = (cosine * dx - side * sine * dy, side * sine * dx + cosine * dy)
        if not blocked(unit, line, *step):
            return step
    return dx, dy


def nearer_end(unit: Unit, line: list[Unit], hx: F, hy: F) -> F:
    """Round which end of the wall ahead in direction (hx, hy) the way is shorter: 1 left, -1 right."""
    ahead = []
    for other in line:
        ox, oy = other.x - unit.x, other.y - unit.y
        along, across = ox * hx + oy * hy, hx * oy - hy * ox
        gap = separation(unit) + separation(other)
        if along > 0:
            ahead.append((along, across - gap, across + gap))
    nearest, low, high = min(
        ((along, left, right) for along, left, right in ahead if left < 0 < right),
        key=lambda one: one[0],
        default=(F(-1), F(0), F(0)),
    )
    grows = True
    while grows:
        grows = False
        for along, left, right in ahead:
            if along > nearest + F(1.5):
                continue
            if left < low < right:
                low, grows = left, True
            if right > high > left:
                high, grows = right, True
    return F(1) if high < -low else F(-1)


def push_apart(living: list[Unit]) -> None:
    """Parts overlapping pairs of a layer until hardly anybody overlaps."""
    for unit in living:
        unit.pushed = unit.next
    pairs = [pair for pair in itertools.combinations(living, 2) if near(*pair)]
    for index in range(PUSH_ROUNDS):
        if max((push_pair(*pair, first=index == 0) for pair in pairs), default=F(0)) <= HARDLY:
            break
    for unit in living:
        unit.next = unit.pushed


def near(one: Unit, other: Unit) -> bool:
    """Whether pushes may bring them together."""
    dx, dy = other.pushed[0] - one.pushed[0], other.pushed[1] - one.pushed[1]
    gap = separation(one) + NEAR + separation(other)
    return bool(dx * dx + dy * dy < gap * gap)


def push_pair(one: Unit, other: Unit, *, first: bool) -> F:
    """Parts two by more than their overlap, which is returned; 0 if there is none."""
    dx, dy = other.pushed[0] - one.pushed[0], other.pushed[1] - one.pushed[1]
    gap = separation(one) + separation(other)
    if dx * dx + dy * dy >= gap * gap:
        return F(0)
    distance = np.sqrt(dx * dx + dy * dy)
    overlap = gap - distance
    nx, ny = (dx / distance, dy / distance) if distance > 0 else (F(1), F(0))
    aside = pass_by(one, other, nx, ny) if first else F(0)
    part = FIRST_PART if first else PART
    back = overlap * part * yielding(one, other)
    forth = overlap * part - back
    give_way(one, ny * aside - nx * back, -nx * aside - ny * back)
    give_way(other, nx * forth - ny * aside, ny * forth + nx * aside)
    return overlap


def give_way(unit: Unit, dx: F, dy: F) -> None:
    """Moves a unit; nobody gets faster by it, flyers neither."""
    x, y = unit.pushed[0] + dx, unit.pushed[1] + dy
    dx, dy = x - unit.x, y - unit.y
    d2, speed = dx * dx + dy * dy, F(unit.type.speed)
    if d2 > speed * speed:
        scale = speed / np.sqrt(d2)
        x, y = unit.x + dx * scale, unit.y + dy * scale
    unit.pushed = (x, y)


def pass_by(one: Unit, other: Unit, nx: F, ny: F) -> F:
    """How far walkers that meet turn aside for each other, to the right; below 0 to the left."""
    if not one.stance == other.stance == MOVING:
        return F(0)
    wx = (other.next[0] - other.x) - (one.next[0] - one.x)
    wy = (other.next[1] - other.y) - (one.next[1] - one.y)
    if wx * nx + wy * ny >= 0:
        return F(0)
    along, m2 = wy * nx - wx * ny, wx * wx + wy * wy
    speeds = F(one.type.speed) + F(other.type.speed)
    aside = F(0.15) * m2 / (speeds * speeds) * (np.sqrt(m2) - abs(along))
    return -aside if along < 0 else aside


def yielding(unit: Unit, other: Unit) -> F:
    """Which part of an overlap with ``other``, which comes after it, the unit gives way."""
    if unit.stance == other.stance == MOVING:
        mine, yours = (F(one.type.radius) for one in (unit, other))
        mine, yours = mine * mine * mine, yours * yours * yours
        part = mine / (mine + yours)
        return min(part + F(0.2), F(1)) if unit.ally and other.ally else part
    if unit.stance == other.stance:
        return F(0.5)
    if ANCHORED in (unit.stance, other.stance):
        return F(0) if unit.stance == ANCHORED else F(1)
    if unit.ally != other.ally:
        return F(1) if unit.stance == MOVING else F(0)
    return F(0.15) if unit.stance == MOVING else F(0.85)
