"""The walls of the house: who may import whom, and what an actor must never load."""

import ast
import re
from pathlib import Path

import pytest
from processes import loaded

PACKAGE = Path(__file__).parent.parent / "seed_matrace"
# Every part may import those in the rows below its own, and its own.
LAYERS = [
    {"cli", "__main__", "launch", "vertex"},
    {"actor", "inference", "learner", "evaluation", "viewer", "sc2_standin"},
    {"algo", "envs", "skirmish", "smac", "transport", "_cext"},
    {
        "types",
        "specs",
        "interpreter",
        "config",
        "config_effects",
        "fields",
        "files",
        "foreign_files",
        "arrays_file",
        "gin_bindings",
        "gin_files",
        "gin_statements",
        "pettingzoo_options",
        "smac_options",
    },
]
WITHOUT_TENSORFLOW = {"actor", "envs", "skirmish", "smac", "transport", "sc2_standin", "_cext", *LAYERS[-1]}


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path):
    layer_of = {part: index for index, layer in enumerate(LAYERS) for part in layer}
    own = layer_of[_part(path)]
    for module in _imports(path):
        name, _, rest = module.partition(".")
        if name == "seed_matrace" and rest:
            assert layer_of[rest.split(".")[0]] >= own, f"{path} imports {module}, which stands above it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_stays_with_the_learner(path):
    if _part(path) in WITHOUT_TENSORFLOW:
        assert not {module for module in _imports(path) if module.split(".")[0] in ("tensorflow", "keras")}


@pytest.mark.parametrize("path", sorted((PACKAGE / "algo").glob("*.py")), ids=lambda path: path.name)
def test_algorithm_knows_nothing_of_the_program(path):
    roots = {module.split(".")[0] for module in _imports(path)}
    assert not roots & {"gin", "absl", "logging"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_protobuf_and_websockets_stay_with_starcraft_ii(path):
    foreign = {module for module in _imports(path) if re.match(r"google.protobuf|s2clientprotocol|websockets", module)}
    assert not foreign or _part(path) == "sc2_standin" or path.name == "sc2_messages.py"


def test_no_file_is_called_utils():
    vague = {"utils", "util", "common", "misc", "helpers"}
    assert not [path for path in SOURCES if path.stem in vague or path.parent.name in vague]


def test_actor_loads_only_what_it_needs():
    statements = (
        "import numpy\n"
        "import seed_matrace.actor.actor, seed_matrace.cli, seed_matrace\n"
        "env = seed_matrace.make_vector_env('3m', 2, seed=0)\n"
        "env.reset(); env.step(numpy.ones((2, 3), numpy.int32))"
    )
    assert not loaded(statements, "tensorflow", "keras", "google.protobuf", "gymnasium", "pettingzoo")
