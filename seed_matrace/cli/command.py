"""What a subcommand is, and what several of them share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from absl import flags


@dataclass(frozen=True)
class Command:
    summary: str
    example: str
    define_flags: Callable[[flags.FlagValues], None]
    run: Callable[[flags.FlagValues, list[str]], int | None]  # None is exit code 0
    arguments: str = ""


def define_gin_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "gin_file", [], "gin file, may be repeated; own files or shipped ones such as maps/8m.gin", flag_values=values
    )
    flags.DEFINE_multi_string(
        "gin_param", [], "binding such as 'loss.discount=0.98', may be repeated", flag_values=values
    )


def required(values: flags.FlagValues, name: str) -> str:
    value = values[name].value
    if value is None:
        raise flags.Error(f"--{name} is needed")
    return str(value)


def print_json(result: dict[str, Any]) -> None:
    rounded = {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded))
