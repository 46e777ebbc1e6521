"""Whom a unit of the naive battle attacks, and turning to it; see battle.py."""

from __future__ import annotations

import numpy as np

from twins.units import ATTACK, ATTACK_MOVE, IDLE, MOVE, F, Unit, attacks, urgency

SCAN_PERIOD = 8
# What a loop turns a unit by, 62.5 degrees, and that with 11.25 more.
TURN_COSINE, TURN_SINE, AIM_COSINE = F(0.46174861), F(0.88701083), F(0.27982903)


def keep_target(unit: Unit, foes: list[Unit]) -> None:
    target, weapon = unit.target, unit.type.weapon
    if target is not None and target.health <= 0:
        unit.target = target = None
        if unit.order == ATTACK:
            unit.order = IDLE
    slop = weapon.range_slop if unit.windup > 0 else 0.0
    unit.in_reach = target is not None and unit.within(target, weapon.range + slop)
    if unit.in_reach:
        return
    unit.cancel_aim()
    if weapon.fires_freely and unit.order in (IDLE, MOVE):
        best = best_in_scan(unit, foes)
        unit.in_reach = best is not None and unit.within(best, weapon.range)
        unit.target = best if unit.in_reach else None


def look_round(unit: Unit, foes: list[Unit]) -> None:
    target, alarm = unit.target, unit.alarm
    unit.alarm = None
    unit.scan_wait -= 1
    due = unit.scan_wait <= 0
    if due:
        unit.scan_wait = SCAN_PERIOD
    due = due or (target is None and (alarm is not None or np.isinf(unit.scan_range)))
    if unit.order != ATTACK_MOVE or not due:
        return
    if target is not None and target.health <= 0:
        return
    best = best_in_scan(unit, foes)
    if best is None and target is None and alarm is not None and alarm.health > 0 and unit.can_hit(alarm):
        best = alarm
    if best is None or best is target:
        return
    if target is not None and keeps(unit, target, best):
        return
    unit.cancel_aim()
    unit.target, unit.in_reach = best, unit.within(best, unit.type.weapon.range)


def keeps(unit: Unit, target: Unit, found: Unit) -> bool:
    if urgency(found, unit) > urgency(target, unit):
        return False
    if unit.within(target, unit.type.weapon.range):
        return unit.shot_at is target
    return attacks(target, unit)


def best_in_scan(unit: Unit, foes: list[Unit]) -> Unit | None:
    seen = [foe for foe in foes if foe.health > 0 and unit.edge_within(foe, unit.scan_range)]
    seen = [foe for foe in seen if unit.can_hit(foe)]
    order = [(*(not urgent for urgent in urgency(foe, unit)), unit.distance2(foe), foe.slot) for foe in seen]
    return next((foe for foe in seen if foe.slot == min(order)[-1]), None)


def face(unit: Unit, target: Unit) -> bool:
    dx, dy = target.x - unit.x, target.y - unit.y
    fx, fy = unit.facing
    length = np.sqrt((dx * dx + dy * dy) * (fx * fx + fy * fy))
    along = dx * fx + dy * fy
    if along >= TURN_COSINE * length or unit.type.speed <= 0:
        unit.facing = (dx, dy)
        return True
    sine = TURN_SINE if fx * dy >= fy * dx else -TURN_SINE
    unit.facing = (TURN_COSINE * fx - sine * fy, sine * fx + TURN_COSINE * fy)
    return bool(along >= AIM_COSINE * length)
