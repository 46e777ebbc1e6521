"""The table of backends is the only place that knows which there are."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.config import ConfigError, load_config
from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backends import BACKENDS, check_options
from seed_matrace.envs.registry import can_record, has_winner, plays_elsewhere
from seed_matrace.evaluation.recording import record_battle
from seed_matrace.evaluation.results import keys_of_run
from seed_matrace.fields import FieldError
from seed_matrace.sections.env import EnvConfig

PACKAGE = Path(__file__).parents[2] / "seed_matrace"
THE_TABLE, OF_PACKAGES = PACKAGE / "envs" / "backends.py", PACKAGE / "envs" / "pettingzoo_makers.py"  # Python's
ELSEWHERE = sorted(path for path in PACKAGE.rglob("*.py") if path not in (THE_TABLE, OF_PACKAGES))


def questions(source):
    """Lines that compare something with a backend's name, or look whether a text begins with one."""
    asking = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "removeprefix"):
            asked = node.args
        elif isinstance(node, (ast.MatchValue, ast.Subscript)):
            asked = [node]
        else:
            continue
        texts = {part.value for one in asked for part in ast.walk(one) if isinstance(part, ast.Constant)}
        if any(str(text).strip("-_ ") in BACKENDS for text in texts):
            asking.append(node.lineno)
    return asking


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_else_asks_for_a_backend_by_its_name(path):
    assert questions(path.read_text()) == [], f"{path}: ask the table for what it wants to know: a field of Backend"


@pytest.mark.parametrize(
    "source",
    [
        "env.backend == 'starcraft2'",
        "config.env.backend in ('skirmish', 'starcraft2')",
        "'counting' != backend",
        "backend.startswith('pettingzoo')",
        "name.removeprefix('skirmish-')",
        "match env.backend:\n    case 'counting':\n        pass",
        "{'skirmish': 1}[env.backend]",
    ],
)
def test_such_a_question_is_seen(source):
    assert questions(source)


@pytest.mark.parametrize(("name", "near"), [("skirmsh", "skirmish"), ("Counting", "counting"), ("sc2", "")])
def test_unknown_backend_is_refused_where_it_is_read(name, near):
    said = f"env.backend must be one of {', '.join(map(repr, BACKENDS))}, not {name!r}"
    for read in (lambda: EnvConfig(backend=name), lambda: load_config([], [f"env.backend = {name!r}"])):
        with pytest.raises(ConfigError) as refused:
            read()
        assert said in str(refused.value)
        assert not near or str(refused.value).endswith(f"; did you mean {near!r}?")


def test_what_the_backends_are():
    """Name: somebody wins, games in programs of their own, replays, where results stand."""
    known = {
        "skirmish": (True, False, True, "smac-skirmish-3"),
        "starcraft2": (True, True, True, "smac-sc2-4.10"),
        "pettingzoo": (False, False, False, "pettingzoo-mpe2-1.1.1"),
        "counting": (True, False, False, "smac-counting-1"),
    }
    assert list(known) == list(BACKENDS)[: len(known)]  # there may be more
    for name, facts in known.items():
        env = EnvConfig(backend=name)
        environment = keys_of_run(facts[-1].removeprefix("smac-"), "3m", 1)[0]
        assert (has_winner(env), plays_elsewhere(env), can_record(env), environment) == facts
    assert has_winner(EnvConfig(backend="pettingzoo", won_info="won"))


def test_every_option_is_some_backends():
    options = set().union(*(backend.options for backend in BACKENDS.values()))
    assert options == set(EnvConfig.__dataclass_fields__) - {"map_name", "backend", "frame_stack"}
    for backend in BACKENDS.values():
        assert bool(backend.idle_options) == bool(backend.idle_reason)
        assert not backend.options & backend.idle_options


@pytest.fixture
def changed(monkeypatch):
    """Puts a backend like another one, but for some fields, into the table."""

    def change(name, like="counting", **fields):
        monkeypatch.setitem(BACKENDS, name, dataclasses.replace(BACKENDS[like], name=name, **fields))

    return change


@pytest.mark.parametrize(
    ("name", "like", "environment"),
    [
        ("counting-toy", "pettingzoo", "counting-toy-1"),  # none of SMAC's, though "counting" is
        ("pettingzoo-toy", "counting", "smac-pettingzoo-toy-1"),
    ],
)
def test_results_stand_where_the_table_says_whatever_the_name_begins_with(changed, name, like, environment):
    changed(name, like)
    assert keys_of_run(f"{name}-1", "3m", 1)[0] == environment
    assert keys_of_run("counting-1", "3m", 1)[0] == "smac-counting-1"
    assert keys_of_run("unheard-of-1", "3m", 1)[0] == "unheard-of-1"


@pytest.mark.parametrize(
    ("title", "options", "said"),
    [
        ("the toy", {"won_info"}, "won_info is of the toy: env.backend = 'pettingzoo' expected"),
        ("", {"won_info"}, "won_info is of another backend: env.backend = 'pettingzoo' expected"),
        ("", set(), "won_info is of no backend: one in the table of backends must have it in its `options`"),
    ],
)
def test_an_option_of_another_backend_is_one_sentence(changed, title, options, said):
    changed("pettingzoo", "pettingzoo", title=title, options=frozenset(options))
    with pytest.raises(FieldError) as refused:
        check_options(EnvOptions(won_info="won"))
    assert str(refused.value) == said


def test_a_backend_that_says_it_records_and_does_not_is_one_sentence(changed):
    changed("counting", can_record=True)
    with pytest.raises(RuntimeError, match=r"'counting' says can_record, and its environments have no record\(\)"):
        record_battle(EnvConfig(backend="counting"), np.zeros((1, 2), np.int32), None, seed=0, battle=0)
