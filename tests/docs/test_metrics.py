"""docs/metrics.md names every metric that a run writes, and none that no run does."""

import ast
import re

import pytest
from pages import ROOT
from processes import run, tiny_run

from seed_matrace.learner.metrics import read_metrics

ALL_METRICS = ("env.backend='skirmish'", "env.map_name='3m'", "loss.kl_cost=0.1")

AGAIN = ("learner.updates_per_batch=2",)

OF_METRICS = ("algo", "learner", "training", "evaluation")
NO_METRICS = {"perf/crc32"}  # closes a line


def page_keys():
    table = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Keys\n")[2].partition("\n## ")[0]
    return re.findall("`(.*?)`", " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))


def test_page_names_what_runs_write_and_nothing_else(tmp_path):
    result = run("train", "--num_actors=1", f"--run_dir={tmp_path / 'run'}", *tiny_run(1000, *ALL_METRICS, *AGAIN))
    assert result.returncode == 0, result.stderr
    written = {re.sub(r"\d+$", "0", key) for report in read_metrics(tmp_path / "run") for key in report}
    table = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Keys\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {re.sub(r"\d+$", "0", key.replace("007", "000")) for cell in cells for key in re.findall("`(.*?)`", cell)}
    assert named == written


def tags_of(source):
    """Tags that code spells: whole ones, beginnings that end in a number, and the terms of the loss, as re patterns."""
    tags, inside = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            spelt = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            tags |= {spelt.replace("{}", "\\d+")} if re.fullmatch(r"[A-Za-z]\w*/\w+\{\}", spelt) else set()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            tags |= {node.value} if re.fullmatch(r"[A-Za-z]\w*/\w+", node.value) else set()
        elif isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "terms":
            tags |= {f"losses/{node.slice.value}"} if isinstance(node.slice, ast.Constant) else set()
    return tags - NO_METRICS


def test_page_names_every_metric_that_the_code_spells():
    """Also those of options that the run above has switched off."""
    keys = page_keys()
    for path in (file for folder in OF_METRICS for file in sorted((ROOT / "seed_matrace" / folder).rglob("*.py"))):
        unnamed = [tag for tag in tags_of(path.read_text()) if not any(re.fullmatch(tag, key) for key in keys)]
        assert unnamed == [], f"{path}: docs/metrics.md must name it"


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ('{"V/error_max": 1}', {"V/error_max"}),
        ('terms["logits"] = 1', {"losses/logits"}),
        ('f"policy/entropy_agent_{agent}"', {r"policy/entropy_agent_\d+"}),
        ('f"losses/{name}", "eval/results.json", "perf/crc32"', set()),
    ],
)
def test_such_a_metric_is_seen(source, tags):
    assert tags_of(source) == tags
