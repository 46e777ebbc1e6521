"""``seed-matrace train`` and ``learner``: everything around a training run, from its configuration to its last line."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from logging import StreamHandler
from pathlib import Path
from typing import TYPE_CHECKING

from absl import logging

from seed_matrace.config import MACHINE, Config
from seed_matrace.config_effects import warnings_of
from seed_matrace.envs.registry import backend_name, env_spec, has_winner, noted_spec, plays_elsewhere
from seed_matrace.files import is_utf8
from seed_matrace.foreign_files import printable
from seed_matrace.inference.groups import GroupPlan, plan_groups
from seed_matrace.learner.run_directory import RunDirectory, modules_info, scenario_info
from seed_matrace.learner.run_info import write_finished, write_run_info
from seed_matrace.training.display import Display
from seed_matrace.training.local import default_num_actors, local_groups
from seed_matrace.training.output import SteadyLogFile
from seed_matrace.training.own_code import hooks_of, reward_of
from seed_matrace.training.same_run import check_same_run
from seed_matrace.training.sinks import make_sinks
from seed_matrace.training.start import Start, TrainOptions, plan_start
from seed_matrace.training.summary import conclusion, introduction
from seed_matrace.training_env import training_spec
from seed_matrace.types import Host

if TYPE_CHECKING:
    from seed_matrace.learner.strategy import Devices
    from seed_matrace.training.callback import Callback
    from seed_matrace.training.progress import Progress
    from seed_matrace.training.sources import NamedReward

_PACKAGE = Path(__file__).parents[1]


def train(options: TrainOptions, stop: threading.Event, begun: Callable[[Path], None] = lambda run_dir: None) -> str:
    """Begins or resumes a run and stays until it is over or ``stop`` is set.

    Args:
      begun: is told the run directory once it is this process's own.

    Returns:
      How it ended and how to resume it, to be printed; "" where another host will say so.

    Raises:
      ValueError: what makes the run impossible, before a file of an existing run is touched.
    """
    from seed_matrace.learner.strategy import set_up_tensorflow
    from seed_matrace.learner.try_out import try_out
    from seed_matrace.training.hosts import Hosts  # TensorFlow takes seconds
    from seed_matrace.training.warm_start import check_start

    start = plan_start(options, default_actors=1 if options.listen_at else _default_actors)
    config, num_actors, resuming = start.config, start.topology.num_actors, start.resuming
    whole = start.path.absolute()  # whatever an environment makes of the working folder
    path = whole if is_utf8(whole) else start.path  # for TensorFlow
    _check_playable(config, num_actors)
    callbacks, reward = [*make_sinks(start.sinks), *hooks_of(config)], reward_of(config)
    local_actors = 0 if options.listen_at else num_actors
    devices = set_up_tensorflow(config, deterministic=num_actors == 0, local_actors=local_actors)
    hosts = Hosts(devices)
    if start.modules:
        try_out(config, training_spec(config))  # before a directory is made
    plan = _group_plan(hosts.part_of(config), num_actors, local_actors, hosts.this)
    if start.init_from and not resuming:
        check_start(config, Path(start.init_from))
    if not hosts.chief:
        path, resuming = path / f"host_{hosts.this.index:03d}", False  # for what its actors need, and their logs
    with contextlib.closing(RunDirectory(path)) as directory, _log_file(path / "logs" / "learner.log"):
        begun(start.path)
        if resuming:
            check_same_run(directory.path, config)
        for text in warnings_of(config, num_actors, here=not options.listen_at) if hosts.chief else ():
            logging.warning("warning: %s", text)
        seed, scenario = hosts.from_chief(start.seed), scenario_info(config)
        learnt = [line for line in start.texts[1].splitlines() if line.partition(" = ")[0] not in MACHINE]
        hosts.check_alike(f"{learnt} {scenario} {[module.sha256 for module in start.modules]}")
        start = dataclasses.replace(start, seed=seed, config=directory.keep_scenario(config))
        write_down = functools.partial(_write_down, directory, start, scenario, devices)
        if not resuming:
            write_down()
        print(printable("\n".join([introduction(start, devices), *start.notes])), flush=True)
        # What cannot be resumed stays as it is.
        ready = write_down if resuming else lambda: None
        progress = _run(start, directory, plan, options, devices, stop, ready, callbacks, reward)
        finished = progress.finished if hosts.chief else ""
        if finished and _play_absolute(start.config, path, seed, stop):
            write_finished(path, finished)
        else:
            finished = ""
    return conclusion(start.config, start.path, progress, finished) if hosts.chief else ""


def _default_actors(config: Config) -> int:
    """None for the simulator: actors would wait for the learner, and what they act by would be older."""
    return default_num_actors() if plays_elsewhere(config.env) else 0


def _check_playable(config: Config, num_actors: int) -> None:
    """Raises ValueError if the map is unknown or one process cannot play it."""
    env_spec(config.env)
    if num_actors == 0 and plays_elsewhere(config.env):
        raise ValueError(
            f"env.backend = {config.env.backend!r} needs --num_actors of at least 1: one process repeats a run "
            "exactly, which games in other programs cannot"
        )


def _group_plan(config: Config, num_actors: int, local_actors: int, host: Host) -> GroupPlan:
    """The groups of one host, whose part of the configuration ``config`` is."""
    if local_actors:
        return local_groups(config, local_actors, host)
    return plan_groups(config.run.num_envs, num_actors, config.actor.groups_per_actor, host)


def _write_down(directory: RunDirectory, start: Start, scenario: Mapping[str, str] | None, devices: Devices) -> None:
    """Notes the configuration; and on the chief, that there is a run, or that it is resumed."""
    directory.write_config(*start.texts)
    directory.keep_modules(start.modules)
    if devices.host.chief:
        write_run_info(
            directory.path,
            backend=backend_name(start.config.env),
            map_name=start.config.env.title,
            seed=start.seed,
            argv=sys.argv,
            devices=devices.description,
            init_from=start.init_from,
            num_actors=start.topology.num_actors,
            scenario=scenario,
            sizes=noted_spec(start.config.env),
            modules=modules_info(start.modules),
            sinks=start.sinks,
        )


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Keeps in ``path`` what this program says, of its actors above all; warnings go to standard error as well."""
    path.parent.mkdir(exist_ok=True)
    to_file, to_stderr = SteadyLogFile(path), StreamHandler()
    to_file.addFilter(lambda record: _PACKAGE in Path(record.pathname).parents)  # TensorFlow uses the same logger
    to_file.setFormatter(logging.PythonFormatter())
    to_stderr.setLevel("WARNING")
    logger = logging.get_absl_logger()
    logging.set_verbosity(logging.INFO)
    logger.propagate = False
    for handler in (to_file, to_stderr):
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.propagate = True
        for handler in (to_file, to_stderr):
            logger.removeHandler(handler)
            handler.close()


