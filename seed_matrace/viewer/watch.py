"""``seed-matrace watch``: finds replays and writes what shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.evaluation.replays import BEST, FOLDER, find_replays, replays_over_training
from seed_matrace.files import write_file
from seed_matrace.learner.run_directory import is_team, of_team
from seed_matrace.replay import SUFFIX, Replay, read_replay
from seed_matrace.skirmish.vector_env import BACKEND, is_other_version
from seed_matrace.viewer.animation import write_gif, write_mp4
from seed_matrace.viewer.replay_page import replay_page

MOST = 4  # side by side


@dataclass(frozen=True)
class WatchOptions:
    """How replays are shown.

    Attributes:
      which: of a run: its best, first or latest evaluated battle, or "learning": at 0%, 10%, 50% and 100% of training.
      width: of GIF and MP4, in pixels.
      speed: of GIF and MP4, in game loops per picture.
      dark: of GIF and MP4: dark colours.
      zoom: of GIF and MP4: only the part of the map where units were.
    """

    which: str = "best"
    width: int = 720
    speed: float = 1.0
    dark: bool = False
    zoom: bool = False


def watch(
    paths: Sequence[str | Path],
    output: str | Path | None,
    options: WatchOptions,
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Writes a page, a GIF or an MP4 of replays side by side.

    Args:
      paths: run directories or replay files.
      output: its suffix decides what is written; None: ``watch.html`` in the run, 8m-watch.html here of a team of a
        zoo, or the replay's name with .html.
      tell: told what a person should know of the replays, a sentence each.

    Raises:
      ValueError: nothing to show, a file that is no replay, too many of them, or an unknown suffix.
    """
    first = Path(paths[0])
    path = (
        Path(output)
        if output
        else (of_team(str(first), "watch.html") if first.is_dir() else first.with_suffix(".html"))
    )
    if path.suffix not in (".html", ".gif", ".mp4"):
        raise ValueError(f"{path}: .html, .gif or .mp4 expected")
    files = [file for given in paths for file in _files(Path(given), options.which)]
    if len(files) > MOST:
        raise ValueError(f"{len(files)} replays; at most {MOST} fit side by side")
    replays = [read_replay(file) for file in files]
    for backend in sorted({replay.about["backend"] for replay in replays}):
        if is_other_version(backend):
            tell(f"battles of {backend} are shown as they were played there; on {BACKEND} they would go otherwise")
    if path.suffix == ".html":
        write_file(path, replay_page(replays, _title(replays)))
        return path
    write = write_gif if path.suffix == ".gif" else write_mp4
    return write(path, replays, width=options.width, speed=options.speed, dark=options.dark, zoom=options.zoom)


def _files(path: Path, which: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    if which == "learning":
        if is_team(path):
            raise ValueError(f"{path} is a team of a zoo, of which there is one battle; leave out --which=learning")
        return replays_over_training(path)
    found = find_replays(path)
    best = path / FOLDER / BEST
    if which == "best" and best.is_file():
        return [best]
    if not found:
        raise ValueError(
            f"{path} has no replays: train writes them while evaluation.replays is on, eval --save_replays=1 now; or "
            f"give a replay file (*{SUFFIX})"
        )
    return [found[0] if which == "first" else found[-1]]


def _title(replays: Sequence[Replay]) -> str:
    return f"{' and '.join(dict.fromkeys(replay.about['map'] for replay in replays))}: seed_matrace"
