"""Whole games through pysc2's own controller, against the simulator itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from games import RemoteController, act, begin, command, creation, kill, units_of
from pysc2.lib.protocol import ProtocolError
from pysc2.lib.remote_controller import RequestError
from s2clientprotocol import common_pb2, debug_pb2, sc2api_pb2

from seed_matrace.replay import STEPS, Replay, in_steps, read_replay
from seed_matrace.sc2_standin.battle import Ability
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.smac_env import StarCraft2Env

MOVES = {2: (0, 2), 3: (0, -2), 4: (2, 0), 5: (-2, 0)}


def table(units: list[Any]) -> np.ndarray:
    """x, y, health, shield, gauge as ``Skirmish.units`` has them; the dead as SMAC keeps them."""
    rows = [(u.pos.x, u.pos.y, u.health, u.shield, u.energy if u.energy_max else u.weapon_cooldown) for u in units]
    return np.array(rows, np.float32).T


def commands(env: StarCraft2Env, units: list[Any], actions: list[int]) -> list[Any]:
    """What SMAC sends for the actions of a team."""
    sent = []
    for agent, action in enumerate(actions):
        unit = units[agent]
        if action == 1:
            sent.append(command(unit.tag, Ability.STOP))
        elif action in MOVES:
            dx, dy = MOVES[action]
            sent.append(command(unit.tag, Ability.MOVE, at=(unit.pos.x + dx, unit.pos.y + dy)))
        elif action >= 6 and env.layout.healer[agent]:
            sent.append(command(unit.tag, Ability.HEAL, units[action - 6].tag))
        elif action >= 6:
            sent.append(command(unit.tag, Ability.ATTACK, units[env.n_agents + action - 6].tag))
    return sent


def eager(avail: list[list[int]], rng: np.random.Generator) -> list[int]:
    """Mostly attacks whom it can, else mostly goes east."""
    chosen = []
    for row in avail:
        attacks = [action for action in range(6, len(row)) if row[action]]
        if attacks and rng.random() < 0.8:
            chosen.append(int(rng.choice(attacks)))
        elif row[4] and rng.random() < 0.5:
            chosen.append(4)
        else:
            chosen.append(int(rng.choice(np.flatnonzero(row))))
    return chosen


@pytest.mark.parametrize("map_name", map_names())
def test_battles_are_those_of_the_simulator(controller: RemoteController, map_name: str) -> None:
    env, rng = StarCraft2Env(map_name, seed=5), np.random.default_rng(1)
    observation, length = begin(controller, map_name, seed=5), 40
    for _ in range(2):
        env.reset()
        units = list(observation.observation.raw_data.units)
        slot_of = {unit.tag: slot for slot, unit in enumerate(units)}
        ended = False
        for _ in range(length):
            alive = env._battles.units()[0, 2] > 0
            np.testing.assert_array_equal(table(units)[:, alive], env._battles.units()[0][:, alive])
            if ended:
                break
            actions = eager(env.get_avail_actions(), rng)
            act(controller, commands(env, units, actions))
            controller.step(8)
            _, ended, _ = env.step(actions)
            observation = controller.observe()
            seen = {slot_of[unit.tag] for unit in observation.observation.raw_data.units}
            assert seen == set(np.flatnonzero(env._battles.units()[0, 2] > 0))
            for unit in observation.observation.raw_data.units:
                units[slot_of[unit.tag]] = unit
        kill(controller, list(observation.observation.raw_data.units))
        controller.step(2)
        observation = controller.observe()
        assert not slot_of.keys() & {unit.tag for unit in observation.observation.raw_data.units}


def test_units_are_what_smac_expects(controller: RemoteController) -> None:
    observation = begin(controller, "MMM")
    allies, enemies = units_of(observation, 1), units_of(observation, 2)
    types = [unit.unit_type for unit in allies]
    assert types == sorted(types)
    assert [type_id - min(types) for type_id in types] == [0] * 2 + [1] * 7 + [2]
    assert [unit.unit_type for unit in enemies].count(48) == 7
    assert {unit.unit_type for unit in enemies} == {48, 51, 54}
    assert (allies[-1].energy_max, allies[-1].is_flying) == (200, True)
    assert allies[-1].energy == pytest.approx(50, abs=0.05)  # it has lived for a loop
    assert all(unit.health == unit.health_max > 0 for unit in allies + enemies)
    named = controller.data().units
    assert {named[type_id] for type_id in types} == {"Marauder_RL", "Marine_RL", "Medivac_RL"}


def test_ground_is_the_maps(controller: RemoteController) -> None:
    begin(controller, "2c_vs_64zg")
    env, start = StarCraft2Env("2c_vs_64zg", seed=0), controller.game_info().start_raw
    assert (start.map_size.x, start.map_size.y, start.pathing_grid.bits_per_pixel) == (32, 32, 1)
    bits = np.unpackbits(np.frombuffer(start.pathing_grid.data, np.uint8)).reshape(32, 32)
    np.testing.assert_array_equal(bits.T, env.pathing_grid)
    heights = np.frombuffer(start.terrain_height.data, np.uint8).reshape(32, 32)
    np.testing.assert_array_equal(np.flip(heights.T, 1) / 255, env.terrain_height)
    area = start.playable_area
    assert (area.p1.x - area.p0.x, area.p1.y - area.p0.y) == (env.max_distance_x, env.max_distance_y)


def test_next_wave_is_there_after_the_step_that_follows_the_last_death(controller: RemoteController) -> None:
    observation = begin(controller, "3m")
    units = list(observation.observation.raw_data.units)
    kill(controller, units)
    observation = controller.observe()
    assert not observation.observation.raw_data.units
    assert sorted(observation.observation.raw_data.event.dead_units) == sorted(unit.tag for unit in units)
    controller.step(2)
    fresh = controller.observe()
    assert [(u.pos, u.health) for u in units_of(fresh, 1)] == [(u.pos, u.health) for u in units[:3]]
    places = [sorted((u.pos.x, u.pos.y) for u in enemies) for enemies in (units_of(fresh, 2), units[3:])]
    assert places[0] == places[1]
    assert fresh.observation.game_loop == 3  # the first look was a loop after the start
    assert not fresh.observation.raw_data.event.dead_units


def test_units_can_be_created_where_some_died(controller: RemoteController) -> None:
    allies = units_of(begin(controller, "3m"), 1)
    kill(controller, allies[:2])
    place, nowhere = common_pb2.Point2D(x=12, y=14), common_pb2.Point2D(x=float("nan"), y=-7)
    wanted = debug_pb2.DebugCreateUnit(unit_type=allies[0].unit_type, owner=1, pos=place, quantity=1)
    controller.debug(debug_pb2.DebugCommand(create_unit=wanted))
    now = units_of(controller.observe(), 1)
    assert [(unit.pos.x, unit.pos.y, unit.health) for unit in now[:1]] == [(12, 14, 45)]
    assert len(now) == 2 and now[0].tag not in {unit.tag for unit in allies}
    for change, said in [({"quantity": 2}, "1 fit"), ({"owner": 3}, "0 fit"), ({"pos": nowhere}, "can stand at")]:
        bad = debug_pb2.DebugCreateUnit(unit_type=wanted.unit_type, owner=1, pos=place)
        bad.MergeFrom(debug_pb2.DebugCreateUnit(**change))
        with pytest.raises(ProtocolError, match=said):
            controller.debug(debug_pb2.DebugCommand(create_unit=bad))


def test_created_enemy_stays_and_fights_what_comes(controller: RemoteController) -> None:
    observation = begin(controller, "3m")
    allies, enemies = units_of(observation, 1), units_of(observation, 2)
    kill(controller, enemies)
    place = common_pb2.Point2D(x=allies[0].pos.x + 8, y=allies[0].pos.y)
    wanted = debug_pb2.DebugCreateUnit(unit_type=48, owner=2, pos=place)
    controller.debug(debug_pb2.DebugCommand(create_unit=wanted))
    controller.step(20)
    seen = controller.observe()
    assert [(unit.pos.x, unit.pos.y) for unit in units_of(seen, 2)] == [(place.x, place.y)]
    act(controller, [command(allies[0].tag, Ability.MOVE, at=(place.x - 3, place.y))])
    controller.step(60)
    assert sum(unit.health for unit in units_of(controller.observe(), 1)) < 3 * 45


def test_orders_stay_until_done_and_show(controller: RemoteController) -> None:
    observation = begin(controller, "3m")
    walker, shooter = units_of(observation, 1)[:2]
    foe = units_of(observation, 2)[0]
    told = [command(walker.tag, Ability.MOVE, at=(10.25, 20.5)), command(shooter.tag, Ability.ATTACK, foe.tag)]
    assert act(controller, told) == [1, 1]
    controller.step(4)
    walking, shooting = units_of(controller.observe(), 1)[:2]
    assert [(order.ability_id, order.target_world_space_pos.y) for order in walking.orders] == [(16, 20.5)]
    assert [(order.ability_id, order.target_unit_tag) for order in shooting.orders] == [(23, foe.tag)]
    assert shooting.engaged_target_tag == foe.tag
    controller.step(60)
    arrived = units_of(controller.observe(), 1)[0]
    assert (arrived.pos.x, arrived.pos.y, list(arrived.orders)) == (10.25, 20.5, [])


def test_what_cannot_be_done_is_answered(controller: RemoteController) -> None:
    observation = begin(controller, "MMM")
    marauder, medivac, foe = units_of(observation, 1)[0], units_of(observation, 1)[-1], units_of(observation, 2)[0]
    enemy_medivac = next(unit for unit in units_of(observation, 2) if unit.unit_type == 54)
    told = [
        command(marauder.tag, Ability.ATTACK, medivac.tag),
        command(marauder.tag, Ability.ATTACK, enemy_medivac.tag),
        command(medivac.tag, Ability.HEAL, marauder.tag),
        command(medivac.tag, Ability.ATTACK, foe.tag),
        command(foe.tag, Ability.STOP),
        command(7, Ability.STOP),
        command(marauder.tag, 99),
        command(marauder.tag, Ability.MOVE, at=(1e30, 0)),
    ]
    assert act(controller, told) == [36, 36, 36, 2, 87, 3, 2, 84]


def test_same_seed_same_battle_and_no_seed_another(controller: RemoteController) -> None:
    def look(seed: int | None) -> bytes:
        begin(controller, "2m_vs_1z", seed)  # its enemy walks to a random position
        controller.step(80)
        return bytes(controller.observe().SerializeToString())

    assert look(4) == look(4) != look(5)
    assert len({look(None) for _ in range(3)}) > 1


def test_games_begin_anew_in_every_way_there_is(controller: RemoteController) -> None:
    before = {unit.tag for unit in begin(controller, "3m").observation.raw_data.units}
    controller.step(8)
    controller.restart()
    observation = controller.observe()
    assert observation.observation.game_loop == 1
    assert not before & {unit.tag for unit in observation.observation.raw_data.units}
    controller.leave()
    assert begin(controller, "8m").observation.game_loop == 1


def test_replay_holds_the_battle_loop_by_loop(controller: RemoteController, tmp_path: Path) -> None:
    def saved() -> Replay:
        path = tmp_path / "battle.SC2Replay"
        path.write_bytes(controller.save_replay())
        return read_replay(path)

    begin(controller, "3m", seed=9)
    with pytest.raises(ProtocolError, match="nothing to see yet"):
        controller.save_replay()
    looks = []
    while not looks or (1 in looks[-1] and 2 in looks[-1]):
        controller.step(8)
        living = controller.observe().observation.raw_data.units
        looks.append([unit.owner for unit in living])
    replay = saved()
    assert (replay.about["map"], replay.about["seed"], replay.about["battle_won"]) == ("3m", 9, 1 in looks[-1])
    alive = replay.units[:, 2] > 0
    np.testing.assert_array_equal(alive[8::8].sum(axis=1), [len(owners) for owners in looks])
    np.testing.assert_array_equal(replay.units[-1][:, alive[-1]], in_steps(table(living), STEPS[:, None]))
    assert len(replay.rewards) == 8 * len(looks) and len(replay.events)
    kill(controller, controller.observe().observation.raw_data.units)
    controller.step(2)  # the next wave is there, and no time has passed in it
    assert len(saved().rewards) == len(replay.rewards)
    controller.step(3)
    assert len(saved().rewards) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda request: setattr(request.local_map, "map_path", "SMAC_Maps/4m.SC2Map"), "3m"),
        (lambda request: request.local_map.ClearField("map_path"), "MissingMap"),
        (lambda request: request.player_setup.add(type=sc2api_pb2.Computer), "one Computer"),
    ],
)
def test_bad_game_is_refused(controller: RemoteController, change: Any, said: str) -> None:
    request = creation("3m")
    change(request)
    begin(controller, "3m")
    with pytest.raises(RequestError, match=said):
        controller.create_game(request)


def test_what_is_not_supported_is_said(controller: RemoteController) -> None:
    begin(controller, "3m")
    with pytest.raises(ProtocolError, match="query is not supported"):
        controller.query(sc2api_pb2.Request().query)
    pictures = sc2api_pb2.InterfaceOptions(raw=True)
    pictures.feature_layer.width = 24
    controller.create_game(creation("3m"))
    with pytest.raises(RequestError, match="no pictures"):
        controller.join_game(sc2api_pb2.RequestJoinGame(race=common_pb2.Terran, options=pictures))
    with pytest.raises(ProtocolError, match="init_game"):
        controller._client.send(step=sc2api_pb2.RequestStep())
