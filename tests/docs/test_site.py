"""The built site: strict, with everything generated in it, and nothing on it loads from elsewhere."""

from __future__ import annotations

import dataclasses
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import CHROMIUM, NO_BROWSER, chromium
from pages import ROOT

from seed_matrace import cli
from seed_matrace.config import MACHINE, OPTIONS, SECTIONS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def words_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text()))


def test_every_option_is_on_the_page_with_what_it_says(site):
    words = re.sub(r"\s+", " ", words_of(site / "configuration.html"))
    for section, kind in SECTIONS.items():
        for item in dataclasses.fields(kind):
            assert f"{section}.{item.name} {item.default!r} " in words
            row = words.partition(f"{section}.{item.name} {item.default!r} ")[2].partition(item.metadata["doc"])
            assert row[1]
            assert row[0].strip().endswith("may change") == item.metadata["may_change"]


def test_options_of_the_machine_have_a_table_of_their_own(site):
    page = (site / "configuration.html").read_text()
    science, _, machine = page.partition('id="all-options"')[2].partition('id="machine"')
    assert machine
    for name in OPTIONS:
        assert (f"{name}</code>" in machine, f"{name}</code>" in science) == (name in MACHINE, name not in MACHINE)


def test_every_command_and_the_public_functions_are_there(site):
    commands, api = words_of(site / "commands.html"), words_of(site / "api.html")
    for name in cli.COMMANDS:
        assert f"usage: seed-matrace {name} " in commands
    for name in (
        *("make_env", "make_vector_env", "load_policy", "SkirmishVectorEnv", "vtrace", "actors_to_saturate"),
        *("parallel_env", "SkirmishParallelEnv", "SkirmishGymnasiumEnv", "SkirmishGymnasiumVectorEnv", "read_metrics"),
        *(
            "play_episodes",
            "evaluate",
            "summarise",
            "read_results",
            "read_scores",
            "ScoreTable",
            "play",
            "export_numpy",
            "export_onnx",
            "skirmish_task",
            "fetch",
        ),
        *("read_replay", "write_replay"),
    ):
        assert f"{name}(" in api, name


def test_equations_are_mathml(site):
    page = (site / "algorithm.html").read_text()
    assert page.count("<math") == (ROOT / "docs" / "algorithm.md").read_text().count("```math") > 5
    assert "\\begin" not in page and "merror" not in page


def test_nothing_is_loaded_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loading = re.findall(
            r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?((?:https?:)?//[^\"\s>]+)", page.read_text()
        )
        assert loading == [], page


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER)
def test_pages_fit_a_phone_and_a_desk_and_ask_the_network_for_nothing(site, tmp_path):
    with chromium(tmp_path) as page:
        for name in ("index", "tutorial", "algorithm", "configuration", "simulator", "architecture", "api", "faq"):
            for width in (390, 1280):
                size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
                page.call("Emulation.setDeviceMetricsOverride", **size)
                page.call("Page.navigate", url=(site / f"{name}.html").as_uri())
                page.evaluate(
                    "new Promise(done => addEventListener('load', done) || document.readyState == 'complete' && done())"
                )
                assert page.evaluate("document.title").endswith("seed_matrace")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate("__md_scope.href")
        assert page.problems == []
