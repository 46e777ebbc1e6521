"""The balance the game plays SMAC's maps with: VoidMulti.SC2Mod of 4.10.0.75689, and what the maps' own units keep."""

from __future__ import annotations

import pytest

from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.units import load_unit_type

# damage, bonus, to whom, period in seconds, range, scan range (SC2Mapster/SC2GameData, sc2/4.10.0.75689-linux)
WEAPONS = {
    "Marine": (6, 0, set(), 0.8608, 5, 5.5),
    "Marauder": (10, 10, {"Armored"}, 1.5, 6, 6.5),
    "Stalker": (13, 5, {"Armored"}, 1.87, 6, 6.5),
    "Zealot": (8, 0, set(), 1.2, 0.1, 5),
    "Colossus": (10, 5, {"Light"}, 1.5, 7, 7.5),
    "Hydralisk": (12, 0, set(), 0.825, 5, 5.5),
    "Zergling": (5, 0, set(), 0.696, 0.1, 5),
    "Baneling": (20, 15, {"Light"}, 0.833, 0.25, 5),
    "SpineCrawler": (25, 5, {"Armored"}, 1.85, 7, 7),
}


@pytest.mark.parametrize("name", WEAPONS)
def test_weapons_are_those_of_the_multiplayer_balance(name: str) -> None:
    weapon = load_unit_type(name).weapon
    damage, bonus, attributes, period, reach, scan = WEAPONS[name]
    assert (weapon.damage, weapon.bonus_damage, weapon.bonus_attributes) == (damage, bonus, attributes)
    assert weapon.period == pytest.approx(16 * period)
    assert (weapon.range, weapon.scan_range) == (reach, scan)


def test_the_maps_own_units_keep_health_and_speed() -> None:
    """Recorded medivacs of MMM2 gain their speed at 2.3125 and reach 2.75 (VoidMulti: 2.25 and 2.5)."""
    medivac, hydralisk = load_unit_type("Medivac"), load_unit_type("Hydralisk")
    assert (medivac.speed * 16, medivac.acceleration * 256) == (2.75, 2.3125)
    assert hydralisk.health == 80


@pytest.mark.parametrize("name", map_names())
def test_smac_divides_places_by_the_games_playable_area(name: str) -> None:
    """Recorded states of 3m: 9 is (9 - 16) / 28; agents of all maps come as far as 29.6875, medivacs 30."""
    battle_map = load_map(name)
    assert battle_map.playable_area == (2, 2, 30, 30)
    assert battle_map.layout.max_distance == (28, 28)
    xs, ys = battle_map.climbable.nonzero()
    assert min(xs.min(), ys.min()) >= 2 and max(xs.max(), ys.max()) < 30
