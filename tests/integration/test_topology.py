"""Learner and actors as real processes: training, faults, and nothing left behind."""

import os
import re
import signal
import subprocess

import pytest
from ends import free_port, make_certificates
from processes import (
    actors_alive,
    actors_of,
    command,
    env_steps,
    finish,
    metrics,
    reports,
    run,
    tiny_run,
    wait_until,
)

FOREVER = 10_000_000


def test_learner_and_actors_train_to_the_end_of_the_budget(tmp_path):
    result = run("train", "--num_actors=2", f"--run_dir={tmp_path}", *tiny_run(2000))
    assert result.returncode == 0, result.stderr
    last = reports(tmp_path)[-1]
    assert last["env_steps"] == 2000
    assert last["learner_steps"] == 16 * 100
    assert last["perf/actors_alive"] == 2
    assert last["acted_env_steps"] >= 2000
    # 8 environments, 1 unroll each in the making and 1 queued, B = 4, 16 learner steps a batch: bounded lag.
    assert max(line["perf/policy_lag_max"] for line in reports(tmp_path)) <= 16 * (8 * 2 / 4 + 3)
    for task_id in ("000", "001"):
        assert last[f"actors/{task_id}/connected"] == last[f"actors/{task_id}/connections"] == 1
        assert sum(line[f"actors/{task_id}/env_steps_per_s"] for line in reports(tmp_path)[1:]) > 0
        assert 0 <= last[f"actors/{task_id}/policy_lag"] <= 16 * 8
    assert "actor 1 left" not in result.stdout  # who is sent home is not lost
    assert "actor 1 joined with groups" in (tmp_path / "logs" / "learner.log").read_text()
    assert "2,000 env steps" in result.stdout
    assert not (tmp_path / "actors.sock").exists()
    assert actors_of(str(tmp_path)) == []


def test_killed_actor_is_restarted_and_training_goes_on(tmp_path, started):
    learner = started(
        "train", "--num_actors=2", f"--run_dir={tmp_path}", *tiny_run(FOREVER, "run.report_fraction=1e-5")
    )
    wait_until(lambda: actors_alive(tmp_path) == 2, "both actors at work")
    victim = actors_of(str(tmp_path))[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(actors_of(str(tmp_path))) == 2 and victim not in actors_of(str(tmp_path)), "a new actor")
    steps = env_steps(tmp_path)
    wait_until(
        lambda: env_steps(tmp_path) > steps + 1000 and reports(tmp_path)[-1]["perf/actors_alive"] == 2, "training on"
    )
    learner.send_signal(signal.SIGINT)
    output = finish(learner)
    assert learner.returncode == 0, output
    assert "ended (signal 9); restarting it" in output
    assert re.search(r"actor \d left: connection (closed|lost).*; \d+ env steps of unfinished unrolls dropped", output)


def test_ctrl_c_leaves_a_checkpoint_and_nothing_else(tmp_path, started):
    learner = started("train", "--num_actors=1", f"--run_dir={tmp_path}", *tiny_run(FOREVER))
    wait_until(lambda: env_steps(tmp_path) > 0 or actors_of(str(tmp_path)), "an actor at work")
    wait_until(lambda: (tmp_path / "actors.sock").exists(), "the socket")
    learner.send_signal(signal.SIGINT)
    output = finish(learner)
    assert learner.returncode == 0, output
    assert "stopped before the end" in output
    assert list((tmp_path / "checkpoints").glob("step-*"))
    assert not (tmp_path / "actors.sock").exists()
    assert actors_of(str(tmp_path)) == []
    result = run("train", "--num_actors=0", f"--run_dir={tmp_path}", "--gin_param=run.total_env_steps=100")
    assert result.returncode == 0, result.stderr


def test_actors_end_with_a_killed_learner_and_the_run_resumes(tmp_path, started):
    flags = tiny_run(FOREVER, "run.report_fraction=1e-5", "run.checkpoint_fraction=1e-4")
    learner = started("train", "--num_actors=2", f"--run_dir={tmp_path}", *flags)
    wait_until(lambda: env_steps(tmp_path) > 2500, "a checkpoint's worth of training")
    os.kill(learner.pid, signal.SIGKILL)
    learner.wait()
    wait_until(lambda: not actors_of(str(tmp_path)), "the actors to end")
    resumed = started("train", "--num_actors=1", f"--run_dir={tmp_path}")
    wait_until(lambda: env_steps(tmp_path) > 5000, "training on")
    resumed.send_signal(signal.SIGTERM)
    output = finish(resumed)
    assert resumed.returncode == 0, output
    assert "resumed at" in output
    steps = [line["env_steps"] for line in metrics(tmp_path)]
    assert steps == sorted(steps)


def test_standalone_actor_waits_for_its_learner_and_outlives_it(tmp_path, started):
    address = f"--server_address=unix:{tmp_path}/learner.sock"
    flags = tiny_run(FOREVER, "run.report_fraction=1e-5", "run.checkpoint_fraction=1e-4")
    actor = started("actor", address, "--reconnect_timeout_s=60", *flags)
    learner = started("learner", address, f"--run_dir={tmp_path / 'run'}", *flags)
    wait_until(lambda: env_steps(tmp_path / "run") > 2500, "training")
    kill_and_restart_learner(learner, tmp_path / "run", started, address)
    assert actor.poll() is None
    actor.send_signal(signal.SIGTERM)
    finish(actor)
    assert actor.returncode == 0


