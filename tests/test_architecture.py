"""The walls of the house: who may import whom, and what an actor must never load."""

import ast
import graphlib
import re
from pathlib import Path

import pytest
from processes import loaded

PACKAGE = Path(__file__).parent.parent / "seed_matrace"
# From top to bottom: a room may import those below it and itself, for types too.
ROOMS = (
    *("__main__", "cli", "vertex", "bench", "sweeps", "training", "viewer", "actor", "evaluation", "learner"),
    *("inference", "algo", "training_env", "config_effects", "config", "gin_bindings", "gin_statements", "gin_files"),
    *("envs", "sc2_standin", "starcraft2", "transport", "smac", "skirmish", "vector_env"),
    *("env_options", "pettingzoo_options", "smac_options"),
    *("specs", "types", "replay", "arrays_file", "files", "foreign_files", "fields", "interpreter", "version", "_cext"),
)
LINES_OF_A_FUNCTION = 60
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
WITH_TENSORFLOW = {
    *(
        "__main__",
        "cli",
        "vertex",
        "bench",
        "sweeps",
        "training",
        "viewer",
        "evaluation",
        "learner",
        "inference",
        "algo",
    ),
}


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Modules that a file imports: inside functions, for types and, of our own, by name too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {name.value for name in node.args if isinstance(name, ast.Constant) and _is_ours(name.value)}
    return found


def _rooms(path: Path) -> set[str]:
    """Rooms that a file imports from, or "the package itself": that, or something of it that is no room."""
    inside = {(*module.split("."), "")[1] for module in _imports(path) if _is_ours(module)}
    return {room if room in ROOMS else "the package itself" for room in inside}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "seed_matrace"


SOURCES = sorted({*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")} - {PACKAGE / "__init__.py"})


def _file_of(module: str) -> Path | None:
    """The file of a module, or of the one that holds a name."""
    parts = module.split(".")[1:]
    for path in (PACKAGE.joinpath(*parts), PACKAGE.joinpath(*parts[:-1])):
        for file in (path.with_suffix(".py"), path.with_suffix(".pyi"), path / "__init__.py"):
            if parts and file in SOURCES:
                return file
    return None


def test_every_room_has_its_place():
    inside = {_part(path) for path in SOURCES}
    assert len(set(ROOMS)) == len(ROOMS) and inside == set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    below = ROOMS[ROOMS.index(_part(path)) :]
    up = _rooms(path) - set(below)
    assert not up, f"{path} imports from {', '.join(sorted(up))}, which {_part(path)} stands below"


def test_no_files_import_each_other():
    graph = {path: {_file_of(module) for module in _imports(path) if _is_ours(module)} - {path} for path in SOURCES}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_stays_with_the_learner(path):
    if _part(path) not in WITH_TENSORFLOW:
        assert not {module for module in _imports(path) if module.split(".")[0] in ("tensorflow", "keras")}


@pytest.mark.parametrize("path", sorted((PACKAGE / "algo").glob("*.py")), ids=lambda path: path.name)
def test_algorithm_knows_nothing_of_the_program(path):
    roots = {module.split(".")[0] for module in _imports(path)}
    assert not roots & {"gin", "absl", "logging"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_protobuf_and_websockets_stay_with_starcraft_ii(path):
    foreign = {module for module in _imports(path) if re.match(r"google.protobuf|s2clientprotocol|websockets", module)}
    assert not foreign or _part(path) == "sc2_standin" or path == PACKAGE / "starcraft2" / "messages.py"


@pytest.mark.parametrize("path", [PACKAGE / "__init__.py", *SOURCES], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_are_short(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTION)]
    long = [node.name for node in functions if node.end_lineno - node.lineno + 1 > LINES_OF_A_FUNCTION]
    assert not long, f"{path}: {', '.join(long)} above {LINES_OF_A_FUNCTION} lines, signature and docstring included"


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
