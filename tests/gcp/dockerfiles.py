"""Dockerfiles without Docker: reads one, and does its steps in folders that stand for the images' file systems."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def read_stages(dockerfile: Path) -> list[Stage]:
    """The stages and their instructions, in order; an ARG before the first one is left out."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, *name = rest.split(" AS ")
            stages.append(Stage(base, name[0] if name else ""))
        elif stages:
            stages[-1].steps.append((instruction, rest))
    return stages


class Builder:
    """Does the steps of a Dockerfile.

    Args:
      debian: a tree to begin every stage from, with python3 and venv.
      folder: where the stages' trees go.
      arguments: values of ARGs.
    """

    def __init__(self, debian: Path, folder: Path, arguments: dict[str, str]) -> None:
        self._debian = debian
        self._folder = folder
        self._arguments = arguments

    def build(self, dockerfile: Path) -> Path:
        """The last stage's tree."""
        for number, stage in enumerate(read_stages(dockerfile)):
            tree = self._folder / (stage.name or str(number))
            subprocess.run(["cp", "-a", self._debian, tree], check=True)
            for file in ("resolv.conf", "hosts", "ssl/certs/ca-certificates.crt"):
                shutil.copy(Path("/etc") / file, tree / "etc" / file)
            self.run(tree, "/", "python3 -m venv /opt/python")
            self._do_steps(tree, stage)
        return tree

    def run(self, tree: Path, place: str, command: str) -> str:
        """What a command in the tree prints; CalledProcessError if it fails."""
        environment = {
            "PATH": "/opt/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
            "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
            **{name: value for name, value in os.environ.items() if name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")},
            **self._arguments,
        }
        words = ["chroot", str(tree), "sh", "-ec", f"cd {place} && {command}"]
        result = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            raise AssertionError(f"{command}\nfailed with exit code {result.returncode}:\n{result.stdout[-4000:]}")
        return result.stdout

    def _do_steps(self, tree: Path, stage: Stage) -> None:
        place = "/"
        for instruction, rest in stage.steps:
            if instruction == "WORKDIR":
                place = rest
                (tree / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif instruction == "COPY":
                self._copy(tree, place, rest)
            elif instruction == "ARG":
                name, _, value = rest.partition("=")
                self._arguments.setdefault(name, value)
            elif instruction == "RUN":
                self.run(tree, place, rest)

    def _copy(self, tree: Path, place: str, words: str) -> None:
        stage, source, target = re.fullmatch(r"(?:--from=(\w+) )?(\S+) (\S+)", words).groups()
        there = tree / os.path.join(place, target).lstrip("/")
        if stage:
            shutil.copytree(self._folder / stage / source.lstrip("/"), there, symlinks=True)
            return
        for file in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
            (there / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, there / file)
