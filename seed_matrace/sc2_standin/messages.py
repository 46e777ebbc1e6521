"""A battle as the messages of the StarCraft II API."""

from __future__ import annotations

from typing import Any

import numpy as np
from s2clientprotocol import data_pb2, raw_pb2, sc2api_pb2

from seed_matrace.replay import Order
from seed_matrace.sc2_standin.battle import Ability, Battle
from seed_matrace.skirmish.smac_units import COMPUTER, PLAYER
from seed_matrace.skirmish.units import UnitType, load_engine

ABILITY_NAMES = {Ability.STOP: "stop", Ability.MOVE: "move", Ability.ATTACK: "attack", Ability.HEAL: "MedivacHeal"}


class Observer:
    """Writes what a battle looks like; what never changes of a unit is kept."""

    def __init__(self, battle: Battle) -> None:
        self._battle = battle
        self._wave = 0  # that the units are of
        self._units: list[Any] = []

    def observation(self) -> Any:
        """ResponseObservation of the battle now."""
        battle = self._battle
        if self._wave != battle.waves:
            self._wave, self._units = battle.waves, [self._constant(slot) for slot in range(battle.n_units)]
        response = sc2api_pb2.ResponseObservation()
        observation = response.observation
        observation.game_loop = battle.game_loop
        observation.player_common.player_id = PLAYER
        observation.player_common.army_count = int(battle.alive[: battle.map.n_agents].sum())
        observation.raw_data.event.dead_units.extend(battle.take_fallen())
        table = battle.units().T.tolist()
        (orders, targets), goals = (array.tolist() for array in battle.intents())
        for slot in np.flatnonzero(battle.alive).tolist():
            x, y, health, shield, gauge = table[slot]
            unit = observation.raw_data.units.add()
            unit.CopyFrom(self._units[slot])
            unit.tag = battle.tag(slot)
            unit.pos.x, unit.pos.y = x, y
            unit.health, unit.shield = health, shield
            if battle.kinds[slot].heals:
                unit.energy = gauge
            else:
                unit.weapon_cooldown = gauge
            self._show_order(unit, slot, orders[slot], targets[slot], (goals[0][slot], goals[1][slot]))
        return response

    def _constant(self, slot: int) -> Any:
        kind = self._battle.kinds[slot]
        own = slot < self._battle.map.n_agents
        return raw_pb2.Unit(
            display_type=raw_pb2.Visible,
            alliance=raw_pb2.Self if own else raw_pb2.Enemy,
            unit_type=self._battle.unit_type_id(slot),
            owner=PLAYER if own else COMPUTER,
            radius=kind.radius,
            build_progress=1.0,
            cloak=raw_pb2.NotCloaked,
            is_on_screen=True,
            health_max=kind.health,
            shield_max=kind.shield,
            energy_max=kind.energy_max,
            is_flying=kind.mover == "air",
        )

    def _show_order(self, unit: Any, slot: int, order: int, target: int, goal: tuple[float, float]) -> None:
        if target >= 0:
            unit.engaged_target_tag = self._battle.tag(target)
        if order == Order.IDLE:
            return
        shown = unit.orders.add()
        if order == Order.ATTACK:
            shown.ability_id = Ability.HEAL if self._battle.kinds[slot].heals else Ability.ATTACK
            shown.target_unit_tag = self._battle.tag(target)
        else:
            shown.ability_id = Ability.MOVE if order == Order.MOVE else Ability.ATTACK
            shown.target_world_space_pos.x, shown.target_world_space_pos.y = goal


def game_info(battle: Battle, map_path: str, setup: Any) -> Any:
    """ResponseGameInfo: the ground and the players."""
    battle_map = battle.map
    response = sc2api_pb2.ResponseGameInfo(map_name=battle_map.name, local_map_path=map_path)
    response.options.raw = True
    for player_id, player in zip((PLAYER, COMPUTER), setup, strict=True):
        response.player_info.add(
            player_id=player_id,
            type=player.type,
            race_requested=player.race,
            race_actual=player.race,
            difficulty=player.difficulty,
        )
    start = response.start_raw
    width, height = battle_map.walkable.shape
    start.map_size.x, start.map_size.y = width, height
    x0, y0, x1, y1 = (int(edge) for edge in battle_map.playable_area)
    start.playable_area.p0.x, start.playable_area.p0.y = x0, y0
    start.playable_area.p1.x, start.playable_area.p1.y = x1, y1
    ground = battle_map.layout.smac_height[:, ::-1]
    _fill_image(start.pathing_grid, np.packbits(battle_map.walkable.T, axis=1), 1, (width, height))
    _fill_image(start.terrain_height, np.round(ground.T * 255).astype(np.uint8), 8, (width, height))
    _fill_image(start.placement_grid, np.packbits(np.zeros_like(battle_map.walkable.T), axis=1), 1, (width, height))
    return response


def _fill_image(image: Any, rows: np.ndarray, bits_per_pixel: int, size: tuple[int, int]) -> None:
    """Rows from south to north, the highest bit of a byte westernmost."""
    image.bits_per_pixel = bits_per_pixel
    image.size.x, image.size.y = size
    image.data = rows.tobytes()


def static_data(battle: Battle, request: Any) -> Any:
    """ResponseData: the abilities that units have here, and the units of the map."""
    response = sc2api_pb2.ResponseData()
    if request.ability_id:
        for ability, name in ABILITY_NAMES.items():
            response.abilities.add(ability_id=ability, link_name=name, friendly_name=name, available=True)
    if request.unit_type_id:
        for slot in _first_of_each_type(battle):
            own = slot < battle.map.n_agents
            response.units.append(_unit_type(battle.kinds[slot], battle.unit_type_id(slot), own))
    return response


def _first_of_each_type(battle: Battle) -> list[int]:
    first: dict[int, int] = {}
    for slot in range(battle.n_units):
        first.setdefault(battle.unit_type_id(slot), slot)
    return list(first.values())


def _unit_type(unit: UnitType, type_id: int, own: bool) -> Any:
    loops_per_second = load_engine().loops_per_second
    shown = data_pb2.UnitTypeData(
        unit_id=type_id,
        name=f"{unit.name}_RL" if own else unit.name,
        available=True,
        attributes=[data_pb2.Attribute.Value(name) for name in sorted(unit.attributes)],
        armor=unit.armor,
        movement_speed=unit.speed * loops_per_second,
        sight_range=unit.weapon.scan_range,
    )
    if not unit.heals:
        planes = unit.weapon.targets
        target = "Any" if len(planes) > 1 else next(iter(planes))
        shown.weapons.add(
            type=data_pb2.Weapon.TargetType.Value(target),
            damage=unit.weapon.damage,
            attacks=2 if unit.weapon.effect in ("burst", "sweep") else 1,
            range=unit.weapon.range,
            speed=unit.weapon.period / loops_per_second,
        )
    return shown
