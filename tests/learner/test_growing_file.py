"""Whole pieces in a file, also where the disk is full for a while."""

import pytest

from seed_matrace.learner.growing_file import GrowingFile
from seed_matrace.learner.metrics import MetricsWriter, read_metrics, report_of


def test_pieces_wait_in_order_until_there_is_space(tmp_path, limit_file_size):
    file = GrowingFile(tmp_path / "file")
    file.append(b"one\n")
    limit_file_size(6)
    file.append(b"two\n")
    file.append(b"three\n")
    assert (file.problem, file.size) == ("File too large", 4)
    assert (tmp_path / "file").read_bytes() == b"one\n"  # nothing torn
    limit_file_size(None)
    file.append(b"four\n")
    assert (file.problem, file.size) == ("", 19)
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\nthree\nfour\n"
    file.close()
    file.close()


def test_file_is_cut_to_the_size_it_is_given(tmp_path):
    (tmp_path / "file").write_bytes(b"one\ntwo\n")
    file = GrowingFile(tmp_path / "file", size=4)
    file.append(b"2\n")
    assert (tmp_path / "file").read_bytes() == b"one\n2\n"
    file.close()


def test_reports_wait_for_space_and_a_checkpoint_does_not_count_them(tmp_path, limit_file_size):
    with MetricsWriter(tmp_path) as writer:
        writer.write(report_of(1, 0.0, 1, {"losses/V": 1.0}))
        position = writer.position
        limit_file_size(position + 10)
        writer.write(report_of(2, 0.0, 2, {"losses/V": 2.0}))
        assert writer.position == position
        with pytest.raises(OSError, match=r"cannot write metrics.jsonl \(File too large\)"):
            writer.flush()
        limit_file_size(None)
        writer.flush()
        assert [report["env_steps"] for report in read_metrics(tmp_path)] == [1, 2]
