"""``seed-matrace report``: one page of a sweep, with tables, intervals, pictures and what was not finished."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seed_matrace.config import options
from seed_matrace.evaluation import statistics
from seed_matrace.evaluation.marl_eval import of_equal_length, what_is_missing
from seed_matrace.evaluation.results import merge_results
from seed_matrace.evaluation.scores import Score, ScoreTable, one_score_per_seed, read_scores
from seed_matrace.evaluation.statistics import Estimate
from seed_matrace.evaluation.sweep_record import SweepRun, read_sweep
from seed_matrace.files import write_file
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, load_run_config
from seed_matrace.learner.run_info import RUN_FILE, why_finished
from seed_matrace.registered import OPEN
from seed_matrace.sweeps.page import Block, Heading, Paragraph, Picture, Table, to_html, to_markdown
from seed_matrace.viewer.curves import learning_curve_figure
from seed_matrace.viewer.profiles import profile_figure
from seed_matrace.viewer.published import in_paper_order, published_results
from seed_matrace.viewer.runs import Run, averages_said, each_run, one_per_seed, read_run, tell_maps_apart
from seed_matrace.viewer.style import save_figure
from seed_matrace.viewer.task_grid import TAG, task_grid_figure

REPORT_DIR = "report"
_NOTHING = "-"


@dataclass(frozen=True)
class _Sweep:
    """A sweep as its directory shows it."""

    path: Path
    planned: Sequence[SweepRun]
    begun: Mapping[SweepRun, Run]
    finished: frozenset[SweepRun]


def write_report(sweep_dir: str | Path, note: Callable[[str], None] | None = None) -> Path:
    """Writes ``report/report.md``, ``report/report.html``, their pictures and ``report/results.json`` for marl-eval.

    Statistics and results hold finished runs alone, pictures all that were begun. The same sweep gives the same report.

    Args:
      note: told what marl-eval would miss, a sentence each, which the page says, too.

    Returns:
      The HTML file, which needs no other.

    Raises:
      ValueError: not the directory of a sweep, no run of it was evaluated yet, or its runs do not compare.
    """
    sweep = _read(Path(sweep_dir))
    folder = sweep.path / REPORT_DIR
    folder.mkdir(exist_ok=True)
    title = f"Sweep {sweep.path.resolve().name}"
    finished = [run for run in sweep.planned if run in sweep.finished]
    merged = merge_results(
        ((run.variant, sweep.path / run.name) for run in finished),
        tasks={sweep.path / run.name: sweep.begun[run].map_name for run in finished},
    )
    missing = _missing(sweep, merged)
    blocks = [*_page(sweep, folder, title), *_for_marl_eval(merged, missing)]
    write_file(folder / "report.md", to_markdown(blocks, folder))
    write_file(folder / "results.json", json.dumps(of_equal_length(merged)))
    page = folder / "report.html"
    write_file(page, to_html(blocks, title))
    if note is not None:
        for sentence in missing:
            note(sentence)
    return page


def _read(path: Path) -> _Sweep:
    folders: dict[Path, SweepRun] = {}  # each once, also where there are links
    for run in read_sweep(path):
        folders.setdefault((path / run.name).resolve(), run)
    planned = list(folders.values())
    there = [run for run in planned if (path / run.name / RUN_FILE).is_file()]
    begun = dict(zip(there, tell_maps_apart([read_run(path / run.name) for run in there]), strict=True))
    over = frozenset(run for run in begun if why_finished(path / run.name))
    return _Sweep(path, planned, begun, over)


def _page(sweep: _Sweep, folder: Path, title: str) -> Iterator[Block]:
    yield Heading(title, 1)
    yield Paragraph(f"{len(sweep.finished)} of {len(sweep.planned)} runs finished. {_seeds_behind(sweep)}")
    scores = _scores(sweep)
    if scores:
        table = ScoreTable(scores)
        yield from _win_rates(table)
        yield from _over_maps(table)
    yield from _pictures(sweep, folder)
    if scores and len(ScoreTable(scores).common_tasks()):
        figure = profile_figure(ScoreTable(scores))
        yield from _picture(figure, folder, "profile", "Fraction of the finished runs that score above each win rate.")
    yield from _differences(sweep)
    yield from _unfinished(sweep)


def _seeds_behind(sweep: _Sweep) -> str:
    backends = sorted({run.backend for run in sweep.begun.values()})
    combinations = len({run.combination for run in sweep.planned})
    known = f"{combinations} combinations of map and variant, backend {', '.join(backends) or 'not known yet'}."
    return " ".join([known, *(f"{sentence}." for sentence in averages_said(_by_name(sweep)))])


def _by_name(sweep: _Sweep) -> dict[str, list[Run]]:
    """The runs that were begun, by the variants' names in the sweep, each seed once."""
    variants: dict[str, list[Run]] = {}
    for planned, run in sweep.begun.items():
        variants.setdefault(planned.variant, []).append(run)
    return {name: one_per_seed(runs) for name, runs in variants.items()}


