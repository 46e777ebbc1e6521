"""Tables of ``time_to_win.json``: medians over seeds with their ranges, and what one setting needs of another's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from seed_matrace.bench.marks import TARGET
from seed_matrace.foreign_files import read_document
from seed_matrace.sweeps.page import Table

_NOTHING = "-"
_MUST_AGREE = ("window_env_steps", "evaluate_every_env_steps")


def read_wins(path: str | Path) -> dict[str, Any]:
    """The results that ``bench time_to_win`` wrote.

    Raises:
      ValueError: it is another file.
    """
    try:
        results = read_document(path)
        if results["bench"] != "time_to_win" or results["format"] != 1:
            raise ValueError("format 1 of bench time_to_win expected")
        for run in results["runs"]:
            for mark in run["marks"].values():
                _ = mark and (mark["env_steps"] + mark["seconds"] + run["start_up_s"])
            _ = results["maps"][run["map"]]["backend"], results["maps"][run["map"]]["budget"] + 0
            _ = results["settings"], run["setting"], [results[name] for name in _MUST_AGREE]
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no result of bench time_to_win: {error!r:.200}") from None
    return dict(results)


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several results as one, for maps or settings that were played at different times; the first names the settings.

    Raises:
      ValueError: they were counted differently, are of different simulators, or have a run in common.
    """
    whole = {**parts[0], "maps": {}, "settings": {}, "runs": []}
    for part in parts:
        _check_comparable(whole, part)
        for name in ("maps", "settings"):
            new = {key: about for key, about in part[name].items() if key not in whole[name]}
            whole[name] = {**whole[name], **new}
        whole["runs"] = [*whole["runs"], *part["runs"]]
    names = [(run["map"], run["setting"], run["seed"]) for run in whole["runs"]]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{twice[0][0]} with {twice[0][1]} and seed {twice[0][2]} is in two of the results")
    return whole


def wins_table(results: Mapping[str, Any]) -> Table:
    """A row for each map and setting: env steps and seconds to each mark, medians over seeds, the range in brackets.

    A mark that more than half of the seeds did not reach is "not within" the budget.
    """
    names = list(dict.fromkeys(mark for about in results["maps"].values() for mark in about["marks"]))
    header = ["map", "setting", "seeds"]
    for name in names:
        header += [f"{_said(name)}, env steps", "seconds", "with start-up"]
    rows = []
    for map_name, about in results["maps"].items():
        for setting in [*results["settings"], *(["peer"] if results.get("peer") else [])]:
            runs = _runs(results, map_name, setting)
            failed = sum("failed" in run for run in runs)
            row = [map_name, setting, f"{len(runs)}" + (f", {failed} failed" if failed else "")]
            for name in names:
                row += _cells(runs, name, about["budget"])
            rows.append(row)
    return Table(header, rows)


def ratio_table(results: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> Table | None:
    """What the first setting needs of each other's, or of every setting of an older result; None if there is none.

    Raises:
      ValueError: the older result was counted otherwise, or is of another simulator.
    """
    ours = next(iter(results["settings"]))
    names = list(dict.fromkeys(mark for about in results["maps"].values() for mark in about["marks"]))
    header = ["map", "of"]
    for name in names:
        header += [f"{_said(name)}, env steps", "seconds"]
    than: list[tuple[str, str, Mapping[str, Any]]] = [
        (setting, setting, results) for setting in results["settings"] if setting != ours
    ]
    than += [("peer", "peer", results)] if results.get("peer") else []
    if other is not None:
        _check_comparable(results, other)
        than += [(f"older {setting}", setting, other) for setting in other["settings"]]
    rows = []
    for map_name in results["maps"]:
        for title, setting, of in than:
            if mine := _runs(results, map_name, ours):
                theirs = _runs(of, map_name, setting)
                ratios = [_ratio(mine, theirs, name, figure) for name in names for figure in ("env_steps", "seconds")]
                rows.append([map_name, title, *ratios])
    return Table(header, rows) if rows and than else None


def _check_comparable(results: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for name in _MUST_AGREE:
        if results[name] != other[name]:
            raise ValueError(f"the results differ in {name}, {results[name]} and {other[name]}: they do not compare")
    for name, about in results["maps"].items():
        backend = other["maps"].get(name, about)["backend"]
        if backend != about["backend"]:
            raise ValueError(f"{name} was played on {about['backend']} and on {backend}: results of two do not compare")


def _said(mark: str) -> str:
    return "target" if mark == TARGET else f"{float(mark):.0%}"


def _runs(results: Mapping[str, Any], map_name: str, setting: str) -> list[Mapping[str, Any]]:
    return [run for run in results["runs"] if (run["map"], run["setting"]) == (map_name, setting)]


def _figures(runs: Sequence[Mapping[str, Any]], mark: str, figure: str) -> list[float]:
    """Of every run; infinite where the mark was not reached."""
    return [run["marks"][mark][figure] if run["marks"].get(mark) else math.inf for run in runs]


def _cells(runs: Sequence[Mapping[str, Any]], mark: str, budget: int) -> list[str]:
    if not runs:
        return [_NOTHING] * 3
    steps, seconds = (_figures(runs, mark, figure) for figure in ("env_steps", "seconds"))
    never = f"not within {_steps(budget)}"
    if math.isinf(median(steps)):
        some = f" ({sum(map(math.isfinite, steps))} of {len(steps)}: {_steps(min(steps))})"
        return [never + (some if math.isfinite(min(steps)) else ""), _NOTHING, _NOTHING]
    whole = [s + run["start_up_s"] for s, run in zip(seconds, runs, strict=True)]
    return [
        _with_range(steps, _steps, never),
        _with_range(seconds, _seconds, "never"),
        _seconds(median(whole)),
    ]


def _with_range(figures: Sequence[float], shown: Any, never: str) -> str:
    if len(figures) == 1:
        return str(shown(figures[0]))
    highest = shown(max(figures)) if math.isfinite(max(figures)) else never
    return f"{shown(median(figures))} ({shown(min(figures))} to {highest})"


def _steps(count: float) -> str:
    if count < 1e6:
        return f"{count / 1e3:.0f}k" if count >= 1e4 else f"{count:.0f}"
    return f"{count / 1e6:.2f}M"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _ratio(mine: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], mark: str, figure: str) -> str:
    """Of medians; a bound of env steps where only one of them was reached."""
    if not theirs or any(mark not in run["marks"] for run in theirs):
        return _NOTHING
    one, other = median(_figures(mine, mark, figure)), median(_figures(theirs, mark, figure))
    if math.isfinite(one) and math.isfinite(other):
        return f"{one / other:.2f}" if other else _NOTHING
    if figure == "seconds" or math.isinf(min(one, other)):
        return _NOTHING
    if math.isfinite(one):
        return f"below {one / max(run['env_steps'] for run in theirs):.2f}"
    return f"above {max(run['env_steps'] for run in mine) / other:.2f}"
