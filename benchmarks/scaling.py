"""What a learner pays for its actors, and how many of them it can feed on.

    nice -n -10 python benchmarks/scaling.py benchmarks/results

measures on this machine, writes scaling.json and scaling.png into the folder and prints the tables. Actors are threads
of four processes that send the same random step again and again, after the time that their environments would have
taken, one after the other: 0, 5 or 20 ms each. The learner is the real one, inference and training included.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from seed_matrace.bench.random_data import fill_randomly
from seed_matrace.bench.scaling import ServiceTimes, actors_to_saturate, env_steps_per_s
from seed_matrace.config import load_config
from seed_matrace.inference.groups import GroupPlan, GroupTable
from seed_matrace.training_env import make_schema
from seed_matrace.transport.address import parse_address
from seed_matrace.transport.carriers import connect, listen
from seed_matrace.transport.security import NO_SECURITY
from seed_matrace.transport.server import Admission, Ready
from seed_matrace.viewer.style import new_figure, save_figure, style_axes

MAPS = ("3m", "27m_vs_30m")
CARRIERS = ("shared memory", "gRPC")
ACTORS = (1, 8, 64)
STEP_S = (0.005, 0.02)
GROUPS, GROUP_SIZE = 2, 4  # of each actor
PROCESSES = 4
SETTLE_S, MEASURE_S = 3.0, 6.0
CORES = psutil.cpu_count()


def echo(gin: list[str], address: str, task_ids: range, step_s: float, counts: Any) -> None:
    """Actors that need no environments."""
    config = load_config(*gin)[0]
    threads = [
        threading.Thread(target=_echo_one, args=(config, address, task_id, step_s, counts)) for task_id in task_ids
    ]
    for thread in threads:
        thread.start()


def _echo_one(config: Any, address: str, task_id: int, step_s: float, counts: Any) -> None:
    parsed, client = parse_address(address), None
    while client is None:
        with contextlib.suppress(OSError):
            client = connect(parsed, task_id, make_schema(config), NO_SECURITY)
        time.sleep(0.2)
    for slot in client.slots:
        fill_randomly(slot.env)
    busy_until = time.monotonic()
    with contextlib.suppress(OSError):
        client.send_ready(list(range(len(client.slots))))
        while True:
            for group in client.wait_answers():
                busy_until = max(busy_until, time.monotonic()) + GROUP_SIZE * step_s
                time.sleep(max(busy_until - time.monotonic(), 0.0))
                counts[task_id] += 1
                client.send_ready([group])


@contextlib.contextmanager
def actors(gin: list[Any], address: str, num_actors: int, step_s: float) -> Iterator[tuple[Any, list[Any]]]:
    """Their counts of round trips, and their processes."""
    context = multiprocessing.get_context("spawn")
    counts = context.Array("q", num_actors, lock=False)
    parts = [range(first, num_actors, PROCESSES) for first in range(min(PROCESSES, num_actors))]
    processes = [context.Process(target=echo, args=(gin, address, part, step_s, counts)) for part in parts]
    for process in processes:
        process.start()
    try:
        yield counts, [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def address_for(carrier: str, folder: str) -> str:
    if carrier == "shared memory":
        return f"unix:{folder}/actors.sock"
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def carrier_alone(map_name: str, carrier: str, num_actors: int) -> dict[str, Any]:
    """The learner's end, answering at once with nothing but the carrier at work: processor time per round trip."""
    gin = [[f"maps/{map_name}.gin"], []]
    config = load_config(*gin)[0]
    plan = GroupPlan(num_actors * GROUPS, GROUP_SIZE, num_actors)
    admission = Admission(make_schema(config), plan.capacity, GroupTable(plan, seed=0).assign)
    with tempfile.TemporaryDirectory() as folder:
        address = address_for(carrier, folder)
        server = listen([parse_address(address)], admission, NO_SECURITY)
        with contextlib.closing(server), actors(gin, address, num_actors, 0.0) as (counts, _):

            def serve(seconds: float) -> int:
                done, until = 0, time.monotonic() + seconds
                while time.monotonic() < until:
                    ready = [event.group for event in server.poll(0.1) if isinstance(event, Ready)]
                    if ready:
                        server.answer(ready)
                    done += len(ready)
                return done

            while not all(counts):
                serve(0.1)
            serve(1.0)
            before, started = time.process_time(), time.monotonic()
            done = serve(MEASURE_S / 2)
            spent, elapsed = time.process_time() - before, time.monotonic() - started
    return {
        "map": map_name,
        "carrier": carrier,
        "actors": num_actors,
        "us_per_round_trip": 1e6 * spent / done,
        "round_trips_per_s": done / elapsed,
    }


