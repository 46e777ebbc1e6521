"""docs/metrics.md names every metric that a run writes, and none that no run does."""

import re

from pages import ROOT
from processes import run, tiny_run

from seed_matrace.learner.metrics import read_metrics

ALL_METRICS = ("env.backend='skirmish'", "env.map_name='3m'", "loss.kl_cost=0.1")


def test_page_names_what_runs_write_and_nothing_else(tmp_path):
    result = run("train", "--num_actors=1", f"--run_dir={tmp_path / 'run'}", *tiny_run(1000, *ALL_METRICS))
    assert result.returncode == 0, result.stderr
    written = {re.sub(r"\d+$", "0", key) for report in read_metrics(tmp_path / "run") for key in report}
    table = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Keys\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {key.replace("007", "000") for cell in cells for key in re.findall("`(.*?)`", cell)}
    assert named == written
