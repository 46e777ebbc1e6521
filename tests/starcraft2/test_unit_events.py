"""What units tell of a battle, beside what the simulator wrote down of it."""

from __future__ import annotations

import numpy as np
import pytest

from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import play_episodes
from seed_matrace.evaluation.recording import KeptActions, record_battle
from seed_matrace.replay import EVENTS
from seed_matrace.sections.env import EnvConfig
from seed_matrace.starcraft2.unit_events import told_targets, unit_events

MARINE = {"effect": "direct", "sweep_reach": 0.0, "splash_radius": 0.0}
MEDIVAC = {**MARINE, "effect": "heal"}
BANELING = {**MARINE, "effect": "explosion", "splash_radius": 2.2}
STALKER = {**MARINE, "effect": "missile"}


def events_of(kinds, n_agents, looks, targets, told=None):
    """Rows of names, units, targets and amounts in points; ``looks``: x, health and gauge of each unit, by frame."""
    table = np.zeros((len(looks), 5, len(kinds)), np.float32)
    table[:, [0, 2, 4]] = np.array(looks, np.float32).transpose(0, 2, 1)
    targets = np.array(targets)
    told = np.full_like(targets, -1) if told is None else np.array(told)
    rows = unit_events(table, targets, told, kinds, n_agents=n_agents, loops=8).tolist()
    return [(frame, EVENTS[kind], unit, target, amount / 16) for frame, kind, unit, target, amount in rows]


def test_whose_cooldown_rose_has_shot():
    before, after = [(0, 45, 3), (0, 45, 12), (5, 45, 0)], [(0, 45, 10), (0, 45, 4), (5, 39, 0)]
    assert events_of([MARINE] * 3, 2, [before, after], [[2, 2, 0]]) == [(1, "shot", 0, 2, 0), (1, "hit", 0, 2, 6)]


def test_damage_is_shared_by_those_who_aimed_there():
    before = [(0, 45, 0), (0, 45, 0), (5, 10, 0), (6, 45, 0)]
    after = [(0, 45, 9), (0, 45, 9), (5, 0, 0), (6, 45, 0)]
    rows = events_of([MARINE] * 4, 2, [before, after], [[-1, 3, 0, 0]], told=[[2, 2, -1, -1]])
    assert rows == [(1, "shot", 0, 2, 0), (1, "shot", 1, 2, 0), (1, "hit", 0, 2, 5), (1, "hit", 1, 2, 5)]


def test_missile_may_arrive_a_step_later():
    start, shot, hit = [(0, 80, 0), (6, 80, 0)], [(0, 80, 20), (6, 80, 0)], [(0, 80, 12), (6, 67, 0)]
    rows = events_of([STALKER] * 2, 1, [start, shot, hit], [[1, -1], [1, -1]])
    assert rows == [(1, "shot", 0, 1, 0), (2, "hit", 0, 1, 13)]


def test_healer_gives_what_its_patient_gained():
    before, after = [(0, 20, 0), (1, 150, 90), (9, 45, 0)], [(0, 26, 0), (1, 150, 88), (9, 45, 0)]
    assert events_of([MARINE, MEDIVAC, MARINE], 2, [before, after], [[-1, 0, -1]]) == [(1, "heal", 1, 0, 6)]


def test_baneling_that_dies_among_the_hurt_has_exploded():
    before, after = [(0, 45, 0), (9, 45, 0), (1, 30, 0)], [(0, 25, 0), (9, 45, 0), (1, 0, 0)]
    rows = events_of([MARINE, MARINE, BANELING], 2, [before, after], [[-1, -1, 0]])
    assert rows[:2] == [(1, "blast", 2, 2, 0), (1, "hit", 2, 0, 20)]
    assert rows[2][1:4] == ("hit", 0, 2)  # nobody shot: the nearest
    assert len(rows) == 3


def brawl(obs, avail_actions, episode_start):
    """Attacks or heals what it can, else walks east."""
    first = 6 + avail_actions[:, :, 6:].argmax(axis=2)
    walk = np.where(avail_actions[:, :, 4], 4, avail_actions.argmax(axis=2))
    return np.where(avail_actions[:, :, 6:].any(axis=2), first, walk).astype(np.int32)


@pytest.mark.parametrize("map_name", ["3m", "2s3z", "MMM2", "27m_vs_30m", "2c_vs_64zg"])
def test_events_are_nearly_those_of_the_simulator(map_name):
    """Of every eighth game loop alone: who shot when at whom, and how much health was taken."""
    env = EnvConfig(map_name=map_name)
    team = KeptActions(brawl, 1)
    play_episodes(make_vector_env(env, 1, seed=4), team)
    replay = record_battle(env, team.of_battle(0), None, seed=4, battle=0)
    loops, agents = replay.about["frames_per_step"], replay.about["n_agents"]
    kinds = [replay.about["types"][name] for name in replay.about["units"]]
    table, intents = replay.table()[::loops], replay.intents[:, 1]
    told = told_targets(replay.actions, [kind["effect"] == "heal" for kind in kinds], agents)
    derived = unit_events(table, intents, told, kinds, n_agents=agents, loops=loops).astype(int)
    true = replay.events.astype(int)
    true[:, 0] = -(-true[:, 0] // loops)
    found, happened = shots_of(derived), shots_of(true)
    assert found.keys() <= happened.keys()
    missed = happened.keys() - found.keys()
    assert len(missed) < 0.06 * len(happened)  # most of them of units that died in that step
    assert sum(found[shot] == happened[shot] for shot in found) > 0.9 * len(found)
    if map_name != "MMM2":  # where health is taken and given within a step
        rel = 5e-3 if map_name == "2c_vs_64zg" else 1e-3  # zerglings regain some of it within the step
        assert points(derived, "hit") == pytest.approx(points(true, "hit"), rel=rel)
    else:
        lost = np.maximum(table[:-1, 2] - table[1:, 2], 0).sum()
        assert points(derived, "hit") == pytest.approx(lost, rel=1e-3)
        assert points(derived, "heal") == pytest.approx(np.maximum(np.diff(table[:, 2], axis=0), 0).sum(), rel=0.1)


def shots_of(events):
    """Targets by step and unit."""
    return {(frame, unit): target for frame, kind, unit, target, _ in events.tolist() if EVENTS[kind] == "shot"}


def points(events, kind):
    return events[events[:, 1] == EVENTS.index(kind)][:, 4].sum() / 16
