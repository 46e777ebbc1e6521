"""Finds the subcommand, parses its flags, runs it, and says what went wrong in one sentence."""

from __future__ import annotations

import contextlib
import select
import sys
import textwrap
import traceback
from collections.abc import Sequence
from typing import TextIO

from absl import flags

from seed_matrace.cli.bench import BENCH
from seed_matrace.cli.command import refuse_word, with_gin_flags
from seed_matrace.cli.completion import completion_command
from seed_matrace.cli.doctor import DOCTOR
from seed_matrace.cli.evaluation import EVAL, EXPORT, PLOT, WATCH
from seed_matrace.cli.ray import RAY
from seed_matrace.cli.sc2_standin import SC2_STANDIN
from seed_matrace.cli.sweeps import REPORT, SWEEP
from seed_matrace.cli.training import ACTOR, LEARNER, TRAIN
from seed_matrace.cli.vertex import VERTEX, VERTEX_HOST
from seed_matrace.cli.zoo import ZOO
from seed_matrace.foreign_files import printable
from seed_matrace.training.output import have_standard_files, lead_nowhere, steady_output
from seed_matrace.training.process import end_at_once

_READER_GONE = 141  # as of a program that SIGPIPE ends

COMMANDS = {
    "train": TRAIN,
    "learner": LEARNER,
    "actor": ACTOR,
    "eval": EVAL,
    "export": EXPORT,
    "sweep": SWEEP,
    "plot": PLOT,
    "watch": WATCH,
    "report": REPORT,
    "zoo": ZOO,
    "bench": BENCH,
    "doctor": DOCTOR,
    "ray": RAY,
    "sc2-standin": SC2_STANDIN,
    "vertex": VERTEX,
    "vertex-host": VERTEX_HOST,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit code: 0, 1 after a failure, 2 after a mistake of the user."""
    args = list(sys.argv[1:] if argv is None else argv)
    asks_for_help = not {"-h", "--help"}.isdisjoint(args)
    if args and args[0] in COMMANDS and COMMANDS[args[0]].keeps_going and not asks_for_help:
        with steady_output():
            return _main(args)
    have_standard_files()
    try:
        return _main(args)
    finally:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            lead_nowhere(sys.stdout)


def _main(args: list[str]) -> int:
    values: flags.FlagValues | None = None
    try:
        if not args or args[0] in ("-h", "--help", "help"):
            print(overview(), flush=True)
            return 0 if args else 2
        name, rest = args[0], args[1:]
        if name not in COMMANDS:
            return _fail(f"unknown command {name!r}; one of {', '.join(COMMANDS)}")
        if "-h" in rest or "--help" in rest:
            print(help_of(name), flush=True)
            return 0
        values, words = parsed(name, rest)
        code = COMMANDS[name].run(values, words) or 0
        sys.stdout.flush()
        return code
    except flags.Error as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _interrupted()
    except (ValueError, OSError, RuntimeError, ArithmeticError, ImportError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads(sys.stdout):
            return _READER_GONE
        if _came_of_interrupt(error):
            return _interrupted()
        if values is not None and values.is_parsed() and values.traceback:
            traceback.print_exc()
        return _fail(_explained(error))


def _interrupted() -> int:
    """130; a process with TensorFlow in it ends here."""
    if "tensorflow" in sys.modules:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        end_at_once()
    return 130


def _came_of_interrupt(error: BaseException | None) -> bool:
    """Whether ``error`` was raised on the way out of a Ctrl-C, as TensorFlow's scopes do that are left half entered."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _nobody_reads(stream: TextIO) -> bool:
    """Whether ``stream`` is a pipe or socket whose other end is closed."""
    look = select.poll()
    try:
        look.register(stream.fileno(), 0)
    except (OSError, ValueError):
        return False
    return bool(look.poll(0))


def flags_of(name: str) -> flags.FlagValues:
    """The flags of a command, not parsed yet."""
    values = flags.FlagValues()
    flags.DEFINE_bool("traceback", False, "show where in the program an error was raised", flag_values=values)
    COMMANDS[name].define_flags(values)
    return values


def parsed(name: str, args: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
    """The flags of a command as ``args`` set them, gin files without a flag among them, and the other words.

    Raises:
      flags.Error: a flag or a word that it does not take.
    """
    command, values = COMMANDS[name], flags_of(name)
    words = values([f"seed-matrace {name}", *with_gin_flags(args, values, hands_on=command.hands_on)])[1:]
    if words and not command.arguments:
        if "gin_file" in values:
            refuse_word(words[0], name)
        raise flags.Error(f"unexpected argument {words[0]!r}; see seed-matrace {name} --help")
    return values, words


def _explained(error: Exception) -> str:
    if isinstance(error, ImportError) and (error.name or "").startswith("seed_matrace._cext"):
        return f"{error}; the compiled extensions are missing or old: run ./run_local.sh or pip install ."
    return str(error)


def _fail(message: str) -> int:
    print(f"seed-matrace: {printable(message)}", file=sys.stderr)
    return 2


COMMANDS["completion"] = completion_command(COMMANDS, flags_of)


def overview() -> str:
    """What ``seed-matrace --help`` prints."""
    lines = [f"  {name:<11} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["usage: seed-matrace COMMAND [FLAGS]", "", *lines, "", "seed-matrace COMMAND --help tells more of each."]
    )


def help_of(name: str) -> str:
    """What ``seed-matrace NAME --help`` prints."""
    command, values = COMMANDS[name], flags_of(name)
    gin_files = "[GIN_FILE...] " if "gin_file" in values else ""
    lines = [f"usage: seed-matrace {name} {command.arguments}{gin_files}[FLAGS]", "", command.summary, ""]
    for flag_name in values:
        flag = values[flag_name]
        default = "" if flag.default in (None, [], False, "") else f" (default: {flag.default})"
        lines += textwrap.wrap(
            f"{flag.help}{default}", 100, initial_indent=f"  --{flag_name:<22}", subsequent_indent=" " * 26
        )
    return "\n".join([*lines, "", "example:", f"  {command.example}"])