def whole_learner(map_name: str, carrier: str, num_actors: int, step_s: float) -> dict[str, Any]:
    """A real learner fed by paced actors: env steps per second, and processor time on both sides."""
    params = [f"run.num_envs={num_actors * GROUPS * GROUP_SIZE}", "run.total_env_steps=1000000000"]
    params += ["evaluation.every_fraction=1.0", "evaluation.episodes=1", "run.checkpoint_fraction=1.0"]
    params += ["run.stop_win_rate=0", "run.stop_loss=1e30"]
    gin = [[f"maps/{map_name}.gin"], params]
    with tempfile.TemporaryDirectory() as folder:
        address = address_for(carrier, folder)
        command = [sys.executable, "-m", "seed_matrace", "learner", f"--num_actors={num_actors}"]
        command += [f"--server_address={address}", f"--run_dir={folder}/run", f"--gin_file={gin[0][0]}"]
        learner = subprocess.Popen([*command, *(f"--gin_param={param}" for param in params)], stdout=subprocess.DEVNULL)
        try:
            with actors(gin, address, num_actors, step_s) as (counts, processes):
                while not all(counts):
                    if learner.poll() is not None:
                        raise RuntimeError("the learner has ended")
                    time.sleep(0.1)
                time.sleep(SETTLE_S)
                watched = psutil.Process(learner.pid)
                before = _look(watched, processes, counts)
                time.sleep(MEASURE_S)
                after = _look(watched, processes, counts)
        finally:
            learner.kill()
            learner.wait()
    round_trips = after["round_trips"] - before["round_trips"]
    env_steps = round_trips * GROUP_SIZE
    learner_s = sum(after["threads"].values()) - sum(before["threads"].values())
    busiest_s = max(spent - before["threads"].get(thread, 0.0) for thread, spent in after["threads"].items())
    return {
        "map": map_name,
        "carrier": carrier,
        "actors": num_actors,
        "env_step_s": step_s,
        "env_steps_per_s": env_steps / (after["time"] - before["time"]),
        "learner_us_per_round_trip": 1e6 * learner_s / max(round_trips, 1),
        "learner_us_per_env_step": 1e6 * learner_s / max(env_steps, 1),
        "busiest_thread_us_per_env_step": 1e6 * busiest_s / max(env_steps, 1),
        "actors_us_per_env_step": 1e6 * (after["actors"] - before["actors"]) / max(env_steps, 1),
        "cores_left": CORES
        - (after["machine"] - before["machine"] - learner_s - after["actors"] + before["actors"])
        / (after["time"] - before["time"]),  # by programs that have nothing to do with it
    }


def _look(learner: psutil.Process, processes: list[psutil.Process], counts: Any) -> dict[str, Any]:
    return {
        "time": time.monotonic(),
        "round_trips": sum(counts),
        "threads": {thread.id: thread.user_time + thread.system_time for thread in learner.threads()},
        "machine": _busy_s(),
        "actors": sum(sum(process.cpu_times()[:2]) for process in processes),
    }


