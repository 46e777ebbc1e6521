"""Our games through SMAC's own class and the stand-in: PYTHONPATH=<its sources> python -m pytest -m smac tests/envs."""

from __future__ import annotations

import os
from contextlib import closing

import numpy as np
import pytest
from processes import ROOT, finish, metrics, processes_where, start, tiny_run

from seed_matrace import __version__
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.recording import record_battle
from seed_matrace.replay import read_replay
from seed_matrace.sc2_standin.installation import install
from seed_matrace.sections.env import EnvConfig, StarCraft2Config
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.smac_options import SmacOptions
from seed_matrace.starcraft2.recording import read_battle
from seed_matrace.starcraft2.vector_env import starcraft2_spec
from seed_matrace.starcraft2.worker import FOLDER_PREFIX, Game
from seed_matrace.transport.slots import empty_slot

pytestmark = pytest.mark.smac
EPISODES = 4
OPTIONS = {
    "defaults": {},
    "much_shown": {
        "obs_last_action": True, "obs_pathing_grid": True, "obs_terrain_height": True, "state_timestep_number": True,
        "obs_timestep_number": True, "reward_only_positive": False, "move_amount": 3.0,
    },
    "script": {"heuristic_ai": True, "heuristic_rest": True, "reward_sparse": True},
}  # fmt: skip
# Each in a launch of its own; not all are reached, since a game in its first episode is launched anew with its group.
FAULTS = (
    "crash step=40", "hang step=60", "disconnect observation=50", "garble observation=30", "error action=20",
    "freeze step=33", "crash create_game=1", "empty observation=25", "refuse", "crash debug=1", "hang debug=2",
    "crash step=100", "garble step=70", "disconnect action=90", "error step=80", "crash observation=12",
    "freeze observation=45", "crash join_game=1", "error observation=64", "crash step=21", "disconnect step=55",
    "hang action=37", "garble action=48", "slow step=30 seconds=6",
)  # fmt: skip


