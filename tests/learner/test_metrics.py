"""metrics.jsonl and TensorBoard's copy of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.learner.event_file import TENSORBOARD_DIR, EventFile
from seed_matrace.learner.metrics import METRICS_FILE, MetricsWriter, ScalarMeans, read_metrics, report_of
from seed_matrace.learner.run_info import write_run_info


def write_reports(writer: MetricsWriter | EventFile, steps: range, value: float = 0.5) -> None:
    for step in steps:
        writer.write(report_of(100 * step, float(step), step, {"train/win_rate": value, "losses/V": step}))


def tensorboard_scalars(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself shows: tag -> (step, value)."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / TENSORBOARD_DIR))
    events.Reload()
    return {tag: [(e.step, round(e.value, 6)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_report_is_one_line_with_its_keys_in_order(tmp_path):
    with MetricsWriter(tmp_path) as writer:
        writer.write(
            report_of(3200, 1.23456, 1, {"train/win_rate": np.float32(0.93), "IS/rho_max": 2, "eval/return": 1 / 3})
        )
    assert (tmp_path / METRICS_FILE).read_text() == (
        '{"env_steps": 3200, "wall_s": 1.235, "learner_steps": 1, '
        '"IS/rho_max": 2.0, "eval/return": 0.3333333333333333, "train/win_rate": 0.93, "perf/crc32": 345874315}\n'
    )


def test_float32_reads_back_bit_for_bit(tmp_path):
    values = np.random.default_rng(1).normal(size=64).astype(np.float32) * 10.0 ** np.arange(-32, 32)
    values = values.astype(np.float32)
    with MetricsWriter(tmp_path) as writer:
        writer.write(report_of(0, 0.0, 0, {f"v/{i:02}": value for i, value in enumerate(values)}))
    stored = list(read_metrics(tmp_path)[0].values())[3:]
    np.testing.assert_array_equal(np.array(stored, np.float32), values)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -np.float32("inf")])
def test_what_is_not_a_number_becomes_null(tmp_path, value):
    report = report_of(0, 0.0, 0, {"losses/V": value, "losses/total": 1.0})
    with MetricsWriter(tmp_path) as writer, contextlib.closing(EventFile(tmp_path)) as events:
        writer.write(report)
        events.write(report)
    assert read_metrics(tmp_path)[0]["losses/V"] is None
    assert tensorboard_scalars(tmp_path) == {"losses/total": [(0, 1.0)]}


def test_report_is_on_disk_as_soon_as_it_is_written(tmp_path):
    with MetricsWriter(tmp_path) as writer, contextlib.closing(EventFile(tmp_path)) as events:
        write_reports(writer, range(3))
        write_reports(events, range(3))
        assert len(read_metrics(tmp_path)) == 3
        assert writer.position == (tmp_path / METRICS_FILE).stat().st_size
        assert tensorboard_scalars(tmp_path)["losses/V"] == [(0, 0.0), (100, 1.0), (200, 2.0)]


def test_resume_cuts_the_file_back_to_the_checkpoint(tmp_path):
    with MetricsWriter(tmp_path) as writer:
        write_reports(writer, range(4))
        position = writer.position
        write_reports(writer, range(4, 7), value=0.1)
    with MetricsWriter(tmp_path, resume_bytes=position) as writer:
        assert writer.position == position
        write_reports(writer, range(4, 6))
    reports = read_metrics(tmp_path)
    assert [report["env_steps"] for report in reports] == [0, 100, 200, 300, 400, 500]
    assert {report["train/win_rate"] for report in reports} == {0.5}


def test_torn_last_line_is_cut_on_resume(tmp_path):
    with MetricsWriter(tmp_path) as writer:
        write_reports(writer, range(3))
        whole = writer.position
    path = tmp_path / METRICS_FILE
    with path.open("ab") as file:
        file.write(b'{"env_steps": 300, "wal')
    MetricsWriter(tmp_path, resume_bytes=whole).close()
    assert path.stat().st_size == whole


@pytest.mark.parametrize("missing", [1, 10, 200, "all"])
def test_reports_that_a_checkpoint_counts_must_be_there_on_resume(tmp_path, missing):
    with MetricsWriter(tmp_path) as writer:
        write_reports(writer, range(3))
        whole = writer.position
    path = tmp_path / METRICS_FILE
    os.truncate(path, 0 if missing == "all" else whole - missing)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"metrics\.jsonl lacks reports .*put back a copy of it, or remove it"):
        MetricsWriter(tmp_path, resume_bytes=whole)
    assert path.read_bytes() == before
    path.unlink()
    with MetricsWriter(tmp_path, resume_bytes=whole) as writer:
        assert writer.position == 0


def test_no_flipped_bit_is_taken_for_another_report(tmp_path):
    with MetricsWriter(tmp_path) as writer:
        write_reports(writer, range(2))
    path = tmp_path / METRICS_FILE
    intact, reports = path.read_bytes(), read_metrics(tmp_path)
    assert "perf/crc32" not in reports[0]
    for bit in range(8 * len(intact)):
        flipped = bytearray(intact)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        for read in (read_metrics, partial(MetricsWriter, resume_bytes=len(intact))):
            with contextlib.suppress(ValueError):
                read(tmp_path)
                known = [{tag: report[tag] for tag in reports[0]} for report in read_metrics(tmp_path)]
                assert known == reports  # the checksum's own name was another


def _altered(lines, others):
    """What people and tools make of a file, each with the line that is said, or 0: nothing can be noticed."""
    bare = [line[: line.index(b', "perf/crc32"')] + b"}\n" for line in lines]
    return {
        "swapped": ([lines[0], lines[2], lines[1], *lines[3:]], 2),
        "first swapped": ([lines[1], lines[0], *lines[2:]], 1),
        "one removed": (lines[:1] + lines[2:], 2),
        "first removed": (lines[1:], 1),
        "doubled": ([*lines[:2], *lines[1:]], 3),
        "of another run": (others, 1),
        "some of another run": (lines[:2] + others[2:], 3),
        "all checksums removed": (bare, 1),
        "last checksum removed": (lines[:-1] + bare[-1:], 4),
    }


@pytest.mark.parametrize("how", _altered([b', "perf/crc32"'] * 4, [b""] * 4))
def test_lines_tell_their_place_and_their_run(tmp_path, how):
    paths = [tmp_path / "run" / METRICS_FILE, tmp_path / "other" / METRICS_FILE]
    for path in paths:
        write_run_info(path.parent, backend="skirmish-1", map_name="3m", seed=1, argv=[])
        with MetricsWriter(path.parent) as writer:
            write_reports(writer, range(4))
    lines, others = (path.read_bytes().splitlines(keepends=True) for path in paths)
    altered, said = _altered(lines, others)[how]
    paths[0].write_bytes(b"".join(altered))
    for read in (read_metrics, partial(MetricsWriter, resume_bytes=paths[0].stat().st_size)):
        with pytest.raises(ValueError, match=rf"line {said} is not a report: .*or is of another run; put back a copy"):
            read(paths[0].parent)


@pytest.mark.parametrize("resume_bytes", [None, 10])
def test_folder_in_the_place_of_reports_is_one_sentence(tmp_path, resume_bytes):
    (tmp_path / METRICS_FILE).mkdir()
    with pytest.raises(ValueError, match=rf"{METRICS_FILE} cannot be written: Is a directory"):
        MetricsWriter(tmp_path, resume_bytes=resume_bytes)


def test_file_in_the_place_of_events_is_one_sentence(tmp_path):
    (tmp_path / TENSORBOARD_DIR).write_text("")
    with pytest.raises(ValueError, match=rf"{TENSORBOARD_DIR} cannot be written: File exists"):
        EventFile(tmp_path)


def test_reports_of_an_older_version_are_read_and_gone_on_with(tmp_path):
    path = tmp_path / METRICS_FILE
    path.write_text('{"env_steps": 0, "wall_s": 0.0, "learner_steps": 0, "losses/V": null}\n')
    with MetricsWriter(tmp_path, resume_bytes=path.stat().st_size) as writer:
        write_reports(writer, range(1, 2))
    assert [report["env_steps"] for report in read_metrics(tmp_path)] == [0, 100]


def test_new_run_starts_the_file_over(tmp_path):
    for value in (0.1, 0.2):
        with MetricsWriter(tmp_path) as writer, contextlib.closing(EventFile(tmp_path)) as events:
            write_reports(writer, range(2), value)
            write_reports(events, range(2), value)
    assert [report["train/win_rate"] for report in read_metrics(tmp_path)] == [0.2, 0.2]
    assert tensorboard_scalars(tmp_path)["train/win_rate"] == [(0, 0.2), (100, 0.2)]


def test_tensorboard_curves_do_not_double_back_after_a_resume(tmp_path):
    with contextlib.closing(EventFile(tmp_path)) as events:
        write_reports(events, range(3), value=0.5)
        write_reports(events, range(3, 9), value=0.1)
    with contextlib.closing(EventFile(tmp_path, purge_step=201)) as events:
        write_reports(events, range(3, 5), value=0.75)
    expected = [(0, 0.5), (100, 0.5), (200, 0.5), (300, 0.75), (400, 0.75)]
    assert tensorboard_scalars(tmp_path)["train/win_rate"] == expected


def test_reading_passes_over_a_torn_last_line_only(tmp_path):
    path = tmp_path / METRICS_FILE
    path.write_text('{"env_steps": 1}\n{"env_steps": 2}\n{"env_st')
    assert [report["env_steps"] for report in read_metrics(tmp_path)] == [1, 2]
    path.write_text('{"env_steps": 1}\n{"env_st\n{"env_steps": 2}\n')
    with pytest.raises(ValueError, match="line 2 is not a report"):
        read_metrics(tmp_path)
    path.write_text('{"steps": 1}\n')
    with pytest.raises(ValueError, match="it has no env_steps"):
        read_metrics(tmp_path)


def test_close_may_be_called_twice(tmp_path):
    writer = MetricsWriter(tmp_path)
    write_reports(writer, range(1))
    writer.close()
    writer.close()
    assert len(read_metrics(tmp_path)) == 1


def test_writing_evaluating_and_showing_need_no_tensorflow(tmp_path):
    program = (
        "import sys; from seed_matrace.learner.metrics import MetricsWriter, report_of\n"
        "from seed_matrace.learner.run_info import write_run_info\n"
        "import seed_matrace.evaluation.episodes, seed_matrace.evaluation.results\n"
        "import seed_matrace.training.display; from seed_matrace.viewer.curves import plot_learning_curve\n"
        f"run = {str(tmp_path)!r}\n"
        "write_run_info(run, backend='skirmish-1', map_name='3m', seed=1, argv=[])\n"
        "writer = MetricsWriter(run); writer.write(report_of(1, 1.0, 1, {'train/win_rate': 0.5})); writer.close()\n"
        "assert 'matplotlib' not in sys.modules, 'matplotlib loaded too early'\n"
        "plot_learning_curve([run], run + '/curve.png')\n"
        "print('tensorflow' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert result.stdout.split() == ["False", "False"], result.stderr


def test_scalar_means_average_and_keep_maxima():
    means = ScalarMeans()
    for i in (1, 2, 6):
        means.add({"losses/V": i, "perf/policy_lag_max": i})
    means.add({"optimizer/grad_norm": np.float32(4)})
    assert means.pop() == {"losses/V": 3.0, "perf/policy_lag_max": 6.0, "optimizer/grad_norm": 4.0}
    means.add({"perf/policy_lag_max": 2})
    assert means.pop() == {"perf/policy_lag_max": 2.0}
    assert means.pop() == {}
