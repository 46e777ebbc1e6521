"""What a subcommand is, and what several of them share."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from absl import flags

_GIN_FILE = "--gin_file={}".format


@dataclass(frozen=True)
class Command:
    summary: str
    example: str
    define_flags: Callable[[flags.FlagValues], None]
    run: Callable[[flags.FlagValues, list[str]], int | None]  # None is exit code 0
    arguments: str = ""
    hands_on: bool = False  # whether what stands behind "--" is for another program
    keeps_going: bool = False  # whether its work goes on when nobody reads what it prints any more


def define_gin_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "gin_file",
        [],
        "gin file, the same as one named without a flag; own files or shipped ones such as maps/8m.gin",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "gin_param", [], "binding such as 'loss.discount=0.98', may be repeated", flag_values=values
    )


def define_module_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "module",
        [],
        "Python file that registers policies, critics or losses of your own; it is run, and may be repeated",
        flag_values=values,
    )


def with_gin_flags(args: Sequence[str], values: flags.FlagValues, *, hands_on: bool = False) -> list[str]:
    """``args`` with --gin_file= before gin files that stand without: all load in the order they are named.

    Args:
      hands_on: what stands behind ``--`` is for another program; else words and gin files, whatever they begin with.
    """
    if "gin_file" not in values:
        return list(args)
    given: list[str] = []
    words = iter(args)
    for word in words:
        is_flag, name = word.startswith("-"), word.lstrip("-")
        if word == "--":
            rest = list(words)
            gin_files = [] if hands_on else [word for word in rest if word.endswith(".gin")]
            given += [*map(_GIN_FILE, gin_files), "--", *(word for word in rest if word not in gin_files)]
            break
        given.append(_GIN_FILE(word) if not is_flag and word.endswith(".gin") else word)
        if is_flag and name in values and not values[name].boolean:
            given += itertools.islice(words, 1)  # its value
    return given


def refuse_word(word: str, command: str) -> NoReturn:
    """Raises flags.Error about a word that stands where only gin files may."""
    from seed_matrace.gin_files import near_gin_files

    near = near_gin_files(word)
    advice = f"near: {', '.join(near)}" if near else f"see seed-matrace {command} --help"
    raise flags.Error(f"unexpected argument {word!r}; a gin file, whose name ends in .gin, may stand there; {advice}")


def define_sc2_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "sc2_python",
        None,
        "interpreter with smac, for games of StarCraft II (default: this one)",
        flag_values=values,
    )


def define_game_version_flag(values: flags.FlagValues) -> None:
    from seed_matrace.smac_options import STARCRAFT2_BUILDS, STARCRAFT2_VERSION

    flags.DEFINE_enum(
        "game_version", STARCRAFT2_VERSION, [*STARCRAFT2_BUILDS], "version of StarCraft II", flag_values=values
    )


def use_sc2_python(values: flags.FlagValues) -> None:
    """Lets this process and its children start games with --sc2_python."""
    from seed_matrace.starcraft2.process import PYTHON_VARIABLE

    python = values.sc2_python
    if python is None:
        return
    if shutil.which(python) is None:
        raise flags.Error(f"--sc2_python={python}: no such interpreter; make sc2-venv makes .venv-sc2/bin/python")
    os.environ[PYTHON_VARIABLE] = str(Path(python).absolute()) if os.sep in python else python


def sc2_python() -> str:
    """The interpreter that plays StarCraft II for this process."""
    from seed_matrace.starcraft2.process import PYTHON_VARIABLE

    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def define_run_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "run_dir", None, "run directory, or a team as zoo/3m; the same as one named without a flag", flag_values=values
    )


def named_runs(values: flags.FlagValues, words: Sequence[str]) -> list[str]:
    """Those that stand without a flag, and that of --run_dir; teams of the zoo as their folders."""
    from seed_matrace.zoo.index import find_run

    return [find_run(word) for word in (*words, *([] if values.run_dir is None else [values.run_dir]))]


def one_run(values: flags.FlagValues, words: Sequence[str], command: str) -> str:
    """The run directory that a command is about; flags.Error unless it is exactly one."""
    runs = named_runs(values, words)
    if len(runs) != 1:
        raise flags.Error(f"name one run directory, not {len(runs)}, as in: seed-matrace {command} runs/3m")
    return runs[0]


def required(values: flags.FlagValues, name: str) -> str:
    value = values[name].value
    if value is None:
        raise flags.Error(f"--{name} is needed")
    return str(value)


def print_json(result: dict[str, Any]) -> None:
    rounded = {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded))
