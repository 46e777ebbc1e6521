"""Replay files: what is written is read, and what is not a replay is said to be none."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from seed_matrace.replay import FORMAT, Replay, read_replay, write_replay
from seed_matrace.skirmish.recording import describe
from seed_matrace.skirmish.units import load_unit_type


@pytest.fixture
def replay() -> Replay:
    """Three env steps of two frames each; two marines against one medivac."""
    rng = np.random.default_rng(5)
    types = {name: describe(load_unit_type(name)) for name in ("Marine", "Medivac")}
    return Replay(
        about={
            "map": "arena", "backend": "skirmish-2", "n_agents": 2, "units": ["Marine", "Marine", "Medivac"],
            "types": types, "frames_per_step": 2, "loops_per_frame": 1, "sight_range": 9.0, "battle_won": True,
        },
        units=rng.integers(0, 65536, (7, 5, 3)).astype(np.uint16),
        events=np.array([[1, 0, 0, 2, 0], [2, 1, 0, 2, 96]], np.uint32),
        intents=rng.integers(0, 3, (3, 2, 3)).astype(np.int16),
        actions=rng.integers(0, 7, (3, 2)).astype(np.int16),
        avail_actions=rng.integers(0, 2, (3, 2, 7)).astype(np.uint8),
        probabilities=rng.integers(0, 65536, (3, 2, 7)).astype(np.uint16),
        values=rng.random((3, 1), np.float32),
        rewards=rng.random(3, np.float32),
        ground=rng.integers(0, 3, (4, 5)).astype(np.uint8),
        height=rng.integers(0, 256, (4, 5)).astype(np.uint8),
    )  # fmt: skip


def test_what_is_written_is_read(replay, tmp_path):
    path = write_replay(tmp_path / "new" / "a.npz", replay)
    read = read_replay(path)
    assert read.about == {"format": FORMAT, **replay.about}
    for name, array in replay.arrays().items():
        np.testing.assert_array_equal(getattr(read, name), array)
        assert getattr(read, name).dtype == array.dtype
    assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.99])
def test_a_torn_file_is_one_sentence(replay, tmp_path, fraction):
    path = write_replay(tmp_path / "a.npz", replay)
    data = path.read_bytes()
    path.write_bytes(data[: int(fraction * len(data))])
    with pytest.raises(ValueError, match=r"a\.npz is not a replay of this program, or damaged: .") as caught:
        read_replay(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_replay_is_one_sentence(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "objects.npz", about=np.array([{"format": FORMAT}], object))
    np.savez(
        tmp_path / "newer.npz", about=np.frombuffer(json.dumps({"format": "seed_matrace replay 9"}).encode(), "u1")
    )
    for name in ("text", "other", "objects", "newer"):
        with pytest.raises(ValueError, match=rf"{name}\.npz is not a replay"):
            read_replay(tmp_path / f"{name}.npz")
    with pytest.raises(ValueError, match="'seed_matrace replay 9'"):
        read_replay(tmp_path / "newer.npz")
    (tmp_path / "former.json").write_text('{"format":"seed_matrace units 1","map":"3m"}')
    with pytest.raises(
        ValueError, match=r"former\.json is what save_replay\(\) wrote before .* save the battle again$"
    ):
        read_replay(tmp_path / "former.json")
    with pytest.raises(ValueError, match="No such file"):
        read_replay(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("actions", np.zeros((3, 3), np.int16), "actions"),
        ("units", np.zeros((6, 5, 3), np.uint16), r"units is uint16 \(6, 5, 3\); <u2 \(7, 5, 3\) expected"),
        ("rewards", np.zeros(3, np.float64), "rewards is float64"),
        ("events", np.array([[9, 0, 0, 0, 0]], np.uint32), "an event of a frame"),
        ("events", np.array([[1, 0, 3, 0, 0]], np.uint32), "a unit that there is not"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(replay, tmp_path, field, value, said):
    with pytest.raises(ValueError, match=said):
        write_replay(tmp_path / "a.npz", dataclasses.replace(replay, **{field: value}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"frames_per_step": True}, "frames_per_step is True; 1 to 1000 expected"),
        ({"n_agents": 4}, "n_agents is 4; at most 3 units"),
        ({"loops_per_frame": 0}, "loops_per_frame is 0"),
        ({"sight_range": "9"}, "sight_range is '9'"),
        ({"env_steps": "many"}, "env_steps is 'many'"),
        ({"map": "a\x1b[31m"}, "map is .*a name expected"),
        ({"units": ["Marine", 2, "Medivac"]}, "units is"),
        ({"types": {"Marine": {}}}, r"types\.Marine\.radius is None"),
    ],
)
def test_what_is_said_of_a_battle_must_be_what_can_be_shown(replay, tmp_path, about, said):
    with pytest.raises(ValueError, match=rf"about\.{said}"):
        write_replay(tmp_path / "a.npz", dataclasses.replace(replay, about=replay.about | about))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("about", b"[" * 10_000 + b"]" * 10_000, "levels deep"),
        ("about", b'{"format": "seed_matrace replay 1", "map": NaN}', "map is not a finite number"),
        ("about", b'["seed_matrace replay 1"]', "its format is None"),
        ("rewards", np.array([0, np.nan, 0], np.float32), "rewards are not all finite"),
        ("values", np.array([[0], [np.inf], [0]], np.float32), "values are not all finite"),
        ("units", np.zeros((7, 5, 3)), "units is float64"),
        ("units", np.array(3, np.uint16), r"units is uint16 \(\)"),
        ("actions", np.full((3, 2), 7, np.int16), "actions are from 7 to 7; 0 to 6 expected"),
        ("intents", np.full((3, 2, 3), 3, np.int16), "targets of intents are from 3 to 3"),
        ("events", np.array([[2, 0, 0, 2, 0], [1, 1, 0, 2, 96]], np.uint32), "not in the order"),
        ("ground", np.zeros((4, 5), np.uint8), "ground is .* a walkable one"),
        ("height", None, "no array 'height'"),
        ("extra", np.zeros(3), "12 arrays; at most 11"),
    ],
)
def test_files_of_others_are_refused_in_one_sentence(replay, tmp_path, name, value, said):
    arrays = dict(np.load(write_replay(tmp_path / "a.npz", replay)))
    arrays[name] = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
    np.savez(tmp_path / "a.npz", **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=rf"a\.npz is not a replay of this program, or damaged: .*{said}") as caught:
        read_replay(tmp_path / "a.npz")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_replay_that_leaves_something_out_is_refused(replay, tmp_path):
    for name in ("map", "units", "frames_per_step", "types"):
        about = {key: value for key, value in replay.about.items() if key != name}
        with pytest.raises(ValueError, match=rf"about\.{name} is None"):
            write_replay(tmp_path / "a.npz", dataclasses.replace(replay, about=about))
    with pytest.raises(ValueError, match="Marine"):
        write_replay(tmp_path / "a.npz", dataclasses.replace(replay, about={**replay.about, "types": {"Medivac": {}}}))


def test_a_full_disk_leaves_no_half_a_replay(replay, tmp_path, limit_file_size):
    path = write_replay(tmp_path / "a.npz", replay)
    before = path.read_bytes()
    limit_file_size(100)
    with pytest.raises(OSError, match=r"cannot write .*a\.npz"):
        write_replay(path, dataclasses.replace(replay, rewards=replay.rewards + 1))
    limit_file_size(None)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
