"""Games in processes of their own: what they show, what becomes of them when they fail, and that nothing stays behind.

The games are fake (``fake_smac``); the rest is what plays the real ones.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from processes import processes_where, wait_until

from seed_matrace.envs.registry import backend_name, env_spec, make_vector_env
from seed_matrace.replay import Order
from seed_matrace.sections.env import EnvConfig, StarCraft2Config
from seed_matrace.smac_options import STARCRAFT2_BUILDS
from seed_matrace.starcraft2 import vector_env as starcraft2_env
from seed_matrace.starcraft2.installation import InstallationError
from seed_matrace.starcraft2.process import PYTHON_VARIABLE
from seed_matrace.starcraft2.worker import FOLDER_PREFIX
from seed_matrace.vector_env import EnvLostError

HERE = Path(__file__).parent
MAP = EnvConfig(map_name="3m", backend="starcraft2")
LIMITS = {"launch_interval_s": 0.0, "step_timeout_s": 5.0}


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A folder that looks like the game's, and a place for temporary files that must be empty in the end."""
    game = tmp_path / "game" / "Versions" / f"Base{STARCRAFT2_BUILDS['4.10']}" / "SC2_x64"
    game.parent.mkdir(parents=True)
    game.write_text("#!/bin/sh\n")
    game.chmod(0o755)
    maps = tmp_path / "game" / "Maps" / "SMAC_Maps"
    maps.mkdir(parents=True)
    (maps / "3m.SC2Map").touch()
    (tmp_path / "game" / "faults").write_text("{}")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("SC2PATH", str(tmp_path / "game"))
    for folder in (HERE, HERE / "fake_smac"):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(starcraft2_env, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(starcraft2_env, "LAUNCH_ATTEMPTS", 2)
    yield tmp_path / "game"
    wait_until(lambda: not workers_in(tmp_path / "tmp"), "games that outlive their environment", 10)
    assert not list((tmp_path / "tmp").iterdir())


def workers_in(folder):
    """Workers and their games, whose temporary files are in ``folder``."""
    found = []
    for pid in processes_where(lambda words: True):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(item.startswith(f"TMPDIR={folder / FOLDER_PREFIX}") for item in environment):
            found.append(pid)
    return found


def faults(installation, **of_launch):
    """``_2=("hang", "step", 3)``: what the second game that is launched does."""
    (installation / "faults").write_text(json.dumps({name[1:]: fault for name, fault in of_launch.items()}))


def make_env(num_envs=2, env=MAP, *, with_final=False, replay=None, recorded=0, **limits):
    games = StarCraft2Config(**{**LIMITS, **limits})
    return make_vector_env(env, num_envs, 1, games=games, with_final=with_final, replay=replay, recorded=recorded)


def first_available(out):
    return out.avail_actions.argmax(axis=-1).astype(np.int32)


def play(env, out, steps):
    for _ in range(steps):
        out = env.step(first_available(out), out)
    return out


def launches(installation):
    return (installation / "launches").stat().st_size


def test_games_step_end_and_begin_anew(installation):
    with closing(make_env(with_final=True)) as env:
        assert env.spec.obs_dim == env_spec(MAP).obs_dim
        out = env.reset()
        assert not out.terminated.any() and not out.reward.any()
        assert not np.array_equal(out.obs[0], out.obs[1])  # each has a seed of its own
        out = play(env, out, 4)
        assert out.reward.tolist() == [0.5, 0.5] and not out.episode.length.any()
        before = out.obs.copy()
        out = play(env, out, 1)
        assert out.terminated.all() and not out.truncated.any()
        assert out.reward.tolist() == [0.5, 0.5]
        assert out.episode.length.tolist() == [5, 5] and out.episode.episode_return.tolist() == [2.5, 2.5]
        assert out.episode.dead_allies.tolist() == [1, 1] and out.episode.dead_enemies.tolist() == [2, 2]
        assert out.final_obs.any() and not np.array_equal(out.final_obs, out.obs)
        assert not np.array_equal(out.final_obs, before)
        out = play(env, out, 5)
        assert out.truncated.all() and not out.terminated.any()
        assert launches(installation) == 2
        with pytest.raises(ValueError, match="not all available"):
            env.step(np.zeros((2, 3), np.int32))
    assert backend_name(MAP) == "sc2-4.10-standin"


@pytest.mark.parametrize("kind", ["hang", "crash", "garble", "disconnect", "leak", "empty"])
def test_lost_game_is_said_and_launched_anew(installation, kind):
    faults(installation, _2=(kind, "step", 3))
    limits = {"step_timeout_s": 0.5} if kind in ("hang", "empty") else {}
    with closing(make_env(memory_limit_mb=250, **limits)) as env:
        out = play(env, env.reset(), 2)
        if kind == "leak":
            for game in env._games:  # no waiting until they look again
                game._memory_looked_at = 0
        with pytest.raises(EnvLostError, match=r"game [01]: (step|it holds|no units)"):
            env.step(first_available(out), out)
        out = env.reset(out)
        assert not out.reward.any()
        play(env, out, 7)
        assert launches(installation) == 4  # a game in its first episode is launched anew, too


def test_game_lost_between_episodes_costs_nothing(installation):
    faults(installation, _1=("crash", "reset", 1))
    with closing(make_env()) as env:
        out = play(env, env.reset(), 5)
        assert out.terminated.all() and out.reward.tolist() == [0.5, 0.5]
        play(env, out, 5)
        assert launches(installation) == 3


def test_games_are_launched_anew_after_so_many_episodes(installation):
    with closing(make_env(num_envs=1, restart_episodes=2)) as env:
        play(env, env.reset(), 21)
        assert launches(installation) == 3


def test_game_that_never_starts_is_given_up_with_the_reason(installation):
    faults(installation, **{f"_{launch}": ("crash", "reset", 0) for launch in range(1, 9)})
    with closing(make_env(num_envs=1)) as env, pytest.raises(RuntimeError, match=r"game 0 did not start.*doctor"):
        env.reset()


def test_the_games_own_last_words_come_first(installation):
    faults(installation, **{f"_{launch}": ("words", "reset", 0) for launch in range(1, 9)})
    said = r"no websocket \(the game's last words: the disk is full; smac's: .*SC2 is not running\)"
    with closing(make_env(num_envs=1)) as env, pytest.raises(RuntimeError, match=said):
        env.reset()


def test_replay_is_left_by_the_first_game(installation, tmp_path):
    path = tmp_path / "run" / "replays" / "7.SC2Replay"
    with closing(make_env(replay=path)) as env:
        play(env, env.reset(), 3)
    assert path.read_text() == "replay of 3 steps"


@pytest.mark.parametrize("restart_episodes", [1, 9])
def test_recorded_game_tells_its_battles(installation, restart_episodes):
    env = dataclasses.replace(MAP, frame_stack=2, step_mul=4)
    with closing(make_env(env=env, recorded=1, restart_episodes=restart_episodes)) as env:
        out, shown = env.reset(), []
        assert env.battle(0) is None
        for _ in range(5):
            shown.append((out.obs[0, :, -env.spec.obs_dim // 2 :].copy(), out.state[0].copy(), first_available(out)[0]))
            out = play(env, out, 1)
        (replay, obs, state), first = env.battle(0), out.state.copy()
        assert env.battle(1) is None
        assert not np.array_equal(play(env, out, 5).state, first) and env.battle(0).replay != replay
    for seen, expected in zip((obs, state, replay.actions), map(np.stack, zip(*shown, strict=True)), strict=True):
        np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(replay.rewards, np.full(5, 0.5, np.float32))
    about = replay.about
    assert (about["map"], about["backend"], about["loops_per_frame"]) == ("3m", "sc2-4.10-standin", 4)
    assert about["units"] == ["Marine"] * 6 and not about["battle_won"]
    np.testing.assert_array_equal(replay.intents[:, 0], [[Order.IDLE] * 3 + [Order.ATTACK] * 3] * 5)
    np.testing.assert_array_equal(replay.intents[:, 1], [[-1] * 3 + [0] * 3] * 5)
    assert (replay.units[:, 2] > 0).all() and len(replay.events)


def test_battle_that_cannot_be_written_is_no_reason_to_stop(installation, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_SMAC_FILE_LIMIT", "200")
    with closing(make_env(num_envs=1, recorded=1)) as env:
        assert play(env, env.reset(), 7).reward.tolist() == [0.5]
        assert env.battle(0) is None
    assert launches(installation) == 1


def test_games_end_with_whoever_started_them(installation, tmp_path):
    pid = os.fork()
    if pid == 0:
        env = make_env()
        env.reset()
        (tmp_path / "ready").touch()
        time.sleep(600)
    try:
        wait_until((tmp_path / "ready").exists, "games of the other process")
        assert len(workers_in(tmp_path / "tmp")) == 4
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_abandoned_games_end_at_once(installation):
    faults(installation, _1=("hang", "step", 1))
    with closing(make_env()) as env:
        out = env.reset()
        for game in env._games:
            game.tell("step")
        env.abandon()
        with pytest.raises((EnvLostError, RuntimeError)):
            env.step(first_available(out), out)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda game: (game / "Maps" / "SMAC_Maps" / "3m.SC2Map").unlink(), "lacks 3m; unpack"),
        (lambda game: next(game.glob("Versions/*/SC2_x64")).chmod(0o644), "is not executable; run: chmod"),
        (
            lambda game: (game / "Versions/Base75689").rename(game / "Versions/Base69232"),
            "holds 4.6.2; install",
        ),
    ],
)
def test_broken_installation_is_said_at_once(installation, spoil, said):
    spoil(installation)
    with closing(make_env(num_envs=1)) as env, pytest.raises(InstallationError, match=said):
        env.reset()


def test_other_smac_is_recognised(installation, tmp_path, monkeypatch):
    (tmp_path / "other" / "smac").mkdir(parents=True)
    (tmp_path / "other" / "smac" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "other")
    with closing(make_env(num_envs=1)) as env, pytest.raises(InstallationError, match=r"tunes hyper-parameters.*pip"):
        env.reset()


def test_file_in_the_place_of_smac_is_named(installation, tmp_path, monkeypatch):
    """As docs/epymarl.md puts one on the path of another program."""
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "smac.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "shim")
    said = rf"smac is one file, {tmp_path}/shim/smac.py, and not SMAC; take it off PYTHONPATH"
    with closing(make_env(num_envs=1)) as env, pytest.raises(InstallationError, match=said):
        env.reset()


def test_missing_smac_is_said(installation, monkeypatch):
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(HERE / "fake_smac")])
    said = f"not installed for {sys.executable}; run: pip"
    with closing(make_env(num_envs=1)) as env, pytest.raises(InstallationError, match=said):
        env.reset()