def _run(
    start: Start,
    directory: RunDirectory,
    plan: GroupPlan,
    options: TrainOptions,
    devices: Devices,
    stop: threading.Event,
    ready: Callable[[], None],
    callbacks: Sequence[Callback],
    reward: NamedReward | None,
) -> Progress:
    """Trains; calls ``ready`` once nothing is left that could refuse, as ``open_source`` says."""
    from seed_matrace.training.open_source import open_source
    from seed_matrace.training.run import TrainingRun
    from seed_matrace.training.sources import check_memory

    config, topology = start.config, start.topology
    check_memory(config, plan)
    title = f"{config.env.title} · {backend_name(config.env)} · seed {start.seed}"
    with (
        Display(config.run.total_env_steps, title=title, num_actors=topology.num_actors) as display,
        contextlib.ExitStack() as stack,
    ):
        run = TrainingRun(config, directory.path, start.seed, display, devices, callbacks, reward)
        if start.init_from and not run.resumed:
            display.note(run.start_from(Path(start.init_from)))
        run.join_hosts()
        source = stack.enter_context(
            open_source(
                run,
                plan,
                task_ids=topology.task_ids,
                run_dir=directory.path,
                note=display.note,
                ready=ready,
                listen_at=options.listen_at,
                security=options.security,
            )
        )
        return run.train(source, stop)


def _play_absolute(config: Config, path: Path, seed: int, stop: threading.Event) -> bool:
    """Plays what the run ends with; returns whether that, too, is done."""
    episodes = config.evaluation.episodes_at_the_end
    if not episodes:
        return True
    from seed_matrace.evaluation.episodes import EvaluationCutError
    from seed_matrace.evaluation.policy import play_absolute

    print(f"playing {episodes} battles with the best weights", flush=True)
    try:
        stats = play_absolute(path, seed, stop)
    except EvaluationCutError:
        print("these battles were stopped, without a result; whoever goes on with the run plays them", flush=True)
        return False
    won = f"{int(stats.battle_won.sum())} of {episodes} battles won, " if has_winner(config.env) else ""
    print(f"absolute metric: {won}return {stats.episode_return.mean():.1f}", flush=True)
    return True
