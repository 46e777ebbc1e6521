"""Checkpoints: whole or not there."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints, restore


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
    _, state, problems = checkpoints.restore_newest("step", {"net": net})
    return float(net.weight[0]), state, problems


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


def test_unfinished_write_is_not_a_checkpoint(checkpoints):
    folder = save(checkpoints, 100, 1.0)
    folder.rename(folder.with_name(".step-000000000200"))
    assert checkpoints.restore_newest("step", {"net": Net()}) is None
    save(checkpoints, 200, 2.0)
    assert restored_value(checkpoints)[0] == 2.0


def test_other_shapes_are_said(checkpoints):
    folder = save(checkpoints, 100, 1.0)
    with pytest.raises(CheckpointError, match="does not fit"):
        restore(folder, {"net": Net(size=4)})
    with pytest.raises(CheckpointError, match="does not fit"):
        restore(folder, {"another": Net()})


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
