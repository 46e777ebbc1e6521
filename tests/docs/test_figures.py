"""Figures that stand on several pages are the same there."""

from __future__ import annotations

import re
from pathlib import Path

from pages import ROOT

from seed_matrace.bench.win_tables import joined, ratio_table, read_wins, wins_table
from seed_matrace.sweeps.page import to_markdown

BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text()


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """Cells by first cell of the first table below a heading."""
    table = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text[text.index(heading) :], re.MULTILINE)
    assert table, heading
    lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines())
    return {first: rest for first, *rest in lines}


def test_speed_in_the_readme_is_that_of_the_benchmarks():
    measured = rows(BENCHMARKS, "## The whole:")  # in one run on one machine
    told = rows((ROOT / "README.md").read_text(), "## Speed")
    assert told
    for name, figures in told.items():
        assert figures == [*measured[name][-2:], measured[name][0]], name


def test_win_rates_in_the_readme_are_those_of_the_results():
    results = (ROOT / "docs" / "results" / "README.md").read_text()
    measured = rows(results, "## The paper's tasks") | rows(results, "## The long ones")
    told = rows((ROOT / "README.md").read_text(), "## What it reaches")
    assert len(told) == 14
    for name, (obs, state, published) in told.items():
        line = measured[name]
        assert [obs, state, published] == [line[2].split()[0], line[5].split()[0], line[-1]], name


def test_how_far_networks_of_the_game_are_off_is_the_same_on_all_pages():
    (off,) = re.findall(r"^\| as it is \| (\d\.\d\d) \|", (ROOT / "docs" / "fidelity.md").read_text(), re.MULTILINE)
    for name in ("README.md", "CHANGELOG.md", "docs/faq.md", "docs/simulator.md", "docs/fidelity.md"):
        text = re.sub(r"\s+", " ", (ROOT / name).read_text())
        told = re.findall(r"\b28 (?:such )?networks.{0,150}?(\d\.\d\d) off|(\d\.\d\d) off on average over 28", text)
        assert {a or b for a, b in told} == {off}, name


def test_times_to_win_are_those_of_the_result_that_lies_beside_them():
    folder = ROOT / "docs" / "results"
    results = joined([read_wins(path) for path in sorted(folder.glob("time_to_win*.json"))])
    page = (folder / "README.md").read_text().partition("\n## Time to win\n")[2].partition("\n## ")[0]
    tables = [wins_table(results), ratio_table(results)]
    assert tables[0].rows
    for table in filter(None, tables):
        assert to_markdown([table], Path()) in page, (
            "benchmarks/time_to_win.py docs/results/time_to_win*.json prints them"
        )
