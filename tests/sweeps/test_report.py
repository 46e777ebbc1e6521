"""The report of a sweep: what is finished, what it amounts to, what differs, what is missing."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from processes import loaded

from seed_matrace.evaluation.sweep_record import read_sweep, write_sweep
from seed_matrace.files import digest, write_checked
from seed_matrace.learner.run_info import write_finished, write_run_info
from seed_matrace.sweeps.page import Heading, Paragraph, Picture, Table, to_html, to_markdown
from seed_matrace.sweeps.report import write_report
from seed_matrace.viewer.style import new_figure, save_figure

GRID = ["loss.entropy_cost=[0.1, 1.0]"]


def report_of(sweep_dir):
    """Markdown, and the cells of all its table rows."""
    text = write_report(sweep_dir).with_suffix(".md").read_text()
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in text.splitlines() if line[:1] == "|"
    ]
    return text, rows


def test_win_rates_come_with_intervals_seeds_and_episodes(make_sweep):
    sweep_dir = make_sweep(maps=("3m", "8m"), grids=GRID, won=lambda run: 16 if run.map_name == "3m" else 32)
    text, rows = report_of(sweep_dir)
    assert "12 of 12 runs finished. 4 combinations of map and variant, backend skirmish-1." in text
    assert ("map", "entropy_cost=0.1", "entropy_cost=1.0") in rows
    assert ("3m", "0.50 [0.50, 0.50] (3 x 32)", "0.50 [0.50, 0.50] (3 x 32)") in rows
    assert any(row[0] == "entropy_cost=1.0" and row[4] == "0.50 [0.50, 0.50]" for row in rows)  # improvement: ties
    assert ("loss.entropy_cost", "0.1", "1.0") in rows
    assert "Not finished" not in text


def test_runs_that_are_not_finished_are_listed_and_left_out_of_the_table(make_sweep):
    unfinished, missing = "3m/matrace/seed_1", "3m/matrace/seed_3"
    text, rows = report_of(
        make_sweep(seeds=4, won=lambda run: 8 * run.seed, unfinished=[unfinished], missing=[missing])
    )
    assert "2 of 4 runs finished" in text
    assert ("3m", "0.25 (2 x 32)") in rows  # seeds 0 and 2; two have no interval
    assert rows[-2:] == [(unfinished, "4,000"), (missing, "-")]


def test_two_runs_of_one_seed_are_one_seed_and_a_linked_one_is_not_there_twice(make_sweep):
    sweep_dir = make_sweep(seeds=5, won=lambda run: 8 * run.seed)
    runs = sweep_dir / "3m" / "matrace"
    for copied, kept, how in ((3, 2, "copied"), (4, 2, "linked")):
        shutil.rmtree(runs / f"seed_{copied}")
        if how == "copied":
            shutil.copytree(runs / f"seed_{kept}", runs / f"seed_{copied}")
        else:
            (runs / f"seed_{copied}").symlink_to(runs / f"seed_{kept}")
    text, rows = report_of(sweep_dir)
    assert "4 of 4 runs finished" in text
    assert ("3m", "0.25 [0.00, 0.50] (3 x 32-64)") in rows
    assert re.search(r"matrace, 3m: 2 runs of seed 2 count as one seed, their mean: \S+seed_2, \S+seed_3\.", text)


def test_published_results_are_marked_as_another_backend(make_sweep):
    text, rows = report_of(make_sweep(maps=("2s3z", "8m")))
    assert ("map", "matrace", "MA-Trace (obs), sc2-4.10, published") in rows
    assert next(row for row in rows if row[0] == "2s3z")[-1] == "0.99"
    assert next(row for row in rows if row[0] == "8m")[-1] == "-"
    assert "The last column is of another backend, sc2-4.10" in text


def test_html_holds_its_pictures_and_needs_no_other_file(make_sweep):
    page = write_report(make_sweep(grids=GRID))
    text = page.read_text()
    sources = re.findall(r'src="([^"]{20})', text)
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base6") for source in sources)
    assert not re.search(r"https?:", re.sub(r"base64,[^\"]*", "", text))
    for name in ("win_rates", "curves_3m", "profile"):
        assert {(page.parent / f"{name}.{kind}").is_file() for kind in ("png", "svg")} == {True}


def test_same_sweep_gives_the_same_report(make_sweep):
    sweep_dir = make_sweep(grids=GRID)

    def files():
        return {path.name: path.read_bytes() for path in write_report(sweep_dir).parent.iterdir()}

    assert files() == files()


def test_nothing_to_report_is_said(make_sweep, tmp_path):
    with pytest.raises(ValueError, match="is not the directory of a sweep"):
        write_report(tmp_path)
    runs = read_sweep(make_sweep(seeds=1))
    write_sweep(tmp_path / "planned", runs)
    with pytest.raises(ValueError, match="nothing to report yet"):
        write_report(tmp_path / "planned")


def test_page_escapes_what_html_and_markdown_read_otherwise(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    blocks = [Heading("a < b"), Paragraph("x & y"), Table(["a|b"], [["<c>"]]), Picture(tmp_path / "a.png", 'say "so"')]
    markdown = '## a &lt; b\n\nx &amp; y\n\n| a\\|b |\n| --- |\n| &lt;c> |\n\n![say "so"](a.png)\n'
    assert to_markdown(blocks, tmp_path) == markdown
    page = to_html(blocks, "a < b")
    for part in ("<title>a &lt; b</title>", "x &amp; y", "<td>&lt;c&gt;</td>", 'alt="say &quot;so&quot;"'):
        assert part in page


def test_names_are_text_in_markdown_and_pages(tmp_path):
    name = "x](javascript:alert(1)) <script>`a`\n# big \x1b[31m"
    blocks = [Heading(name), Table([name], [[name]])]
    lines = to_markdown(blocks, tmp_path).splitlines()
    assert lines[0] == r"## x]\(javascript:alert(1)) &lt;script>\`a\` # big \x1b[31m"
    assert len(lines) == 5 and not any("<" in line or "](" in line for line in lines)
    page = to_html(blocks, name)
    assert "<script" not in page
    assert "default-src 'none'; script-src 'none'; style-src 'sha256-" in page


def test_dollars_in_names_are_no_formula(tmp_path):
    figure = new_figure(2, 2)
    figure.suptitle(r"a$\frac$b")
    assert save_figure(figure, tmp_path / "a.png").stat().st_size


def test_plots_and_reports_do_not_load_tensorflow():
    assert not loaded("import seed_matrace.sweeps.report, seed_matrace.viewer.plot", "tensorflow", "keras")


def test_results_of_all_finished_runs_stand_in_one_file(make_sweep):
    missing = "8m/entropy_cost=1.0/seed_2"
    sweep_dir = make_sweep(maps=("3m", "8m"), grids=GRID, won=lambda run: run.seed, missing=[missing])
    merged = json.loads((write_report(sweep_dir).parent / "results.json").read_text())
    ((environment, tasks),) = merged.items()
    assert environment == "smac-skirmish-1"
    assert {task: set(algorithms) for task, algorithms in tasks.items()} == {
        task: {"entropy_cost=0.1", "entropy_cost=1.0"} for task in ("3m", "8m")
    }
    assert sorted(tasks["3m"]["entropy_cost=1.0"]) == ["seed_0", "seed_1", "seed_2"]
    assert sorted(tasks["8m"]["entropy_cost=1.0"]) == ["seed_0", "seed_1"]
    last = list(tasks["3m"]["entropy_cost=0.1"]["seed_2"].values())[-1]
    assert sum(last["win_rate"]) == 2


def test_what_marl_eval_would_miss_is_said_on_the_page_and_to_whoever_asks(make_sweep):
    missing = "8m/entropy_cost=1.0/seed_2"
    said = []
    page = write_report(make_sweep(maps=("3m", "8m"), grids=GRID, missing=[missing]), said.append)
    assert [missing in said[0], "absolute metric" in said[1]] == [True, True]
    assert "seed-matrace train --run_dir=" in said[1]
    text = page.with_suffix(".md").read_text()
    assert all(sentence in text for sentence in said)


def test_scenario_files_of_one_name_are_rows_of_their_own(make_sweep):
    sweep_dir = make_sweep(seeds=2)
    digests = []
    for seed, content in enumerate((b"{}", b"{ }")):
        about = {"backend": "skirmish-1", "map_name": "3m", "seed": seed}
        path = sweep_dir / f"3m/matrace/seed_{seed}"
        write_checked(path / "maps/3m.json", content)
        digests.append(digest(content))
        write_run_info(path, **about, argv=[], scenario={"file": "3m.json", "sha256": digests[-1]})
        write_finished(path, "budget")
    text, rows = report_of(sweep_dir)
    assert {row[0] for row in rows if row[0].startswith("3m")} == {f"3m ({digest})" for digest in digests}
    assert "sc2-4.10, published" not in text  # the column of the map of that name
