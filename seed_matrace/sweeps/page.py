"""A page of headings, paragraphs, tables and pictures, written as Markdown and as one self-contained HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from seed_matrace.foreign_files import printable
from seed_matrace.viewer.content_policy import content_policy

_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #202020; max-width: 1150px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #d8d8d8; padding: .3em .9em .3em 0; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #808080; } img { max-width: 100%; } figcaption { color: #606060; }
figure { margin: 1em 0; }
"""


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells; every row is as long as the header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG or SVG file beside the page; the HTML holds a copy of it."""

    path: Path
    caption: str


Block = Heading | Paragraph | Table | Picture


def to_markdown(blocks: Sequence[Block], folder: Path) -> str:
    """The page with links to its pictures, relative to ``folder``."""
    return "\n\n".join(_markdown(block, folder) for block in blocks) + "\n"


def to_html(blocks: Sequence[Block], title: str) -> str:
    """The page in one file that needs no other."""
    body = "\n".join(map(_html, blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{content_policy(style=_CSS)}">\n'
        f"<title>{html.escape(title)}</title>\n"
        f"<style>{_CSS}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block, folder: Path) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_plain(block.text)}"
    if isinstance(block, Paragraph):
        return _plain(block.text)
    if isinstance(block, Picture):
        return f"![{_plain(block.caption)}]({quote(block.path.relative_to(folder).as_posix())})"
    rows = [[_plain(cell).replace("|", r"\|") for cell in row] for row in (block.header, *block.rows)]
    rows.insert(1, ["---"] * len(block.header))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else: no HTML, no links, no second line; names hold such things."""
    text = " ".join(printable(text).split())
    for mark, written in (("&", "&amp;"), ("<", "&lt;"), ("`", r"\`"), ("](", r"]\("), ("][", r"]\[")):
        text = text.replace(mark, written)
    return text


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Picture):
        kind = {".svg": "svg+xml", ".png": "png"}[block.path.suffix]
        data = base64.b64encode(block.path.read_bytes()).decode()
        caption = html.escape(block.caption)
        source = f"data:image/{kind};base64,{data}"
        return f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    header = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
    rows = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
    return f"<table>\n<tr>{header}</tr>\n{rows}\n</table>"
