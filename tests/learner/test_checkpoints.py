"""Checkpoints: whole or not there."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.learner import checkpoints as checkpoints_module
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.training.progress import Progress, progress_from


class Net(tf.Module):
    def __init__(self, size=3, value=0.0):
        super().__init__()
        self.weight = tf.Variable(np.full(size, value, np.float32))


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", keep=2)


def save(checkpoints, env_steps, value, kind="step"):
    return checkpoints.save(kind, env_steps, {"net": Net(value=value)}, {"env_steps": env_steps})


def restored_value(checkpoints):
    net = Net(value=-1.0)
    restored = checkpoints.restore_newest("step", {"net": net})
    return float(net.weight[0]), restored.state, restored.problems


def test_newest_checkpoint_comes_back(checkpoints):
    save(checkpoints, 100, 1.0)
    save(checkpoints, 1000, 2.0)
    assert restored_value(checkpoints) == (2.0, {"env_steps": 1000}, [])


def test_only_the_newest_are_kept_and_the_best_apart(checkpoints):
    save(checkpoints, 50, 9.0, kind="best")
    for step in (100, 200, 300):
        save(checkpoints, step, 1.0)
    assert [path.name for path in checkpoints.find("step")] == ["step-000000000300", "step-000000000200"]
    assert [path.name for path in checkpoints.find("best")] == ["best-000000000050"]
    save(checkpoints, 300, 9.0, kind="best")
    assert [path.name for path in checkpoints.find("best")] == ["best-000000000300"]


def test_same_step_may_be_saved_again(checkpoints):
    save(checkpoints, 100, 1.0)
    save(checkpoints, 100, 3.0)
    assert restored_value(checkpoints)[0] == 3.0


def test_checkpoint_that_replaces_another_is_there_before_that_goes(checkpoints, monkeypatch):
    save(checkpoints, 100, 1.0)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        save(checkpoints, 100, 3.0)
    monkeypatch.undo()
    assert restored_value(checkpoints)[0] == 1.0
    for value in range(2, 13):  # also the tenth comes after the second
        save(checkpoints, 100, value)
        assert restored_value(checkpoints)[0] == value
        assert len(checkpoints.find("step")) == 1
    save(checkpoints, 200, 20.0)
    save(checkpoints, 300, 30.0)
    assert [path.name for path in checkpoints.find("step")] == ["step-000000000300", "step-000000000200"]


def test_checkpoint_that_is_replaced_while_it_is_read_gives_way_to_the_new_one(checkpoints, monkeypatch):
    save(checkpoints, 100, 1.0, kind="best")
    read = checkpoints_module._read_state

    def replaced(folder, run_id):
        monkeypatch.undo()
        save(checkpoints, 200, 2.0, kind="best")
        return read(folder, run_id)

    monkeypatch.setattr(checkpoints_module, "_read_state", replaced)
    restored = checkpoints.restore_newest("best", {})
    assert (restored.state["env_steps"], restored.problems) == (200, [])


def test_nothing_saved_is_none(checkpoints):
    assert checkpoints.restore_newest("step", {"net": Net()}) is None


def tear(folder, how):
    data = next(folder.glob("variables.data*"))
    if how == "truncated":
        data.write_bytes(data.read_bytes()[:-1])
    elif how == "flipped":
        content = bytearray(data.read_bytes())
        content[0] ^= 1
        data.write_bytes(content)
    elif how == "missing file":
        data.unlink()
    elif how == "missing state":
        (folder / "state.json").unlink()
    else:
        (folder / "state.json").write_text('{"env_steps": 1')


DAMAGES = ["truncated", "flipped", "missing file", "missing state", "torn state"]


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_newest_checkpoint_is_passed_over(checkpoints, how):
    save(checkpoints, 100, 1.0)
    tear(save(checkpoints, 200, 2.0), how)
    value, state, problems = restored_value(checkpoints)
    assert (value, state["env_steps"]) == (1.0, 100)
    assert len(problems) == 1
    assert "step-000000000200 is damaged" in problems[0]


@pytest.mark.parametrize("how", DAMAGES)
def test_nothing_but_damaged_checkpoints_is_an_error(checkpoints, how):
    tear(save(checkpoints, 100, 1.0), how)
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        restored_value(checkpoints)


def test_every_bit_of_every_file_counts(checkpoints):
    save(checkpoints, 100, 1.0)
    folder = save(checkpoints, 200, 2.0)
    for path in sorted(folder.iterdir()):
        intact = path.read_bytes()
        for bit in range(0, 8 * len(intact), 3 if path.name == "state.json" else 97):
            flipped = bytearray(intact)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            value, state, problems = restored_value(checkpoints)
            assert (value, state) == (1.0, {"env_steps": 100})
            assert len(problems) == 1 and str(folder) in problems[0]
        path.write_bytes(intact)
    assert restored_value(checkpoints)[0] == 2.0


@pytest.mark.parametrize(
    "state",
    ["", "null", "[]", "{}", "[" * 100_000, '{"env_steps": 1e999}', '{"env_steps": ' + "9" * 5000 + "}", b"\xff{}",
     '{"env_steps": 200, "files": 3}', '{"env_steps": 200, "files": {"a": null}}', '{"env_steps": [], "files": {}}'],
    ids=lambda state: str(state)[:30],
)  # fmt: skip
def test_any_other_state_is_damage(checkpoints, state):
    save(checkpoints, 100, 1.0)
    folder = save(checkpoints, 200, 2.0)
    (folder / "state.json").write_bytes(state if isinstance(state, bytes) else state.encode())
    value, _, problems = restored_value(checkpoints)
    assert value == 1.0
    assert len(problems) == 1 and "\n" not in problems[0]


def test_renamed_swapped_and_mixed_folders_are_refused(checkpoints, tmp_path):
    first, second = save(checkpoints, 100, 1.0), save(checkpoints, 200, 2.0)
    later = second.rename(second.with_name("step-000000000900"))
    value, _, problems = restored_value(checkpoints)
    assert value == 1.0 and "it holds step-200" in problems[0]
    later.rename(second)
    (second / "extra").write_text("")
    assert "extra is missing or was added" in restored_value(checkpoints)[2][0]
    (second / "extra").unlink()
    shutil.copy(first / "arrays.npz", tmp_path)
    shutil.copytree(first, second, dirs_exist_ok=True)
    value, _, problems = restored_value(checkpoints)
    assert value == 1.0 and "it holds step-100" in problems[0]
    best = save(checkpoints, 200, 5.0, kind="best")
    shutil.rmtree(second)
    best.rename(second)
    assert "it holds best-200" in restored_value(checkpoints)[2][0]


def test_checkpoint_of_another_run_is_refused(tmp_path):
    ours, theirs = (Checkpoints(tmp_path / name, 2, name) for name in ("ours", "theirs"))
    save(ours, 100, 1.0)
    shutil.copytree(save(theirs, 200, 2.0), tmp_path / "ours" / "step-000000000200")
    value, _, problems = restored_value(ours)
    assert value == 1.0 and "of another run" in problems[0]
    assert restored_value(Checkpoints(tmp_path / "ours", 2))[0] == 2.0  # of a copy that does not know its run


def test_checkpoint_of_an_older_version_is_read_if_all_that_it_says_agrees(checkpoints):
    folder = save(checkpoints, 100, 1.0)
    state = json.loads((folder / "state.json").read_text())
    for name in ("run", "kind", "crc32"):
        del state[name]
    (folder / "state.json").write_text(json.dumps(state, indent=1))
    assert restored_value(checkpoints)[0] == 1.0
    folder.rename(folder.with_name("step-000000000200"))
    with pytest.raises(CheckpointError, match="it holds"):
        restored_value(checkpoints)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\n", b"[]", b"{}", b'{"files": 1}', b'{"files": 1, "env_steps": 100}']
)
def test_state_that_is_no_state_is_said_in_plain_words(checkpoints, content):
    folder = save(checkpoints, 100, 1.0)
    (folder / "state.json").write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"state\.json(: it is (empty|not JSON|not text|no JSON object)| is not what was written)"
    ):
        restored_value(checkpoints)
    assert len(checkpoints.problems("step")) == 1
    save(checkpoints, 200, 1.0)
    assert checkpoints.problems("step") == []
    assert "no best checkpoint" in checkpoints.problems("best")[0]


def test_state_that_the_run_cannot_use_is_passed_over(checkpoints):
    good = dataclasses.asdict(Progress(env_steps=100, best=(0.5, 3.0), newest_outcomes=[True], means={"a": [1.0, 2]}))
    checkpoints.save("step", 100, {}, good)
    odd = [
        *({"wall_s": "1"}, {"episodes": 1.5}, {"best": [1]}, {"finished": "soon"}, {"means": {"a": [1, 0]}}),
        *({"newest_outcomes": [1]}, {"more": 1}, {"session": -1}),
    ]
    for state in odd:
        checkpoints.save("step", 200, {}, {**good, **state, "env_steps": 200})
        restored = checkpoints.restore_newest("step", {}, progress_from)
        assert progress_from(restored.state) == Progress(**good) and len(restored.problems) == 1
        shutil.rmtree(checkpoints.find("step")[0])


def test_unfinished_write_is_not_a_checkpoint(checkpoints):
    folder = save(checkpoints, 100, 1.0)
    folder.rename(folder.with_name(".step-000000000200"))
    assert checkpoints.restore_newest("step", {"net": Net()}) is None
    save(checkpoints, 200, 2.0)
    assert restored_value(checkpoints)[0] == 2.0


def test_other_shapes_are_said(checkpoints):
    save(checkpoints, 100, 1.0)
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoints.restore_newest("step", {"net": Net(size=4)})
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoints.restore_newest("step", {"another": Net()})


def test_failed_write_leaves_the_one_before(checkpoints, monkeypatch):
    save(checkpoints, 100, 1.0)

    def full_disk(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "no space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save(checkpoints, 200, 2.0)
    monkeypatch.undo()
    assert restored_value(checkpoints)[0] == 1.0
    assert [path.name for path in checkpoints.find("step")] == ["step-000000000100"]


def test_disk_that_is_full_costs_only_the_new_checkpoint(checkpoints, limit_file_size):
    first = save(checkpoints, 100, 1.0)
    limit_file_size(0)
    with pytest.raises(OSError, match=r"cannot write checkpoint .*step-000000000200 \(.*File too large"):
        save(checkpoints, 200, 2.0)
    limit_file_size(None)
    assert list(first.parent.iterdir()) == [first]
    assert restored_value(checkpoints)[0] == 1.0
