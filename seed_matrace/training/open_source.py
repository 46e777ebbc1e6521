"""A run's batches, wherever they are made: by actors started here, by others that connect, or in this process."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from seed_matrace.inference.groups import GroupPlan
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG
from seed_matrace.training.local import LocalActors
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import ActorSource, BatchSource, LockstepSource
from seed_matrace.transport.address import Address
from seed_matrace.transport.security import NO_SECURITY, Security
from seed_matrace.transport.unix_socket import check_socket


@contextlib.contextmanager
def open_source(
    run: TrainingRun,
    plan: GroupPlan,
    *,
    task_ids: range,
    run_dir: Path,
    note: Callable[[str], None],
    ready: Callable[[], None] = lambda: None,
    listen_at: Sequence[Address] = (),
    security: Security = NO_SECURITY,
) -> Iterator[BatchSource]:
    """A run's batches: from actors started here, from others at ``listen_at``, or from this process.

    Args:
      task_ids: the numbers of all actors; none: there are no actors, this process steps the environments.
      run_dir: holds the configuration that actors load, and their logs.
      note: told which actor was lost and why, and when it is restarted or back.
      ready: called when everything was restored and the learner listens, before actors are started: it may write what
        they load.
    """
    with contextlib.ExitStack() as stack:
        if not task_ids:
            lockstep = stack.enter_context(contextlib.closing(LockstepSource(run.acting, plan)))
            ready()
            yield lockstep
            return
        if listen_at:
            source = stack.enter_context(contextlib.closing(ActorSource(run.acting, plan, listen_at, security, note)))
            ready()
            yield source
            if run.progress.finished:
                source.let_actors_go(run_over=True)
            return
        path = stack.enter_context(_private_socket(run_dir))
        source = stack.enter_context(contextlib.closing(ActorSource(run.acting, plan, [path], note=note)))
        ready()
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
