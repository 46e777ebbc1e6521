"""What a command line may go on with, as the program says it and as real shells type it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seed_matrace import cli
from seed_matrace.skirmish.maps import map_names

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}


def completions(line, capsys):
    assert cli.main(["completion", "--", line]) == 0
    return capsys.readouterr().out.split()


def quoted(prefix, *words):
    return [f"{prefix}\\'{word}\\'" for word in words]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seed-matrace tra", ["train"]),
        ("seed-matrace train --num_a", ["--num_actors="]),
        ("seed-matrace train  --trace", ["--traceback"]),
        ("seed-matrace train --gin_file=maps/8m", ["--gin_file=maps/8m.gin", "--gin_file=maps/8m_vs_9m.gin"]),
        ("seed-matrace train --gin_file maps/27", ["maps/27m_vs_30m.gin"]),
        ("seed-matrace train --gin_param=loss.disc", ["--gin_param=loss.discount="]),
        ("seed-matrace train --gin_param=env.map_name=\\'8", quoted("--gin_param=env.map_name=", "8m", "8m_vs_9m")),
        ("seed-matrace sweep --grid=network.dtype=", quoted("--grid=network.dtype=", "bfloat16", "float32")),
        ("seed-matrace sweep --grid=optimizer.learning", ["--grid=optimizer.learning_rate="]),
        ("seed-matrace eval --checkpoint=", ["--checkpoint=best", "--checkpoint=latest"]),
        ("seed-matrace eval --run_dir=", []),
        ("seed-matrace plot ", []),
        ("seed-matrace bench e", ["end_to_end", "env"]),
        ("seed-matrace train maps/27", ["maps/27m_vs_30m.gin"]),
        ("seed-matrace vertex c", ["cancel"]),
        ("seed-matrace vertex maps/3s5z", ["maps/3s5z.gin", "maps/3s5z_vs_3s6z.gin"]),
        ("seed-matrace completion f", ["fish"]),
        ("seed-matrace zoo f", ["fetch"]),
        ("seed-matrace trian --", []),
        ("seed-matrace train --no_such_flag=", []),
    ],
)  # fmt: skip
def test_words_that_a_line_may_go_on_with(line, words, capsys):
    assert completions(line, capsys) == words


def test_every_command_and_flag_and_map_is_offered(capsys):
    assert completions("seed-matrace ", capsys) == sorted(cli.COMMANDS)
    assert completions("seed-matrace doctor --play=", capsys) == sorted(f"--play={name}" for name in map_names())
    for name in cli.COMMANDS:
        assert cli.main([name, "--help"]) == 0
        shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  --")}
        assert shown == {word.rstrip("=") for word in completions(f"seed-matrace {name} -", capsys)}, name


SEED_MATRACE = """\
#!/usr/bin/env bash
if [[ $1 == completion ]]; then exec "$PYTHON" -m seed_matrace "$@"; fi
printf '%s\\n' "$@" >typed.part && mv typed.part typed
"""


@pytest.fixture
def folder(tmp_path):
    """Where somebody works whose ``seed-matrace`` completes as ours and writes down how it was called."""
    (tmp_path / "seed-matrace").write_text(SEED_MATRACE)
    (tmp_path / "seed-matrace").chmod(0o755)
    (tmp_path / "runs_of_mine").mkdir()
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": sys.executable, "TERM": "dumb"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_types_what_was_meant(shell, folder):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(SHELLS[shell][0], SHELLS[shell], environment(folder))
    keys = f"source <(seed-matrace completion {shell})\n"
    keys += "seed-matrace tra\t--gin_fi\tmaps/2c\t--gin_par\tenv.map_n\t\\'27\t--run_dir=runs_o\t\n"
    if shell == "zsh":
        keys = "autoload -U compinit; compinit -u -D\n" + keys
    shown = b""
    try:
        os.write(terminal, keys.encode())
        deadline = time.monotonic() + 120
        while not (folder / "typed").exists():
            assert time.monotonic() < deadline, shown.decode(errors="replace")
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
    finally:
        os.close(terminal)
        os.waitpid(process, 0)
    train, gin_file, gin_param, run_dir = (folder / "typed").read_text().split()
    assert (train, gin_file) == ("train", "--gin_file=maps/2c_vs_64zg.gin")
    assert gin_param == "--gin_param=env.map_name='27m_vs_30m'"
    assert run_dir.rstrip("/") == "--run_dir=runs_of_mine"


def test_fish_offers_the_words(folder):
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    lines = {"tra": "train", "train --gin_file=maps/2c": "--gin_file=maps/2c_vs_64zg.gin"}
    script = "; ".join(
        ["seed-matrace completion fish | source", *(f"complete -C 'seed-matrace {line}'" for line in lines)]
    )
    result = subprocess.run(
        ["fish", "-c", script], env=environment(folder), capture_output=True, text=True, timeout=120
    )
    assert set(lines.values()) <= set(result.stdout.split()), result
