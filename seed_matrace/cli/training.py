"""``train``, ``learner`` and ``actor``: the processes of a run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags, logging

from seed_matrace.cli.command import (
    Command,
    define_gin_flags,
    define_module_flag,
    define_sc2_flags,
    required,
    use_sc2_python,
)
from seed_matrace.foreign_files import printable
from seed_matrace.training.process import ends_in_order, import_tensorflow, stop_on_signals
from seed_matrace.training.sinks import NO_SINK, SINKS
from seed_matrace.transport.security import NO_SECURITY, Security, read_token

if TYPE_CHECKING:
    from seed_matrace.training.start import TrainOptions
    from seed_matrace.transport.address import Address

_STOPPING = "stopping: finishing the step under way, then writing a checkpoint; Ctrl-C again does not wait"
_GRACE_S = 4.0  # shorter than a launcher waits


def _define_train_flags(values: flags.FlagValues) -> None:
    define_learner_flags(values)
    flags.DEFINE_integer(
        "num_actors",
        None,
        "actor processes here; 0, the default, does all in one process, reproducibly; games of other programs have "
        "half the cores, at least two, unless this says so",
        lower_bound=0,
        flag_values=values,
    )


def _train(values: flags.FlagValues, _: list[str]) -> None:
    _run_learner(values)


TRAIN = Command(
    "Trains a team on this machine: one learner and its actors.",
    "seed-matrace train maps/8m.gin --num_actors=2 --run_dir=runs/8m",
    _define_train_flags,
    _train,
    keeps_going=True,
)


def _define_standalone_learner_flags(values: flags.FlagValues) -> None:
    define_learner_flags(values)
    flags.DEFINE_integer(
        "num_actors", None, "how many actors will connect (default: 1)", lower_bound=1, flag_values=values
    )
    flags.DEFINE_multi_string(
        "server_address",
        [],
        "where to listen, unix:/path/to/socket for actors on this host or host:port for others (0.0.0.0:port: on all "
        "networks); may be repeated",
        flag_values=values,
    )
    _define_security_flags(values, cert="this learner's", ca="actors' certificates, if they must have one")


def _learner(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.transport.address import parse_address
    from seed_matrace.transport.security import check_learner

    addresses = [parse_address(text) for text in values.server_address]
    if not addresses:
        raise flags.Error("--server_address is needed")
    security = _security(values)
    for address in addresses:
        check_learner(address, security)
    _run_learner(values, listen_at=addresses, security=security)


LEARNER = Command(
    "Runs a learner that actors started elsewhere connect to.",
    "seed-matrace learner maps/8m.gin --num_actors=2 --server_address=localhost:5555",
    _define_standalone_learner_flags,
    _learner,
    keeps_going=True,
)


def _define_actor_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    define_sc2_flags(values)
    flags.DEFINE_string(
        "server_address", None, "the learner's address, unix:/path/to/socket or host:port", flag_values=values
    )
    _define_security_flags(values, cert="this actor's, if the learner asks for one", ca="the learner's certificate")
    flags.DEFINE_integer("task_id", 0, "number of this actor, 0 to num_actors - 1", lower_bound=0, flag_values=values)
    flags.DEFINE_float(
        "reconnect_timeout_s", 600.0, "give up when no learner was there this long", lower_bound=0.0, flag_values=values
    )
    flags.DEFINE_bool(
        "end_with_stdin", False, "end when standard input does, with who started this actor", flag_values=values
    )


def _actor(values: flags.FlagValues, _: list[str]) -> None:
    from seed_matrace.actor.actor import run_actor
    from seed_matrace.config import load_config
    from seed_matrace.registered import OPEN

    use_sc2_python(values)
    stop = stop_on_signals()
    threading.Thread(target=_end_after_grace, args=(stop,), daemon=True).start()
    if values.end_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(stop,), daemon=True).start()
    logging.set_verbosity(logging.INFO)
    config = load_config(values.gin_file, values.gin_param, registry=OPEN)[0]
    run_actor(
        config,
        required(values, "server_address"),
        values.task_id,
        reconnect_timeout_s=values.reconnect_timeout_s,
        security=_security(values),
        stop=stop,
    )


def _end_after_grace(stop: threading.Event) -> None:
    """Ends an actor that an environment, or a network that does not answer, keeps from ending by itself."""
    stop.wait()
    time.sleep(_GRACE_S)
    os._exit(0)


def _stop_with_stdin(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


ACTOR = Command(
    "Steps environments for a learner; needs no TensorFlow.",
    "seed-matrace actor maps/8m.gin --server_address=localhost:5555 --task_id=0",
    _define_actor_flags,
    _actor,
    keeps_going=True,
)


def define_learner_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    define_sc2_flags(values)
    flags.DEFINE_string("run_dir", None, "run directory; one that holds a run is resumed", flag_values=values)
    flags.DEFINE_integer("seed", None, "seed of everything random (default: 0)", lower_bound=0, flag_values=values)
    define_module_flag(values)
    flags.DEFINE_string(
        "init_from", None, "run directory, or a team as zoo/3m, whose best weights to start from", flag_values=values
    )
    flags.DEFINE_multi_enum(
        "sink",
        [],
        [*SINKS, NO_SINK],
        "where reports go besides the run's files; may be repeated (default: where the run's went; none: nowhere)",
        flag_values=values,
    )


def learner_options(values: flags.FlagValues) -> TrainOptions:
    """What ``define_learner_flags`` and --num_actors say."""
    from seed_matrace.modules import read_modules
    from seed_matrace.training.start import TrainOptions
    from seed_matrace.zoo.index import find_run

    return TrainOptions(
        gin_files=values.gin_file,
        gin_params=values.gin_param,
        run_dir=values.run_dir,
        seed=values.seed,
        init_from=values.init_from and find_run(values.init_from),
        sinks=values.sink,
        num_actors=values.num_actors,
        modules=read_modules(values.module),
    )


def _define_security_flags(values: flags.FlagValues, *, cert: str, ca: str) -> None:
    """What a host:port needs; the token itself never stands on a command line, where others can read it."""
    flags.DEFINE_string("tls_cert", None, f"certificate, PEM: {cert}", flag_values=values)
    flags.DEFINE_string("tls_key", None, "private key of --tls_cert, PEM", flag_values=values)
    flags.DEFINE_string("tls_ca", None, f"certificate, PEM, of who signs {ca}", flag_values=values)
    flags.DEFINE_string(
        "token_file", None, "file with the secret of learner and actors (or set SEED_MATRACE_TOKEN)", flag_values=values
    )
    flags.DEFINE_bool("insecure", False, "allow a network without TLS or without a token", flag_values=values)


def _security(values: flags.FlagValues) -> Security:
    return Security(
        tls_cert=values.tls_cert,
        tls_key=values.tls_key,
        tls_ca=values.tls_ca,
        token=read_token(values.token_file),
        insecure=values.insecure,
    )


def _run_learner(
    values: flags.FlagValues, *, listen_at: Sequence[Address] = (), security: Security = NO_SECURITY
) -> None:
    from seed_matrace.training.summary import interrupted
    from seed_matrace.training.train import train

    use_sc2_python(values)
    import_tensorflow()
    options = replace(learner_options(values), listen_at=listen_at, security=security)
    begun: list[Path] = []
    stop = stop_on_signals(_STOPPING, lambda: printable(interrupted(begun[0] if begun else None)))
    conclusion = train(options, stop, begun.append)
    ends_in_order()
    if conclusion:
        print(printable(conclusion), flush=True)
