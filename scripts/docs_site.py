"""What the documentation site has besides docs/: pages from elsewhere, links to them, options, commands, equations.

mkdocs.yml names this file as its hooks; ``make docs`` builds the site.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
# File of the site: file of the repository that it is.
ELSEWHERE = {
    "index.md": "README.md",
    "benchmarks.md": "benchmarks/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "license.txt": "LICENSE",
}
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[)#])")


def on_config(config: Any) -> Any:
    fence = {"name": "math", "class": "math", "format": _mathml}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def on_files(files: Any, config: Any) -> Any:
    for path, source in ELSEWHERE.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    for path in sorted({path for page in files.documentation_pages() for path in linked_files(page)}):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    here = page.file.src_uri
    markdown = markdown.replace("<!-- all options -->", "<!-- all options -->\n\n" + option_tables())
    markdown = markdown.replace("<!-- teams -->", "<!-- teams -->\n\n" + teams_table())
    return _LINK.sub(lambda link: link_on_site(link[1], here), markdown)


def linked_files(page: File) -> list[str]:
    """Pictures and other files outside of docs/, and not pages, to which a page links."""
    targets = [target_of(link, page.src_uri) for link in _LINK.findall(page.content_string)]
    outside = [path for path in targets if not path.startswith("docs/") and path not in ELSEWHERE.values()]
    return [path for path in outside if not path.endswith(".md") and (ROOT / path).is_file()]


def link_on_site(link: str, page: str) -> str:
    """A link as it is meant in the repository, as it has to be on a page of the site."""
    target = target_of(link, page)
    site_path = next((name for name, source in ELSEWHERE.items() if source == target), target.removeprefix("docs/"))
    return posixpath.relpath(site_path, posixpath.dirname(page) or ".")


def target_of(link: str, page: str) -> str:
    """The file of the repository that a link on a page means."""
    source = ELSEWHERE.get(page, f"docs/{page}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def option_tables() -> str:
    """A table for each section of the configuration, from its dataclass; one more for all that is marked as machine."""
    from seed_matrace.config import MACHINE, SECTIONS
    from seed_matrace.registered import BUILT_IN

    sections = {**SECTIONS, **BUILT_IN.sections}
    tables: dict[str, list[str]] = {name: [] for name in (*sections, "machine")}
    for section, kind in sections.items():
        for item in sorted(dataclasses.fields(kind), key=lambda item: item.name not in kind.__annotations__):
            name = f"{section}.{item.name}"
            tables["machine" if name in MACHINE else section].append(_option_row(name, item))
    head = "| option | default | values | resumed | what it says |\n|---|---|---|---|---|\n"
    return "\n\n".join(f"### {name}\n\n{head}" + "\n".join(rows) for name, rows in tables.items() if rows)


def teams_table() -> str:
    """The teams that come with the program, as their index has them."""
    from seed_matrace.zoo.index import OWN, read_index

    rows = [
        f"| `zoo/{name}` | {of['map']} | {of['backend']} | {of['env_steps']:,} | {of['won']} of {of['episodes']} |"
        for name, of in read_index(str(OWN)).items()
    ]
    return "| team | map | trained on | env steps | battles won |\n|---|---|---|---|---|\n" + "\n".join(rows)


def _option_row(name: str, item: dataclasses.Field[Any]) -> str:
    doc = item.metadata["doc"].replace("|", "&#124;")
    resumed = "may change" if item.metadata["may_change"] else ""
    return f"| `{name}` | `{item.default!r}` | {_values(item)} | {resumed} | {doc} |"


def _values(item: dataclasses.Field[Any]) -> str:
    low, above, high, choices = (item.metadata.get(name) for name in ("low", "above", "high", "choices"))
    if choices:
        return ", ".join(f"`{choice!r}`" for choice in choices)
    ends = [
        f"{word} {bound:,g}" for word, bound in (("from", low), ("above", above), ("to", high)) if bound is not None
    ]
    return " ".join([f"{item.type}".replace("|", "or"), *ends])


def commands_page() -> str:
    """The help of every command, as the program prints it."""
    from seed_matrace.cli.dispatch import COMMANDS, help_of, overview

    parts = ["# Commands", f"```\n{overview()}\n```"]
    parts += [f"## {name}\n\n```\n{help_of(name)}\n```" for name in COMMANDS]
    return "\n\n".join(parts)


def _mathml(source: str, *_: Any, **__: Any) -> str:
    """A block of LaTeX as MathML, which browsers show by themselves."""
    return f'<div class="math">{convert(source, display="block")}</div>'


def on_post_build(config: Any) -> None:
    """What pages that are opened from a disk ask for; searching needs a server all the same."""
    folder = Path(config.site_dir) / "search"
    (folder / "search_index.js").write_text("var __index = " + (folder / "search_index.json").read_text())
