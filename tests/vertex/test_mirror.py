"""The copy of a run in the bucket: whole at any moment, and enough to go on from."""

import shutil

import pytest

from seed_matrace.learner.checkpoints import Checkpoints
from seed_matrace.vertex import mirror as mirror_module
from seed_matrace.vertex.cluster import JobFolders
from seed_matrace.vertex.mirror import Mirror


@pytest.fixture
def folders(tmp_path):
    return JobFolders(tmp_path / "gcs" / "checkpoints", tmp_path / "gcs" / "logs")


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    for name in ("operative_config.gin", "metrics.jsonl", "tb/events.1", ".lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def checkpoint(run_dir, env_steps):
    return Checkpoints(run_dir / "checkpoints", keep=2).save("step", env_steps, {}, {"env_steps": env_steps})


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_run_comes_back_on_another_host(run_dir, folders, tmp_path):
    checkpoint(run_dir, 100)
    (run_dir / "checkpoints" / ".step-000000000200").mkdir()
    Mirror(run_dir, folders).save()
    assert (folders.tensorboard / "events.1").exists()
    there = tmp_path / "another host"
    assert Mirror(there, folders).restore()
    expected = tree(run_dir)
    del expected[".lock"]
    assert tree(there) == expected


def test_nothing_is_restored_over_a_run_or_from_nowhere(run_dir, folders, tmp_path):
    assert not Mirror(tmp_path / "new", folders).restore()
    Mirror(run_dir, folders).save()
    (run_dir / "metrics.jsonl").write_text("newer")
    assert not Mirror(run_dir, folders).restore()
    assert (run_dir / "metrics.jsonl").read_text() == "newer"


def test_only_what_changed_is_copied_again(run_dir, folders, monkeypatch):
    copied = []
    monkeypatch.setattr(mirror_module, "_copy", lambda source, target: copied.append(source.name))
    checkpoint(run_dir, 100)
    mirror = Mirror(run_dir, folders)
    mirror.save()
    assert copied[-1] == "state.json"
    copied.clear()
    with (run_dir / "metrics.jsonl").open("a") as file:
        file.write("more")
    mirror.save()
    assert copied == ["metrics.jsonl"]


def test_old_checkpoints_go_and_new_ones_come(run_dir, folders):
    mirror = Mirror(run_dir, folders)
    for env_steps in (100, 200, 300):
        checkpoint(run_dir, env_steps)
        mirror.save()
    names = sorted(path.name for path in (folders.run / "checkpoints").iterdir())
    assert names == ["step-000000000200", "step-000000000300"]


def test_copy_that_was_cut_short_is_no_checkpoint(run_dir, folders, monkeypatch, tmp_path):
    checkpoint(run_dir, 100)
    Mirror(run_dir, folders).save()
    checkpoint(run_dir, 200)

    def until_the_host_is_lost(source, target):
        if source.name == "state.json" and "200" in source.parent.name:
            raise OSError("gone")
        shutil.copyfile(source, target) if target.parent.is_dir() else None

    monkeypatch.setattr(mirror_module, "_copy", until_the_host_is_lost)
    with pytest.raises(OSError, match="gone"):
        Mirror(run_dir, folders).save()
    monkeypatch.undo()
    there = tmp_path / "another host"
    Mirror(there, folders).restore()
    restored = Checkpoints(there / "checkpoints", keep=2).restore_newest("step", {})
    assert restored is not None and restored.state["env_steps"] == 100


def test_rewritten_checkpoint_is_torn_while_it_is_copied(run_dir, folders, monkeypatch):
    saved = checkpoint(run_dir, 100)
    mirror = Mirror(run_dir, folders)
    mirror.save()
    shutil.rmtree(saved)  # a run that went back came by its step again
    checkpoint(run_dir, 100)
    there = []
    copy = mirror_module._copy

    def watched(source, target):
        there.append((folders.run / "checkpoints" / saved.name / "state.json").exists())
        copy(source, target)

    monkeypatch.setattr(mirror_module, "_copy", watched)
    mirror.save()
    assert there and not any(there)
    assert (folders.run / "checkpoints" / saved.name / "state.json").exists()