def _scores(sweep: _Sweep) -> list[Score]:
    """Of the finished runs: their absolute metric if each of them has it, else their last evaluation."""
    found = []
    for run in (run for run in sweep.planned if run in sweep.finished):
        scores = read_scores(sweep.path / run.name, run.variant)
        task = sweep.begun[run].map_name
        found.append({kind: replace(score, task=task) for kind, score in scores.items()})
    kind = "absolute" if found and all("absolute" in scores for scores in found) else "final"
    return one_score_per_seed(scores[kind] for scores in found if kind in scores)


def _win_rates(table: ScoreTable) -> Iterator[Block]:
    kind = {"final": "last evaluation", "absolute": "absolute metric: best weights replayed"}[table.kind]
    yield Heading("Win rates")
    yield Paragraph(
        f"Interquartile mean over seeds ({kind}) after {_env_steps(table)} env steps, 95% bootstrap interval from "
        f"{statistics.MIN_RUNS} seeds on, and in brackets the number of seeds and of episodes behind each of them. "
        f"Backend: {table.backend}."
    )
    paper = published_results()
    tasks = in_paper_order(table.tasks)
    ours = [[_cell(table, variant, task) for variant in table.variants] for task in tasks]
    header = ["map", *table.variants]
    if not any(task in paper.tasks for task in tasks):
        yield Table(header, [[task, *cells] for task, cells in zip(tasks, ours, strict=True)])
        return
    published = [f"{paper.tasks[task][0].win_rate:.2f}" if task in paper.tasks else _NOTHING for task in tasks]
    rows = [[task, *cells, other] for task, cells, other in zip(tasks, ours, published, strict=True)]
    name = next(iter(paper.tasks.values()))[0].algorithm
    yield Table([*header, f"{name}, {paper.backend}, published"], rows)
    yield Paragraph(
        f"The last column is of another backend, {paper.backend}: it does not compare with the others. "
        f"Source: {paper.source}."
    )


def _env_steps(table: ScoreTable) -> str:
    steps = [score.steps for variant in table.variants for task in table.tasks for score in table.of(variant, task)]
    fewest, most = f"{min(steps):,}", f"{max(steps):,}"
    return most if fewest == most else f"{fewest} (a run ends where its budget or its target is reached) to {most}"


def _cell(table: ScoreTable, variant: str, task: str) -> str:
    if not table.of(variant, task):
        return _NOTHING
    found = table.estimate(statistics.iqm, variant, tasks=[task])
    return f"{found.figures()} ({statistics.span(found.runs)} x {statistics.span(found.episodes)})"


def _over_maps(table: ScoreTable) -> Iterator[Block]:
    tasks = in_paper_order(table.common_tasks())
    if not tasks or len(tasks) * len(table.variants) == 1:
        return
    measures = {
        "interquartile mean": statistics.iqm,
        "median of maps": statistics.median_of_tasks,
        "optimality gap": statistics.optimality_gap,
    }
    first = table.variants[0]
    rows = []
    for variant in table.variants:
        found = [table.estimate(measure, variant, tasks=tasks) for measure in measures.values()]
        rows.append(
            [
                variant,
                *(estimate.figures() for estimate in found),
                _improvement(table, variant, tasks),
                _behind(found[0]),
            ]
        )
    yield Heading("Over all maps")
    yield Paragraph(
        f"Over the {len(tasks)} maps that all variants share: {', '.join(tasks)}. Intervals are 95% stratified "
        "bootstrap intervals; those of two variants may overlap where one is the better: look at the probability of "
        "improvement."
    )
    yield Table(["variant", *measures, f"probability of improvement over {first}", "behind it"], rows)


