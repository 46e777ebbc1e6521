"""The pages of the documentation and what they give to type."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md"))]
)


class Block(NamedTuple):
    page: str
    language: str
    title: str
    text: str

    def commands(self) -> list[str]:
        """Its shell commands, with continued lines joined: all of bash, lines after "$ " or of ours elsewhere."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        if self.language != "bash":
            lines = [line.removeprefix("$ ") for line in lines if re.match(r"\$ |seed-matrace [a-z]", line)]
        return lines


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = re.findall(r'^( *)```(\w*)(?: title="([^"]*)")?\n(.*?)^\1```$', page.read_text(), re.DOTALL | re.MULTILINE)
    name = page.relative_to(ROOT).as_posix()
    return [Block(name, language, title, textwrap.dedent(text)) for _, language, title, text in found]


ALL = [block for page in PAGES for block in blocks(page)]