def kill_and_restart_learner(learner, run_dir, started, *flags):
    os.kill(learner.pid, signal.SIGKILL)
    learner.wait()
    steps = env_steps(run_dir)
    again = started("learner", *flags, f"--run_dir={run_dir}")
    wait_until(lambda: env_steps(run_dir) > steps + 1000, "training with the same actors")
    again.send_signal(signal.SIGINT)
    finish(again)


def test_actors_over_tls_are_killed_and_replaced_and_outlive_their_learner(tmp_path, started):
    files = make_certificates(tmp_path)
    (tmp_path / "token").write_text("a secret of learner and actors\n")
    run_dir, address = tmp_path / "run", f"--server_address=localhost:{free_port().port}"
    of_learner = [address, *(f"--{name}={files[name]}" for name in ("tls_cert", "tls_key")), "--num_actors=2"]
    of_learner.append(f"--token_file={tmp_path}/token")
    flags = tiny_run(FOREVER, "run.report_fraction=1e-5", "run.checkpoint_fraction=1e-4")

    def start_actor(task_id):
        return started(
            "actor", address, f"--tls_ca={files['tls_ca']}", f"--task_id={task_id}", *of_learner[-1:], *flags
        )

    learner = started("learner", *of_learner, f"--run_dir={run_dir}", *flags)
    actors = [start_actor(0), start_actor(1)]
    wait_until(lambda: actors_alive(run_dir) == 2, "both actors at work")
    os.kill(actors[0].pid, signal.SIGKILL)
    wait_until(lambda: actors_alive(run_dir) == 1, "the learner to notice")
    steps = env_steps(run_dir)
    wait_until(lambda: env_steps(run_dir) > max(steps + 500, 2500), "training with the other one")
    actors[0] = start_actor(0)
    wait_until(lambda: actors_alive(run_dir) == 2, "a new actor in its place")
    kill_and_restart_learner(learner, run_dir, started, *of_learner)
    assert [actor.poll() for actor in actors] == [None, None]


def test_actors_end_when_the_run_is_over(tmp_path, started):
    addresses = [f"--server_address=unix:{tmp_path}/learner.sock", f"--server_address={free_port()}"]
    flags = tiny_run(2000)
    actors = [started("actor", address, f"--task_id={number}", *flags) for number, address in enumerate(addresses)]
    result = run("learner", *addresses, "--num_actors=2", f"--run_dir={tmp_path / 'run'}", *flags)
    assert result.returncode == 0, result.stderr
    assert " left" not in result.stdout
    for actor in actors:
        output = finish(actor)
        assert actor.returncode == 0, output
        assert "is over: done" in output


def test_actor_without_a_learner_gives_up_after_its_timeout(tmp_path):
    result = run("actor", f"--server_address=unix:{tmp_path}/none.sock", "--reconnect_timeout_s=0.3", *tiny_run(100))
    assert result.returncode == 0
    assert "no learner at" in result.stderr


def test_actor_ends_with_who_started_it(tmp_path):
    address = f"--server_address=unix:{tmp_path}/none.sock"
    actor = subprocess.Popen(command("actor", address, "--end_with_stdin", *tiny_run(100)), stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        actor.wait(3)
    actor.stdin.close()
    assert actor.wait(60) == 0


def test_actor_of_another_map_is_told_so_and_the_learner_goes_on(tmp_path, started):
    address = f"--server_address=unix:{tmp_path}/learner.sock"
    learner = started(
        "learner", address, f"--run_dir={tmp_path / 'run'}", *tiny_run(FOREVER, "run.report_fraction=1e-5")
    )
    wait_until((tmp_path / "learner.sock").exists, "the learner's socket")
    result = run("actor", address, "--gin_file=maps/8m.gin")
    assert result.returncode == 2
    assert "the actor does not fit this learner" in result.stderr
    fitting = started("actor", address, *tiny_run(FOREVER))
    wait_until(lambda: env_steps(tmp_path / "run") > 500, "training with an actor that fits")
    assert fitting.poll() is None
    assert learner.poll() is None


def test_second_learner_in_a_run_directory_or_at_a_socket_is_refused(tmp_path, started):
    address = f"--server_address=unix:{tmp_path}/learner.sock"
    started("learner", address, f"--run_dir={tmp_path / 'run'}", *tiny_run(FOREVER))
    wait_until((tmp_path / "learner.sock").exists, "the learner's socket")
    same_directory = run("train", "--num_actors=1", f"--run_dir={tmp_path / 'run'}")
    assert same_directory.returncode == 2
    assert "another learner is at work" in same_directory.stderr
    same_socket = run("learner", address, f"--run_dir={tmp_path / 'other'}", *tiny_run(FOREVER))
    assert same_socket.returncode == 2
    assert "a learner already listens" in same_socket.stderr


def test_actor_on_the_largest_map_needs_little_memory(tmp_path, started):
    sizes = ("learner.unroll_length=5", "learner.batch_size=8", "run.num_envs=64", "evaluation.episodes=1")
    params = [f"--gin_param={param}" for param in (*sizes, "run.report_fraction=1e-5")]
    started("train", "--gin_file=maps/27m_vs_30m.gin", "--num_actors=1", f"--run_dir={tmp_path}", *params)
    wait_until(lambda: env_steps(tmp_path) > 500, "training")
    (actor,) = actors_of(str(tmp_path))
    with open(f"/proc/{actor}/smaps_rollup") as file:
        private_kb = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    assert private_kb < 120_000
