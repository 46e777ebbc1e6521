"""Where gin files are found, and how their text is read: UTF-8, or one sentence that says what is wrong."""

from __future__ import annotations

import contextlib
import difflib
from pathlib import Path


class ConfigError(ValueError):
    """A gin file or binding that cannot be used; the message says where and what to do."""


def gin_dir() -> Path:
    """Folder of the gin files that come with the program."""
    package = Path(__file__).parent
    installed = package / "_gin"
    return installed if installed.is_dir() else package.parent / "gin"


def is_shipped(path: str | Path) -> bool:
    """Whether a gin file is taken from the program's own, which every installation has."""
    return not is_file(Path(path)) and is_file(gin_dir() / path)


def find_gin_file(path: str | Path, beside: Path | None = None) -> Path:
    """The file that ``path`` means: beside the file that includes it, then from here, then one of the program's own.

    Raises:
      ConfigError: there is none; the message names the near ones.
    """
    candidates = [Path(path), gin_dir() / path] if beside is None else [beside / path, Path(path), gin_dir() / path]
    for candidate in candidates:
        if is_file(candidate):
            return candidate
    if _is_folder(candidates[0]):
        raise ConfigError(f"{str(path)!r} is a folder; a gin file is expected, such as one in it")
    where = "here" if beside is None else f"in {beside}, here"
    near = near_gin_files(path, candidates[0].parent)
    advice = f"near: {', '.join(near)}" if near else f"such as maps/3m.gin and paper.gin, all in {gin_dir()}"
    raise ConfigError(f"no gin file {str(path)!r} {where} or among the program's own; {advice}")


def near_gin_files(path: str | Path, folder: Path = Path()) -> list[str]:
    """At most five files that ``path`` may have meant: of its stem or one like it, or spelt alike as a whole."""
    wanted = Path(str(path).lower())
    stem = wanted.name.removesuffix(".gin")
    files = {file.relative_to(gin_dir()).as_posix(): file.stem for file in sorted(gin_dir().rglob("*.gin"))}
    with contextlib.suppress(OSError, ValueError):
        files |= {str(file): file.stem for file in sorted(folder.glob("*.gin"))}
    like = difflib.get_close_matches(stem, {own.lower() for own in files.values()}, n=3)
    near = [name for match in (stem, *like) for name, own in files.items() if own.lower() == match]
    near += difflib.get_close_matches(str(path), files, n=3, cutoff=0.7)
    return list(dict.fromkeys(near))[:5]


def read_gin_text(path: Path, title: str) -> str:
    """The text of a file, with lines that end in a newline alone.

    Args:
      title: how messages call the file.

    Raises:
      ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read gin file {title} ({error.strerror})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"byte 0x{data[error.start]:02x}"
        raise ConfigError(
            f"{title}:{line}: {what} at byte {error.start} is not UTF-8, in which gin files are expected; save it so"
        ) from None
    return plain_text(text, title)


def plain_text(text: str, title: str) -> str:
    """``text`` with newlines alone; ConfigError if it holds what no text does."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{title}:{line}: a NUL byte; gin files are expected in UTF-8, as plain text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{title}: characters that are not UTF-8, in which bindings are expected") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_file(path: Path) -> bool:
    """Whether there is such a file, whatever ``path`` looks like."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, not to be looked at
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
