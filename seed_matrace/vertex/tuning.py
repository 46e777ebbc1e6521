"""Hyper-parameter tuning: gin options as parameters of a Vertex AI study, and back again in a trial's container."""

from __future__ import annotations

import ast
import json
import os
import re
import time
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.config import SECTIONS
from seed_matrace.learner.metrics import METRICS_FILE, read_metrics

METRIC = "win_rate"
_METRIC_KEY = "eval/win_rate"
_METRIC_FILE_VARIABLE = "CLOUD_ML_HP_METRIC_FILE"  # as the package cloudml-hypertune has it
_DEFAULT_METRIC_FILE = "/tmp/hypertune/output.metrics"
_RANGE = re.compile(r"(linear|log)\((.*)\)")
_EXPECTED = (
    "'optimizer.learning_rate=log(1e-4, 1e-2)', 'loss.lambda_=linear(0.9, 1.0)' or 'learner.batch_size=[16, 32]'"
)


def study_parameter(text: str) -> dict[str, Any]:
    """What --tune says of one option, as a parameter of a StudySpec.

    Args:
      text: "NAME=linear(LOW, HIGH)", "NAME=log(LOW, HIGH)" or "NAME=[VALUE, VALUE]".

    Raises:
      ValueError: another form, or no such option.
    """
    name, _, domain = (part.strip() for part in text.partition("="))
    kind = _type_of(name)
    span = _RANGE.fullmatch(domain)
    try:
        values = ast.literal_eval(f"[{span[2]}]" if span else domain)
    except (ValueError, SyntaxError):
        values = None
    if not isinstance(values, list) or not values or (span and not _is_range(values, log=span[1] == "log")):
        raise ValueError(f"--tune={text!r} is no range or list of values; expected something like {_EXPECTED}")
    parameter: dict[str, Any] = {"parameterId": name.replace(".", "__")}
    if span:
        spec = "integerValueSpec" if kind is int else "doubleValueSpec"
        parameter[spec] = {"minValue": values[0], "maxValue": values[1]}
        parameter["scaleType"] = "UNIT_LOG_SCALE" if span[1] == "log" else "UNIT_LINEAR_SCALE"
    elif kind in (int, float):
        parameter["discreteValueSpec"] = {"values": sorted(values)}
        parameter["scaleType"] = "UNIT_LINEAR_SCALE"
    else:
        parameter["categoricalValueSpec"] = {"values": [str(value) for value in values]}
    return parameter


def trial_bindings(arguments: Sequence[str]) -> list[str]:
    """The gin bindings that a trial's container was given, as "--optimizer__learning_rate=0.003" or in two words.

    Raises:
      ValueError: another form, or no such option.
    """
    bindings = []
    words = [word for argument in arguments for word in argument.split("=", 1)]
    if len(words) % 2 or not all(word.startswith("--") for word in words[::2]):
        raise ValueError(
            f"a trial's parameters look like --optimizer__learning_rate=0.003, not {' '.join(arguments)!r}"
        )
    for parameter, value in zip(words[::2], words[1::2], strict=True):
        name = parameter[2:].replace("__", ".", 1)
        kind = _type_of(name)
        bindings.append(f"{name}={repr(value) if kind is str else int(float(value)) if kind is int else value}")
    return bindings


def report_metric(run_dir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Leaves a trial's newest evaluation where Vertex AI looks for it; nothing outside of a trial."""
    trial = environment.get("CLOUD_ML_TRIAL_ID")
    if trial is None or not (run_dir / METRICS_FILE).exists():
        return
    evaluations = [report for report in read_metrics(run_dir) if _METRIC_KEY in report]
    if evaluations:
        newest = evaluations[-1]
        line = {
            "timestamp": time.time(),
            "trial": trial,
            METRIC: str(newest[_METRIC_KEY]),
            "global_step": str(newest["env_steps"]),
            "checkpoint_path": "",
        }
        path = Path(environment.get(_METRIC_FILE_VARIABLE, _DEFAULT_METRIC_FILE))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(line) + "\n")


def _type_of(name: str) -> Any:
    section, _, option = name.partition(".")
    types = typing.get_type_hints(SECTIONS[section]) if section in SECTIONS else {}
    if option not in types:
        raise ValueError(f"no option is called {name!r}; --tune takes one such as {_EXPECTED}")
    return types[option]


def _is_range(values: Sequence[Any], log: bool) -> bool:
    numbers = len(values) == 2 and all(type(value) in (int, float) for value in values)
    return numbers and values[0] < values[1] and (values[0] > 0 or not log)
