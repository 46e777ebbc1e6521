"""Every command of the documentation: ours through the real parser and configuration, others by what they name."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

import pytest
from pages import ALL, ROOT

from seed_matrace.cli.bench import BENCH_PARTS
from seed_matrace.cli.dispatch import COMMANDS, parsed
from seed_matrace.config import load_config
from seed_matrace.modules import read_modules, registry_of

# What our own commands do not parse, and who looks after it.
OTHERS = {
    # the shell's own, and plain tools
    *(
        "cd",
        "do",
        "done",
        "echo",
        "eval",
        "export",
        "for",
        "mkdir",
        "seq",
        "sleep",
        "source",
        "touch",
        "umask",
        "wait",
        "while",
    ),
    *("apt-get", "tensorboard"),  # programs of others
    "gcloud",  # needs an account
    "openssl",  # tests/integration/test_recipes.py runs these
}


def _simple_commands(block) -> Iterator[list[str]]:
    """The words of each command in a block, without settings of the environment, loops, redirections and comments."""
    for line in block.commands():
        lexer = shlex.shlex(re.sub(r"\$\w+", "1", line), posix=True, punctuation_chars=";&|()<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if set(token) <= set(";&|()"):
                if words := _without_prefixes(words):
                    yield words
                words = []
            else:
                words.append(token)


def _without_prefixes(words: list[str]) -> list[str]:
    if ">" in "".join(words):
        cut = next(i for i, word in enumerate(words) if set(word) <= set("<>&12") and ">" in word)
        words = words[:cut]
    while words:
        if re.match(r"\w+=", words[0]) or words[0] in ("do", "!", "while", "nohup"):
            words = words[1:]
        elif words[0] in ("taskset", "nice"):
            words = words[3:]
        else:
            break
    return words


def _check_ours(words: list[str]) -> None:
    """Parses a command of ours; loads the configuration that it names."""
    name, arguments = words[1], words[2:]
    assert name in COMMANDS
    values, positional = parsed(name, arguments)
    if name == "bench":
        assert positional[0] in BENCH_PARTS
    gin_files = values.gin_file if "gin_file" in values else []
    shipped = [path for path in gin_files if path != "mine.gin"]  # the tutorial's own
    params = list(values.gin_param) if "gin_param" in values else []
    for axis in values.gin_axis if "gin_axis" in values else []:
        shipped += axis.split(",")
    for grid in values.grid if "grid" in values else []:
        option, _, choices = grid.partition("=")
        params.append(f"{option}={choices.strip('[]').split(',')[0]}")
    modules = read_modules(ROOT / path for path in values.module) if "module" in values else ()
    load_config(shipped, params, registry=registry_of(modules))


def _check_run_local(words: list[str]) -> None:
    arguments = words[1:]
    if len(arguments) > 1 and arguments[1].isdigit():
        arguments[1] = f"--num_actors={arguments[1]}"
    _check_ours(["seed-matrace", "train", *arguments])


def _check_submit(words: list[str]) -> None:
    _check_ours(["seed-matrace", "vertex", *words[1:]])


def _check_ray(words: list[str]) -> None:
    """Ray needs a cluster; what it is to run there is ours."""
    handed_over = words[words.index("--") + 1 :] if "--" in words else shlex.split(words[-1])
    if "seed-matrace" in handed_over:
        _check_ours(handed_over)


def _check_make(words: list[str]) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words[1:]) <= set(targets)


def _check_pip(words: list[str]) -> None:
    text = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = re.findall(r"^(\w+) = ", text, re.MULTILINE)
    for wanted in re.findall(r"\[([\w,]+)\]", " ".join(word for word in words if not word.startswith("ray["))):
        assert set(wanted.split(",")) <= set(extras)
    assert not any(word.startswith("seed_matrace") for word in words), "it is installed from a checkout"


def _check_paths(words: list[str]) -> None:
    """Scripts and tests that are named are there; what -m names can be found."""
    for word in words:
        if re.fullmatch(r"[\w./-]+/[\w.-]+(\.py|\.sh|run)", word) and not word.startswith("src/"):
            assert (ROOT / word).exists(), word


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "seed-matrace": _check_ours,
    "./run_local.sh": _check_run_local,
    "./gcp/submit.sh": _check_submit,
    "ray": _check_ray,
    "make": _check_make,
    "pip": _check_pip,
    **dict.fromkeys(("./run_tests.sh", "bash", "python", "python3"), _check_paths),
}
COMMAND_BLOCKS = [block for block in ALL if block.commands()]


@pytest.mark.parametrize("block", COMMAND_BLOCKS, ids=lambda block: f"{block.page}:{block.text[:40].strip()}")
def test_command_is_one_that_there_is(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    for words in _simple_commands(block):
        program = words[0].split("/bin/")[-1]
        if program in CHECKS:
            try:
                CHECKS[program](words)
            except Exception as error:
                raise AssertionError(f"{shlex.join(words)}: {error}") from error
        else:
            assert program in OTHERS, f"{block.page} has a command that nobody tries: {shlex.join(words)}"


def test_blocks_of_bash_are_bash():
    text = "\n".join(f"f{i}() {{\n{block.text}\n}}" for i, block in enumerate(ALL) if block.language == "bash")
    result = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "block", [block for block in ALL if block.language == "python"], ids=lambda block: f"{block.page}:{block.text[:40]}"
)
def test_python_names_what_there_is(block):
    compile(block.text, block.page, "exec")
    for line in re.findall(r"^(?:from|import) seed_matrace.*$", block.text, re.MULTILINE):
        try:
            exec(line, {})
        except ImportError as error:  # tests/clients runs it where the library is
            if "brings what this module is for" not in str(error):
                raise
