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
    *("__main__", "cli", "vertex", "bench", "sweeps", "training", "zoo", "viewer", "actor", "evaluation", "learner"),
    *("inference", "research", "algo", "training_env", "config_effects", "config", "sections", "modules"),
    "registered",
    *("gin_bindings", "gin_statements", "gin_files"),
    *("envs", "sc2_standin", "starcraft2", "transport", "smac", "skirmish", "vector_env"),
    *("env_options", "pettingzoo_options", "smac_options"),
    *("specs", "unit_columns", "types", "replay"),
    *("arrays_file", "files", "foreign_files", "fields", "interpreter", "version", "_cext"),
)
LINES_OF_A_FUNCTION = 60
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
WITH_TENSORFLOW = ("__main__", "cli", "vertex", "bench", "sweeps", "training", "zoo", "viewer", "evaluation", "learner")
FOREIGN = {  # what begins so may be imported in these rooms and files, and nowhere else
    "tensorflow|keras": (*WITH_TENSORFLOW, "inference", "algo"),
    "google.protobuf|s2clientprotocol|websockets": ("sc2_standin", "starcraft2/messages.py"),
    "gymnasium|pettingzoo": tuple(
        f"envs/{name}.py"
        for name in ("gymnasium", "gymnasium_env", "pettingzoo", "pettingzoo_makers", "pettingzoo_spaces")
    ),
    "tf2onnx": ("evaluation/export.py",),
    "torch|tensordict|benchmarl": ("envs/torchrl.py", "envs/benchmarl.py"),
    "mlflow|wandb": ("training/mlflow_sink.py", "training/sinks.py", "training/wandb_sink.py"),
    "tests|twins|processes|conftest": (),
}
BY_A_NAME = {  # these files import what only their input or the machine names
    *(
        "gin_bindings.py",
        "modules.py",
        "envs/pettingzoo_makers.py",
        "starcraft2/installation.py",
        "starcraft2/messages.py",
    ),
}
IMPORTERS = {"import_module", "__import__", "exec_module", "load_module", "runpy", "pkgutil", "exec", "eval"}
NAMED = r"seed_matrace\.[\w.]+|(tensorflow|keras|gymnasium|tests|twins)[\w.]*"


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path, *, for_types: bool = True) -> set[str]:
    """Modules that a file imports: inside functions too, and those that only annotations need if ``for_types``."""
    tree, found = ast.parse(path.read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types:
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _rooms(path: Path, *, for_types: bool = True) -> set[str]:
    """Rooms that a file imports from, or "the package itself": that, or something of it that is no room."""
    inside = {(*module.split("."), "")[1] for module in _imports(path, for_types=for_types) if _is_ours(module)}
    return {room if room in ROOMS else "the package itself" for room in inside}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "seed_matrace"


def _words(path: Path) -> set[str]:
    """Every name and every part of one that a file's code holds."""
    fields = {ast.Name: "id", ast.Attribute: "attr", ast.alias: "name"}
    nodes = ast.walk(ast.parse(path.read_text()))
    return {word for node in nodes if (field := fields.get(type(node))) for word in getattr(node, field).split(".")}


ROOT_FILE = PACKAGE / "__init__.py"
SOURCES = sorted({*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")} - {ROOT_FILE})
CYTHON = sorted((PACKAGE.parent / "cext").glob("*.p[yx][xd]"))


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


every_file = pytest.mark.parametrize("path", [ROOT_FILE, *SOURCES], ids=_name)


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


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_imports_point_down(path):
    below = ROOMS[ROOMS.index(_part(path)) :]
    up = _rooms(path) - set(below)
    assert not up, f"{path} imports from {', '.join(sorted(up))}, which {_part(path)} stands below"


def test_no_files_import_each_other():
    graph = {path: {_file_of(module) for module in _imports(path) if _is_ours(module)} - {path} for path in SOURCES}
    graphlib.TopologicalSorter(graph).prepare()


@every_file
def test_libraries_are_imported_where_they_belong(path):
    here = {_part(path), _name(path)}
    elsewhere = "|".join(libraries for libraries, homes in FOREIGN.items() if not here & {*homes})
    foreign = {module for module in _imports(path) if re.match(elsewhere, module)}
    assert not foreign, f"{path} imports {', '.join(sorted(foreign))}"


@every_file
def test_only_files_that_must_import_by_a_name(path):
    if _name(path) not in BY_A_NAME:
        assert not _words(path) & IMPORTERS
        return
    texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    assert not {text for text in texts if isinstance(text, str) and re.fullmatch(NAMED, text)}


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.name)
def test_compiled_code_imports_nothing_of_ours(path):
    code = re.sub(r'(?s:""".*?""")|#.*', "", path.read_text())
    assert "seed_matrace" not in code and not re.search(r"\b(__import__|import_module)\b", code)


@pytest.mark.parametrize("path", sorted((PACKAGE / "algo").glob("*.py")), ids=lambda path: path.name)
def test_algorithm_knows_nothing_of_the_program(path):
    roots = {module.split(".")[0] for module in _imports(path)}
    assert not roots & {"gin", "absl", "logging"}
    known = {"algo", "registered", "specs", "types", "unit_columns"}
    assert _rooms(path, for_types=False) <= known and _rooms(path) <= {*known, "config", "sections"}


@every_file
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
