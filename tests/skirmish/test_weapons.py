"""Duels of all unit types, computed from unit data and watched loop by loop; splash, missiles, second blows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.units import UnitType, load_unit_type, unit_type_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]
STOP, WEST, FIRST_TARGET = 1, 5, 6
TYPES = [load_unit_type(name) for name in unit_type_names()]
PAIRS = [(a, v) for a in TYPES for v in TYPES if a.weapon.targets & v.planes]
HITS_PER_ATTACK = {"burst": 2, "sweep": 2}


def hits_to_kill(attacker: UnitType, victim: UnitType, loops_per_hit: float) -> int:
    """Shield first, then life less armor; what regenerates between hits counts."""
    weapon = attacker.weapon
    damage = weapon.damage + (weapon.bonus_damage if weapon.bonus_attributes & victim.attributes else 0)
    armor = 0 if weapon.ignores_armor else victim.armor
    shield, health, hits = victim.shield, victim.health, 0
    while health > 0:
        absorbed = min(shield, damage)
        shield -= absorbed
        if damage > absorbed:
            health -= max(damage - absorbed - armor, 0.5)
        hits += 1
        health = min(health + victim.health_regen * loops_per_hit, victim.health) if health > 0 else health
    return hits


def vitality(env: SkirmishVectorEnv, slot: int) -> float:
    return float(env.units()[0, 2:4, slot].sum())


def stand(env: SkirmishVectorEnv) -> None:
    """One loop in which allies do nothing; they are targets here."""
    alive = env.units()[0, 2, : env.spec.n_agents] > 0
    env.step(np.where(alive, STOP, 0).astype(np.int32)[None])


def shoots_back(victim: UnitType, attacker: UnitType) -> bool:
    return victim.weapon.fires_freely and bool(victim.weapon.targets & attacker.planes)


@pytest.mark.parametrize(
    ("attacker", "victim"), [pair for pair in PAIRS if not shoots_back(pair[1], pair[0])], ids=lambda unit: unit.name
)
def test_duel(arena: Arena, attacker: UnitType, victim: UnitType) -> None:
    """An enemy kills an ally that stands still: as many hits, and as many seconds, as its data say."""
    weapon, far = attacker.weapon, ("SpineCrawler", (28.0, 28.0))
    gap = attacker.radius + victim.radius + max(weapon.range - 0.1, 0)
    env = arena([(victim.name, (10, 10)), ("Marine", (28, 4))], [(attacker.name, (10 + gap, 10)), far])
    env.reset()
    before, drops, times = victim.health + victim.shield, [], []
    for loop in range(1500):
        if loop:  # the first is part of reset
            stand(env)
        now = vitality(env, 0)
        if now < before - 0.2:
            drops.append(before - now)
            times.append(loop)
        before = now
        if now == 0 or (weapon.effect == "explosion" and drops):
            break
    damage = weapon.damage + (weapon.bonus_damage if weapon.bonus_attributes & victim.attributes else 0)
    if weapon.effect == "explosion":
        assert drops == pytest.approx([min(damage, victim.health + victim.shield)], abs=0.1)
        return
    assert now == 0
    per_attack = HITS_PER_ATTACK.get(weapon.effect, 1)
    least, most = (hits_to_kill(attacker, victim, (weapon.period + late) / per_attack) for late in (-1, 2))
    attacks = len(times) if weapon.effect == "sweep" else -(-len(times) // per_attack)
    assert -(-least // per_attack) <= attacks <= -(-most // per_attack)
    first_attack = times[0]
    last_attack = times[-1] - (weapon.hit_wait if weapon.effect == "burst" and len(times) % 2 == 0 else 0)
    shortest, longest = (attacks - 1) * (weapon.period - 1), (attacks - 1) * (weapon.period + 2)
    assert shortest - attacks <= last_attack - first_attack <= longest + attacks


def test_first_shot_leaves_at_the_damage_point_and_missiles_take_their_time(arena: Arena) -> None:
    arrivals, target, distance = {}, load_unit_type("SpineCrawler"), 5.0
    for name in ("Marine", "Stalker", "Hydralisk", "Marauder"):
        unit = load_unit_type(name)
        env = arena([(name, (10, 10))], [(target.name, (10 + distance, 10))])
        env.reset()
        loop = 0
        while vitality(env, 1) == target.health:
            env.step(np.array([[FIRST_TARGET]], np.int32))
            loop += 1
        flight = 0.0
        if unit.weapon.missile_speed:
            flight = np.ceil((distance - target.radius) / unit.weapon.missile_speed)
        arrivals[name] = loop - 1 - unit.weapon.damage_point - flight
    assert set(arrivals.values()) == {0.0}


def test_times_are_rounded_up_to_loops() -> None:
    """What is due in between happens in the next loop: a marine's 0.8 are one, a colossus's 1.33 are two."""
    points = {name: load_unit_type(name).weapon.damage_point for name in ("Marine", "Stalker", "Colossus", "Hydralisk")}
    assert points == {"Marine": 1, "Stalker": 3, "Colossus": 2, "Hydralisk": 4}
    assert load_unit_type("Zealot").weapon.hit_wait == 5


def test_second_blow_is_lost_when_the_target_gets_away(arena: Arena) -> None:
    zealot, loops = load_unit_type("Zealot"), 0
    env = arena([("Stalker", (10, 10))], [("Zealot", (11.2, 10)), ("SpineCrawler", (28, 28))])
    env.reset()
    while vitality(env, 0) == 160:
        stand(env)
    assert vitality(env, 0) == 152
    while loops < zealot.weapon.hit_wait + 2:
        env.step(np.array([[5]], np.int32))  # west, faster than a zealot, but the slop is one cell
        loops += 1
    assert vitality(env, 0) == 144


def test_colossus_sweeps_a_line_across_its_target(arena: Arena) -> None:
    """Lances reach 1.25 to either side and touch who is within 0.15 of them; who stands behind is safe."""
    weapon, marine = load_unit_type("Colossus").weapon, load_unit_type("Marine")
    edge = weapon.sweep_reach + weapon.splash_radius + marine.radius
    swept = [(10.0, 15 + offset) for offset in (0.8, -0.8, edge - 0.05, -edge + 0.05)]
    safe = [(10.0, 15 + edge + 0.05), (10.0, 15 - edge - 0.05), (9.0, 15.0)]
    allies = [("Zealot", (10.0, 15.0)), *(("Marine", place) for place in swept + safe)]
    env = arena(allies, [("Colossus", (16.9, 15)), ("SpineCrawler", (28, 28))])
    env.reset()
    for _ in range(24):
        stand(env)
    assert vitality(env, slot_at(env, (10, 15))) == 120  # each lance does 10, and 5 more to light units
    assert [vitality(env, slot_at(env, place)) for place in swept] == [15.0] * 4
    assert [vitality(env, slot_at(env, place)) for place in safe] == [45.0] * 3


@pytest.mark.parametrize(
    ("target", "deaths"),
    [((17.5, 10.5), {8: 1, 9: 2, 10: 4}), ((16.75, 10.5), {8: 1, 9: 1, 10: 3})],
)
def test_first_volley_of_two_colossi(target: tuple[float, float], deaths: dict[int, int]) -> None:
    """2c_vs_64zg, both on one zergling from the first loop: in the game 8, 9, 9, 10, 10, 10 and 8, 9, 9, 10, 10.

    These are the loops of the deaths; the target dies first, like the others by what sweeps over it.
    """
    env = SkirmishVectorEnv("2c_vs_64zg", 1, seed=0)
    env.reset()
    battles, places = env._open(), env.units()[0, :2].T
    slot = int(np.hypot(*(places - target).T).argmin())  # enemies are numbered anew in each battle
    for colossus in range(2):
        battles.order(0, colossus, Order.ATTACK, slot, 0, 0)
    died = {}
    for loop in range(1, 16):
        before = battles.units()[0, 2] > 0
        battles.advance(0, 1)
        fell = before & (battles.units()[0, 2] <= 0)
        if fell.any():
            died[loop] = int(fell.sum())
            assert fell[slot] == (loop == 8)
    assert died == deaths


def test_colossi_fire_whatever_their_order_also_while_they_walk(arena: Arena) -> None:
    """At whom they were ordered last, else at the nearest; walking away at full speed, too."""
    near, far = ("SpineCrawler", (18, 15)), ("SpineCrawler", (18.5, 11.7))
    env = arena([("Colossus", (14, 15))], [near, far])
    env.reset()
    env.step(np.array([[FIRST_TARGET + 1]], np.int32))
    x = env.units()[0, 0, 0]
    for _ in range(8):
        env.step(np.array([[WEST]], np.int32))
    assert x - env.units()[0, 0, 0] == pytest.approx(8 * load_unit_type("Colossus").speed, abs=1e-2)
    assert vitality(env, 1) == 300
    assert vitality(env, 2) == pytest.approx(300 - 2 * (10 - 2), abs=0.5)
    env = arena([("Colossus", (14, 15))], [near, far])
    env.reset()
    for _ in range(60):
        stand(env)
    assert vitality(env, 1) == pytest.approx(300 - 3 * 2 * (10 - 2), abs=1.5)
    assert vitality(env, 2) == 300


def slot_at(env: SkirmishVectorEnv, place: tuple[float, float]) -> int:
    """Slot of the unit that started nearest to ``place``."""
    return int(np.hypot(*(env.map.spawn - place).T).argmin())


def test_baneling_takes_everybody_around_along(arena: Arena) -> None:
    weapon, marine = load_unit_type("Baneling").weapon, load_unit_type("Marine")
    edge = weapon.splash_radius + marine.radius
    x, y = center = (10.75, 15.0)
    near = [(10.0, 15.0), (x + 0.95 * edge, y), (x, y + 0.97 * edge)]
    far = [(x, y - 1.03 * edge), (x - 1.05 * edge, y)]
    env = arena([("Marine", place) for place in near + far], [("Baneling", center), ("SpineCrawler", (28, 28))])
    env.reset()
    while vitality(env, slot_at(env, center)) > 0:
        stand(env)
    assert [vitality(env, slot_at(env, place)) for place in near] == [10.0] * 3  # light: 35 each
    assert [vitality(env, slot_at(env, place)) for place in far] == [45.0] * 2


def test_baneling_explodes_when_killed(arena: Arena) -> None:
    env = arena([("Baneling", (10, 15)), ("Marine", (3, 3))], [("Zealot", (10.9, 15)), ("SpineCrawler", (28, 28))])
    env.reset()
    for _ in range(60):
        stand(env)
    assert env.units()[0, 2, 0] == 0
    assert vitality(env, 2) == pytest.approx(150 - 35, abs=0.2)


def test_ground_weapons_leave_flyers_alone_and_orders_to_hit_them_are_refused(arena: Arena) -> None:
    env = arena([("Marauder", (10, 10)), ("Medivac", (10, 12))], [("Medivac", (12, 10)), ("Zealot", (14, 10))])
    out = env.reset()
    marauder = 0
    assert out.avail_actions[0, marauder, 6] == 1  # SMAC shows it all the same
    for _ in range(40):
        out = env.step(np.array([[6 if out.avail_actions[0, 0, 6] else STOP, STOP]], np.int32))
    assert env.units()[0, 2, 2] == 150
    assert env.units()[0, 2, 1] == 150  # nor does the zealot reach ours