def _improvement(table: ScoreTable, variant: str, tasks: Sequence[str]) -> str:
    first = table.variants[0]
    if variant == first:
        return _NOTHING
    return table.estimate(statistics.probability_of_improvement, variant, first, tasks=tasks).figures()


def _behind(estimate: Estimate) -> str:
    return f"{statistics.span(estimate.runs)} seeds a map, {statistics.span(estimate.episodes)} episodes each"


def _pictures(sweep: _Sweep, folder: Path) -> Iterator[Block]:
    evaluated = {name: [run for run in runs if len(run.curve(TAG).values)] for name, runs in _by_name(sweep).items()}
    variants = {name: runs for name, runs in evaluated.items() if runs}
    if not variants:
        raise ValueError(f"nothing to report yet: no run of {sweep.path} has win rates (plot shows returns too)")
    yield Heading("Learning curves")
    caption = "Evaluated win rate by map; the grey strip holds published results of another backend."
    yield from _picture(task_grid_figure(variants, statistic="iqm"), folder, "win_rates", caption)
    maps = in_paper_order([run.map_name for runs in variants.values() for run in runs])
    for name in maps if len(maps) <= 3 else ():
        on_map = [run for runs in variants.values() for run in each_run(runs) if run.map_name == name]
        figure = learning_curve_figure(on_map, statistic="iqm")
        file = f"curves_{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}"  # a map may be a path
        yield from _picture(figure, folder, file, f"{name}: win rate, return, throughput and policy lag.")


def _picture(figure: Any, folder: Path, name: str, caption: str) -> Iterator[Block]:
    """Saves a picture as PNG, which the page shows, and as SVG beside it."""
    save_figure(figure, folder / f"{name}.svg")
    yield Picture(save_figure(figure, folder / f"{name}.png"), caption)


def _differences(sweep: _Sweep) -> Iterator[Block]:
    """Options whose values differ between the first runs of the variants."""
    chosen: dict[str, dict[str, str]] = {}
    for run in sweep.begun:
        if (sweep.path / run.name / OPERATIVE_CONFIG).exists():
            found = options(load_run_config(sweep.path / run.name, registry=OPEN)[0])
            chosen.setdefault(run.variant, {name: repr(value) for name, value in found.items()})
    names = dict.fromkeys(name for found in chosen.values() for name in found if not name.startswith("env.map_name"))
    differing = [name for name in names if len({found.get(name) for found in chosen.values()}) > 1]
    if differing:
        yield Heading("What differs")
        yield Table(["option", *chosen], [[name, *(found[name] for found in chosen.values())] for name in differing])
    example = next(iter(sweep.begun)).name
    yield Paragraph(f"Every option of a run is in its operative_config.gin, as in {example}/operative_config.gin.")


def _missing(sweep: _Sweep, merged: dict[str, Any]) -> list[str]:
    paths = {
        f"{begun.map_name}/{run.variant.replace(',', ';')}/seed_{run.seed}": sweep.path / run.name
        for run, begun in sweep.begun.items()
    }
    return what_is_missing(merged, lambda name: paths[name], sweep.path)


def _for_marl_eval(merged: dict[str, Any], missing: Sequence[str]) -> Iterator[Block]:
    if not merged:
        return
    yield Heading("For marl-eval")
    yield Paragraph("results.json beside this page holds the finished runs' evaluations in the format of marl-eval.")
    for sentence in missing:
        yield Paragraph(sentence)


def _unfinished(sweep: _Sweep) -> Iterator[Block]:
    rest = [run for run in sweep.planned if run not in sweep.finished]
    if not rest:
        return
    yield Heading("Not finished")
    rows = []
    for run in rest:
        reports = sweep.begun[run].reports if run in sweep.begun else []
        rows.append([run.name, f"{reports[-1]['env_steps']:,}" if reports else _NOTHING])
    yield Table(["run", "env steps so far"], rows)