def _busy_s() -> float:
    """Processor time of all programs on this machine so far."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def service_times(busy: dict[str, Any]) -> ServiceTimes:
    return ServiceTimes(busy["busiest_thread_us_per_env_step"], busy["learner_us_per_env_step"])


def here(busy: dict[str, Any]) -> ServiceTimes:
    """Of a learner that shares its cores with its actors, as all do in this benchmark."""
    alone = service_times(busy)
    return ServiceTimes(alone.busiest_thread, alone.all_threads + busy["actors_us_per_env_step"])


def plot(results: dict[str, Any]) -> Any:
    figure = new_figure(4.2 * len(MAPS), 3.6)
    panels = figure.subplots(1, len(MAPS), squeeze=False)[0]
    for axes, map_name in zip(panels, MAPS, strict=True):
        for index, carrier in enumerate(CARRIERS):
            busy = _busy(results, map_name, carrier)
            for number, step_s in enumerate(STEP_S):
                colour, marker = f"C{2 * number + index}", "os"[index]
                points = [p for p in results["paced"] if _is(p, map_name, carrier) and p["env_step_s"] == step_s]
                label = f"{carrier}, {1000 * step_s:g} ms"
                axes.plot(
                    [p["actors"] for p in points],
                    [p["env_steps_per_s"] for p in points],
                    marker,
                    color=colour,
                    label=label,
                )
                predicted = [env_steps_per_s(here(busy), p["cores_left"], p["actors"], step_s) for p in points]
                axes.plot(ACTORS, predicted, "-", color=colour, linewidth=0.8)
        style_axes(axes)
        axes.set(title=map_name, xlabel="actors", xscale="log", yscale="log", xlim=(0.9, 1.1 * ACTORS[-1]))
        axes.set_xticks(ACTORS, [str(count) for count in ACTORS])
        axes.legend(frameon=False, fontsize=7)
    panels[0].set(ylabel="env steps per second")
    figure.suptitle("Paced environments: measured (marks) and from the service times (lines)", fontsize=10)
    return figure


def _is(point: dict[str, Any], map_name: str, carrier: str) -> bool:
    return (point["map"], point["carrier"]) == (map_name, carrier)


def _busy(results: dict[str, Any], map_name: str, carrier: str) -> dict[str, Any]:
    return next(point for point in results["busy"] if _is(point, map_name, carrier))


def print_tables(results: dict[str, Any]) -> None:
    print("| map | carrier | actors | carrier alone, µs per round trip |\n|---|---|---|---|")
    for p in results["carriers"]:
        print(f"| {p['map']} | {p['carrier']} | {p['actors']} | {p['us_per_round_trip']:.0f} |")
    print("\n| map | carrier | learner, µs per round trip | per env step | its busiest thread | env steps/s |", end="")
    print(" actors it takes at 5 ms | at 20 ms |\n|" + "---|" * 8)
    for p in results["busy"]:
        enough = [f"{actors_to_saturate(service_times(p), CORES, step_s):.0f}" for step_s in STEP_S]
        numbers = [p[f"{name}_us_per_{unit}"] for name, unit in (("learner", "round_trip"), ("learner", "env_step"))]
        numbers += [p["busiest_thread_us_per_env_step"]]
        shown = " | ".join([*(f"{number:.1f}" for number in numbers), f"{p['env_steps_per_s']:,.0f}", *enough])
        print(f"| {p['map']} | {p['carrier']} | {shown} |")
    print("\n| map | carrier | ms per env step | actors | env steps/s | formula |\n|" + "---|" * 6)
    for p in results["paced"]:
        busy = _busy(results, p["map"], p["carrier"])
        formula = env_steps_per_s(here(busy), p["cores_left"], p["actors"], p["env_step_s"])
        where = f"{p['map']} | {p['carrier']} | {1000 * p['env_step_s']:g} | {p['actors']}"
        print(f"| {where} | {p['env_steps_per_s']:,.0f} | {formula:,.0f} |")


def main(folder: str) -> None:
    pairs = [(map_name, carrier) for map_name in MAPS for carrier in CARRIERS]
    results: dict[str, Any] = {"cores": CORES}
    results["carriers"] = [carrier_alone(*pair, count) for pair in pairs for count in (1, 8, 64)]
    results["busy"] = [whole_learner(*pair, 16, 0.0) for pair in pairs]
    results["paced"] = [whole_learner(*pair, count, step_s) for pair in pairs for step_s in STEP_S for count in ACTORS]
    (Path(folder) / "scaling.json").write_text(json.dumps(results, indent=1) + "\n")
    print_tables(results)
    save_figure(plot(results), Path(folder) / "scaling.png")


if __name__ == "__main__":
    main(sys.argv[1])
