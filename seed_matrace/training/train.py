"""``seed-matrace train`` and ``learner``: everything around a training run, from its configuration to its last line."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from logging import StreamHandler
from pathlib import Path
from typing import TYPE_CHECKING

from absl import logging

from seed_matrace.config import Config
from seed_matrace.config_effects import warnings_of
from seed_matrace.envs.registry import backend_name, env_spec, has_winner, noted_spec, plays_elsewhere
from seed_matrace.files import is_utf8
from seed_matrace.foreign_files import printable
from seed_matrace.inference.groups import GroupPlan, plan_groups
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR, OPERATIVE_CONFIG, RunDirectory, scenario_info
from seed_matrace.learner.run_info import write_finished, write_run_info
from seed_matrace.training.display import Display, duration
from seed_matrace.training.local import LocalActors, default_num_actors, local_groups
from seed_matrace.training.output import SteadyLogFile
from seed_matrace.training.same_run import check_same_run
from seed_matrace.training.start import Start, TrainOptions, plan_start
from seed_matrace.transport.address import Address
from seed_matrace.transport.security import NO_SECURITY, Security
from seed_matrace.transport.unix_socket import check_socket
from seed_matrace.types import Host

if TYPE_CHECKING:
    from seed_matrace.learner.strategy import Devices
    from seed_matrace.training.progress import Progress
    from seed_matrace.training.run import TrainingRun
    from seed_matrace.training.sources import BatchSource

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
    from seed_matrace.training.hosts import Hosts  # TensorFlow takes seconds
    from seed_matrace.training.warm_start import check_start

    start = plan_start(options, default_actors=1 if options.listen_at else default_num_actors())
    config, num_actors, resuming = start.config, start.topology.num_actors, start.resuming
    whole = start.path.absolute()  # whatever an environment makes of the working folder
    path = whole if is_utf8(whole) else start.path  # for TensorFlow
    env_spec(config.env)  # an unknown map is said before a directory is made
    if num_actors == 0 and plays_elsewhere(config.env):
        raise ValueError(
            f"env.backend = {config.env.backend!r} needs --num_actors of at least 1: one process repeats a run "
            "exactly, which games in other programs cannot"
        )
    local_actors = 0 if options.listen_at else num_actors
    devices = set_up_tensorflow(config, deterministic=num_actors == 0, local_actors=local_actors)
    hosts = Hosts(devices)
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
        hosts.check_alike(f"{start.texts[1]} {scenario}")
        start = dataclasses.replace(start, seed=seed, config=directory.keep_scenario(config))
        write_down = functools.partial(_write_down, directory, start, scenario, devices)
        if not resuming:
            write_down()
        print(printable("\n".join([_introduction(start, devices), *start.notes])), flush=True)
        # What cannot be resumed stays as it is.
        restored = write_down if resuming else None
        progress = _run(start, directory, plan, options, devices, stop, restored)
        finished = progress.finished if hosts.chief else ""
        if finished and _play_absolute(start.config, path, seed, stop):
            write_finished(path, finished)
        else:
            finished = ""
    return _conclusion(start.config, start.path, progress, finished) if hosts.chief else ""


def _group_plan(config: Config, num_actors: int, local_actors: int, host: Host) -> GroupPlan:
    """The groups of one host, whose part of the configuration ``config`` is."""
    if local_actors:
        return local_groups(config, local_actors, host)
    return plan_groups(config.run.num_envs, num_actors, config.actor.groups_per_actor, host)


def _write_down(directory: RunDirectory, start: Start, scenario: Mapping[str, str] | None, devices: Devices) -> None:
    """Notes the configuration; and on the chief, that there is a run, or that it is resumed."""
    directory.write_config(*start.texts)
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
    restored: Callable[[], None] | None,
) -> Progress:
    """Trains; calls ``restored`` once everything that the directory holds was read."""
    from seed_matrace.training.run import TrainingRun
    from seed_matrace.training.sources import check_memory

    config, topology = start.config, start.topology
    check_memory(config, plan)
    title = f"{config.env.title} · {backend_name(config.env)} · seed {start.seed}"
    with (
        Display(config.run.total_env_steps, title=title, num_actors=topology.num_actors) as display,
        contextlib.ExitStack() as stack,
    ):
        run = TrainingRun(config, directory.path, start.seed, display, devices)
        if restored:
            restored()
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


@contextlib.contextmanager
def open_source(
    run: TrainingRun,
    plan: GroupPlan,
    *,
    task_ids: range,
    run_dir: Path,
    note: Callable[[str], None],
    listen_at: Sequence[Address] = (),
    security: Security = NO_SECURITY,
) -> Iterator[BatchSource]:
    """A run's batches: from actors started here, from others at ``listen_at``, or from this process.

    Args:
      task_ids: the numbers of all actors; none: there are no actors, this process steps the environments.
      run_dir: holds the configuration that actors load, and their logs.
      note: told which actor was lost and why, and when it is restarted or back.
    """
    from seed_matrace.training.sources import ActorSource, LockstepSource

    with contextlib.ExitStack() as stack:
        if not task_ids:
            yield stack.enter_context(contextlib.closing(LockstepSource(run.acting, plan)))
            return
        if listen_at:
            source = stack.enter_context(contextlib.closing(ActorSource(run.acting, plan, listen_at, security, note)))
            yield source
            if run.progress.finished:
                source.let_actors_go(run_over=True)
            return
        path = stack.enter_context(_private_socket(run_dir))
        source = stack.enter_context(contextlib.closing(ActorSource(run.acting, plan, [path], note=note)))
        flags = [f"--server_address=unix:{path}", f"--gin_file={run_dir / OPERATIVE_CONFIG}", "--reconnect_timeout_s=0"]
        actors = LocalActors(task_ids, flags, run_dir / "logs", note, source.acted_env_steps)
        source.depend_on(stack.enter_context(actors))
        yield source
        source.let_actors_go()


@contextlib.contextmanager
def _private_socket(run_dir: Path) -> Iterator[Path]:
    """A path for the socket: the run directory, or a folder for it alone where that cannot hold sockets."""
    path = (run_dir / "actors.sock").absolute()
    try:
        check_socket(path)
    except OSError:
        with tempfile.TemporaryDirectory(prefix="seed_matrace-") as folder:
            yield Path(folder) / path.name
    else:
        yield path


def _introduction(start: Start, devices: Devices) -> str:
    config, num_actors = start.config, start.topology.num_actors
    where = f"{num_actors} actor{'s' if num_actors > 1 else ''}" if num_actors else "one process"
    return (
        f"training on {config.env.title} ({backend_name(config.env)}), {config.run.num_envs} environments, "
        f"{where}, seed {start.seed}\nlearner on {devices.description}\nrun directory {start.path}; "
        "Ctrl-C stops cleanly"
    )


def _conclusion(config: Config, path: Path, progress: Progress, finished: str) -> str:
    from seed_matrace.viewer.curves import plot_learning_curve

    why, go_on = {
        "target": ("target win rate reached", " --gin_param=run.stop_win_rate=0"),
        "budget": ("budget of env steps used", f" --gin_param=run.total_env_steps={2 * progress.env_steps}"),
        "": ("stopped before the end", ""),
    }[finished]
    curve = path / "learning_curve.png"
    program, here = _program("seed-matrace"), shlex.quote(f"--run_dir={path}")
    logs = shlex.quote(f"--logdir={path / 'tb'}")
    try:
        plot_learning_curve([path], curve)
        plotted = str(curve)
    except Exception as error:  # whatever plotting fails of, the run is over and whole
        plotted = f"cannot be drawn ({error})"
    newest = progress.newest_outcomes
    battles = f"{sum(newest)} of the newest {len(newest)} evaluation battles won"
    outcome = battles if has_winner(config.env) else f"the best evaluation's return {progress.best[1]:.1f}"
    return "\n".join(
        [
            f"{why}: {progress.env_steps:,} env steps in {duration(progress.wall_s)}, {outcome}",
            f"  learning curve  {plotted}",
            f"  evaluate        {program} eval {here} --episodes=400",
            f"  train on        {program} train {here}{go_on}",
            f"  all metrics     {_program('tensorboard')} {logs}",
        ]
    )


def interrupted(run_dir: Path | None) -> str:
    """One sentence of a run that ends without waiting: what is kept of it and how to resume it."""
    if run_dir is None:
        return "interrupted before a run was begun"
    go_on = f"{_program('seed-matrace')} train {shlex.quote(f'--run_dir={run_dir}')}"
    kept = sorted(int(folder.name.split("-")[1]) for folder in (run_dir / CHECKPOINTS_DIR).glob("step-*"))
    if not kept:
        return f"interrupted before a checkpoint was written; the run begins again with: {go_on}"
    return f"interrupted; the newest checkpoint is of {kept[-1]:,} env steps, the run goes on from it with: {go_on}"


def _program(name: str) -> str:
    """What to type to start a command that was installed with this one."""
    if shutil.which(name):
        return name
    installed = Path(sys.executable).with_name(name)
    return shlex.quote(str(installed.relative_to(Path.cwd()) if installed.is_relative_to(Path.cwd()) else installed))
