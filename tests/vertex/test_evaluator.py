"""The host that plays battles with each new best team of a run."""

import json
import threading

from seed_matrace.vertex import evaluator
from seed_matrace.vertex.cluster import JobFolders


def test_line_that_is_not_whole_is_played_again_and_no_other(tmp_path, monkeypatch):
    folders = JobFolders(tmp_path / "job" / "checkpoints", tmp_path / "job" / "logs")
    for name in ("best-000000000100", "best-000000000200"):
        (folders.run / "checkpoints" / name).mkdir(parents=True)
        (folders.run / "checkpoints" / name / "state.json").write_text("{}")
    results = tmp_path / "job" / evaluator.RESULTS_FILE
    whole = json.dumps({"checkpoint": "best-000000000100", "win_rate": 0.5})
    results.write_text(f'{whole}\n{{"checkpoint": "best-0000000')
    stop, played = threading.Event(), []

    def play(run, checkpoint, work_dir):
        stop.set()
        played.append(checkpoint)
        return json.dumps({"checkpoint": checkpoint})

    monkeypatch.setattr(evaluator, "_play", play)
    assert evaluator.evaluate_best(folders, tmp_path, stop) == 0
    assert played == ["best-000000000200"]
    assert results.read_text().splitlines() == [whole, json.dumps({"checkpoint": "best-000000000200"})]
