"""Scenario files with anything in them: they are played, or one sentence names a field."""

from __future__ import annotations

import copy
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.scenario import FIELDS
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

RANDOM = {
    "terrain": {"rows": ["...."] * 4}, "episode_limit": 5, "races": ["P", "P"], "enemy_order": {"kind": "hunt"},
    "draw": {
        "units": {"Stalker": 1, "Zealot": 2}, "n_allies": 2, "n_enemies": 3, "exception_unit_types": ["Zealot"],
        "start": {"surround": 1, "reflect": 1, "boxes": {"allies": [[0, 0, 2, 2]], "enemies": [[2, 2, 4, 4]]}},
    },
}  # fmt: skip
ODD = [
    None, True, False, 0, 1, -1, 2, 3.5, 1e308, float("nan"), float("-inf"), 10**30, 129, "", "Marine", "T", "x" * 3000,
    "\x1b[31m", "\ud800", "../x", [], [0], [1, 2], [1, 2, 3, 4], [[1, 2]], {}, {"kind": "none"}, {"rows": []},
]  # fmt: skip
CHANGES = ("delete", "replace", "replace by text", "twice", "nest", "move")


def documents() -> list[Any]:
    folder = resources.files("seed_matrace.skirmish") / "data" / "maps"
    return [RANDOM, *(json.loads((folder / f"{name}.json").read_text()) for name in map_names())]


DOCUMENTS = documents()


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *places(value[key]))]


def changed(document: Any, change: str, where: int, odd: Any) -> Any:
    """``document`` with one thing in it changed."""
    found = places(document)
    if not found:
        return odd
    container, key = found[where % len(found)]
    other, other_key = found[(where // 7) % len(found)]
    if change == "delete":
        del container[key]
    elif change == "replace by text":
        container[key] = json.dumps(container[key])
    elif change == "nest":
        container[key] = [container[key]]
    elif change == "move":
        container[key] = copy.deepcopy(other[other_key])
    elif change == "twice" and isinstance(container, list):
        container.append(container[key])
    elif change == "twice":
        container[f"{key}s"] = container[key]
    else:
        container[key] = copy.deepcopy(odd)
    return document


def play(path: Path) -> None:
    """A few steps, or a ValueError that names a field."""
    try:
        env = SkirmishVectorEnv(str(path), 1, seed=0)
    except ValueError as error:
        said = str(error)
        assert "\n" not in said and len(said) < 1000
        about = re.match(rf"scenario {re.escape(str(path))}: (.+)", said)
        assert about, said
        assert about[1].startswith(("it is ", "the document ", *known_names(path))), said
        return
    env.reset()
    for _ in range(3):
        env.step(env.sample_actions())


def known_names(path: Path) -> list[str]:
    document = json.loads(path.read_text())
    return [name for name in (*FIELDS, *(document if isinstance(document, dict) else ())) if name]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "map.json"


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(
    st.integers(0, len(DOCUMENTS) - 1),
    st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 10_000), st.sampled_from(ODD)), min_size=1, max_size=3),
)
def test_changed_maps_are_played_or_refused_by_field(path: Path, number: int, changes: list[Any]) -> None:
    document = copy.deepcopy(DOCUMENTS[number])
    for change in changes:
        document = changed(document, *change)
    path.write_text(json.dumps(document))
    play(path)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    st.integers(0, len(DOCUMENTS) - 1),
    st.integers(0, 10_000),
    st.sampled_from([b"", b"9", b"{", b'"', b"\xff", b"e9999"]),
)
def test_torn_and_spoilt_text_is_played_or_refused(path: Path, number: int, where: int, bad: bytes) -> None:
    text = json.dumps(DOCUMENTS[number]).encode()
    where %= len(text)
    path.write_bytes(text[:where] + bad + (text[where + 1 :] if bad else b""))
    try:
        json.loads(path.read_bytes())
    except ValueError:
        with pytest.raises(ValueError, match=rf"scenario {re.escape(str(path))}: it is "):
            SkirmishVectorEnv(str(path), 1, seed=0)
    else:
        play(path)