@pytest.fixture
def standin(tmp_path, monkeypatch):
    pytest.importorskip("smac.env")
    install(tmp_path / "game")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("SC2PATH", str(tmp_path / "game"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
    return tmp_path / "game"


def play_beside(game, slot, simulator, rng):
    """Both play the same actions and must look the same; returns the number of steps."""
    steps = 0
    for _ in range(EPISODES):
        game.reset(), simulator.reset()
        ended = False
        while not ended:
            np.testing.assert_array_equal(slot.env.obs[0], np.array(simulator.get_obs(), np.float32))
            np.testing.assert_array_equal(slot.env.state[0], simulator.get_state())
            np.testing.assert_array_equal(slot.env.avail_actions[0], simulator.get_avail_actions())
            eager = rng.random() < 0.5
            for agent, row in enumerate(slot.env.avail_actions[0]):
                choices = np.flatnonzero(row[6:]) + 6 if eager and row[6:].any() else np.flatnonzero(row)
                slot.action[0, agent] = rng.choice(choices)
            answer = game.step()
            reward, ended, info = simulator.step(slot.action[0].tolist())
            assert slot.env.reward[0] == np.float32(reward)
            assert bool(answer.get("ended")) == ended == bool(slot.env.terminated[0] or slot.env.truncated[0])
            steps += 1
        assert slot.env.episode.battle_won[0] == info["battle_won"]
        assert slot.env.episode.dead_enemies[0] == info["dead_enemies"]
        assert slot.env.episode.length[0] == simulator._episode_steps
    return steps


def order_of(map_name, options, spec, record=False):
    order = {"map_name": map_name, "options": options.changed(), "seed": 7, "version": __version__}
    return {**order, "spec": vars(spec), "record": record}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("map_name", map_names())
def test_game_is_what_smac_plays(standin, tmp_path, map_name, options):
    chosen = SmacOptions(**OPTIONS[options])
    spec = starcraft2_spec(map_name, chosen)
    slot = empty_slot(spec, 1)
    order = order_of(map_name, chosen, spec)
    game = Game(order, slot, tmp_path)
    try:
        simulator = StarCraft2Env(map_name, seed=7, **OPTIONS[options])
        print(f"{map_name}, {options}: {play_beside(game, slot, simulator, np.random.default_rng(3))} steps")
    finally:
        game.close()


@pytest.mark.parametrize("map_name", ["3m", "2s3z", "MMM2", "27m_vs_30m", "2c_vs_64zg"])
def test_replay_is_that_of_the_simulator(standin, tmp_path, map_name):
    """Of one battle played twice: by the game, and by the simulator that writes every loop down itself."""
    spec = starcraft2_spec(map_name, SmacOptions())
    slot, rng = empty_slot(spec, 1), np.random.default_rng(3)
    game = Game(order_of(map_name, SmacOptions(), spec, record=True), slot, tmp_path)
    try:
        game.reset()
        while "ended" not in game_step(game, slot, rng):
            pass
    finally:
        game.close()
    played, env = read_battle(tmp_path).replay, EnvConfig(map_name=map_name)
    simulated = record_battle(env, played.actions.astype(np.int32), None, seed=7, battle=0)
    loops = simulated.about["frames_per_step"] // played.about["frames_per_step"]
    units, alive = simulated.units[::loops], simulated.units[::loops, 2] > 0
    np.testing.assert_array_equal(played.units[:, 2:4], units[:, 2:4])
    for column in (0, 1, 4):  # of the dead SMAC keeps where it saw them last
        np.testing.assert_array_equal(played.units[:, column][alive], units[:, column][alive])
    for name in ("avail_actions", "height"):
        np.testing.assert_array_equal(getattr(played, name), getattr(simulated, name))
    np.testing.assert_array_equal(played.ground, simulated.ground == 1)
    np.testing.assert_allclose(played.rewards, simulated.rewards, rtol=1e-6)
    np.testing.assert_array_equal(played.intents[:, 1][alive[1:]], simulated.intents[:, 1][alive[1:]])
    np.testing.assert_array_equal(played.intents[:, 0][alive[1:]], simulated.intents[:, 0][alive[1:]])
    for name in ("map", "n_agents", "units", "types", "battle_won"):
        assert played.about[name] == simulated.about[name]
    print(f"{map_name}: {len(played.actions)} steps, {len(played.events)} events")


def game_step(game, slot, rng):
    """Attacks where it can, else walks somewhere."""
    for agent, row in enumerate(slot.env.avail_actions[0]):
        slot.action[0, agent] = rng.choice(np.flatnonzero(row[6:]) + 6 if row[6:].any() else np.flatnonzero(row))
    return game.step()


def test_games_leave_nothing_behind(standin, tmp_path):
    games = StarCraft2Config(launch_interval_s=0.1)
    env = EnvConfig(map_name="2s3z", backend="starcraft2", frame_stack=2)
    replay = tmp_path / "run" / "1.SC2Replay"
    with closing(make_vector_env(env, 2, seed=1, games=games, with_final=True, replay=replay)) as env:
        out = env.reset()
        for _ in range(100):
            out = env.step(out.avail_actions.argmax(-1).astype(np.int32), out)
    assert replay.stat().st_size > 0
    assert_nothing_left(tmp_path)


@pytest.mark.timeout(900)
def test_run_keeps_replays_that_can_be_watched(standin, tmp_path):
    run_dir = tmp_path / "run"
    params = ("env.backend='starcraft2'", "env.map_name='3m'", "env.frame_stack=2", "run.num_envs=2")
    games = ("starcraft2.launch_interval_s=0.05", "starcraft2.evaluation_games=2", "starcraft2.replay_every=1")
    flags = tiny_run(100, *params, *games, "evaluation.every_fraction=1.0", "evaluation.episodes=4")
    python = {"PYTHONPATH": os.environ["PYTHONPATH"]}
    for command in (
        ("train", *flags, "--num_actors=1", f"--run_dir={run_dir}"),
        ("eval", f"--run_dir={run_dir}", "--episodes=3", "--save_replays=3"),
        ("watch", str(run_dir), str(run_dir / "replays" / "eval_0002.npz")),
    ):
        process = start(*command, **python)
        output = finish(process, timeout_s=400)
        assert process.returncode == 0, output
    names = sorted(path.name for path in (run_dir / "replays").iterdir())
    assert names == [
        "0000.SC2Replay", "0000.npz", "0001.SC2Replay", "0001.npz", "best.npz", "eval.SC2Replay",
        "eval_0000.npz", "eval_0001.npz", "eval_0002.npz",
    ]  # fmt: skip
    assert (run_dir / "watch.html").stat().st_size > 10_000
    for path in (run_dir / "replays").glob("*.npz"):
        replay = read_replay(path)
        assert replay.about["backend"] == "sc2-4.10-standin"
        chosen = np.take_along_axis(replay.probabilities, replay.actions[:, :, None].astype(int), axis=2)[:, :, 0]
        np.testing.assert_array_equal(chosen, replay.probabilities.max(axis=2))  # of two that are written alike either
        assert (replay.probabilities[replay.avail_actions == 0] == 0).all() and replay.values.shape[1] == 1
    battles = [read_replay(run_dir / "replays" / f"eval_{number:04d}.npz").about["battle"] for number in range(3)]
    assert battles == [0, 1, 2]
    assert_nothing_left(tmp_path)


def assert_nothing_left(tmp_path):
    assert not [path for path in (tmp_path / "tmp").iterdir() if path.name.startswith((FOLDER_PREFIX, "sc-"))]
    assert not processes_where(lambda words: any(str(tmp_path / "game") in word for word in words))


@pytest.mark.timeout(900)
def test_training_survives_faults(standin, tmp_path):
    faults = [
        f"{fault} launch={launch}" for launch, fault in enumerate(2 * FAULTS, start=6)
    ]  # 5 games are evaluation's
    (standin / "faults.txt").write_text("\n".join(faults))
    params = ("env.backend='starcraft2'", "env.map_name='3m'", "run.num_envs=4", "run.report_fraction=0.1")
    watch = ("step_timeout_s=4", "launch_timeout_s=15", "launch_interval_s=0.05", "evaluation_games=4")
    flags = tiny_run(8000, *params, *(f"starcraft2.{limit}" for limit in watch), "evaluation.every_fraction=1.0")
    process = start(
        "train", *flags, "--num_actors=1", f"--run_dir={tmp_path / 'run'}", PYTHONPATH=os.environ["PYTHONPATH"]
    )
    output = finish(process, timeout_s=800)
    assert process.returncode == 0, output
    last = [line for line in metrics(tmp_path / "run") if "restarted_groups" in line][-1]
    log = (tmp_path / "run" / "logs" / "actor_000.log").read_text()
    lost, unstarted = log.count("lost its games"), log.count("did not start")
    acted, dropped = last["acted_env_steps"], last["dropped_env_steps"]
    print(f"{lost} games lost, {unstarted} not started, {dropped:.0f} of {acted:.0f} env steps dropped\n{log}")
    assert lost + unstarted >= 20
    assert last["restarted_groups"] <= lost
    assert dropped < 2 * 5 * (last["restarted_groups"] + 1)  # less than an unroll each
    assert_nothing_left(tmp_path)
