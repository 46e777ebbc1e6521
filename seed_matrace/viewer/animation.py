"""Replays as moving pictures: GIF by Pillow, MP4 by ffmpeg where imageio-ffmpeg is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seed_matrace.replay import Replay
from seed_matrace.viewer.painter import Painter, palette

if TYPE_CHECKING:
    from PIL import Image

_PICTURE_MS = 60  # at speed 1 a picture for each game loop of 1/16 s, as near as GIF can say it
_LAST_MS = 1500
_COLOURS = 96


def write_gif(path: Path, replays: Sequence[Replay], *, width: int, speed: float, dark: bool, zoom: bool) -> Path:
    """Writes the replays side by side, one colour table for all pictures."""
    from PIL import Image

    pictures = list(_pictures(replays, width, speed, dark, zoom))
    samples = pictures[:: max(1, len(pictures) // 8)]
    strip = Image.new("RGB", (samples[0].width, sum(sample.height for sample in samples)))
    for index, sample in enumerate(samples):
        strip.paste(sample, (0, index * sample.height))
    table = strip.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    frames = [picture.quantize(palette=table, dither=Image.Dither.NONE) for picture in pictures]
    durations = [_PICTURE_MS] * (len(frames) - 1) + [_LAST_MS]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)
    return path


def write_mp4(path: Path, replays: Sequence[Replay], *, width: int, speed: float, dark: bool, zoom: bool) -> Path:
    """Writes the same as H.264.

    Raises:
      ValueError: imageio-ffmpeg is not installed.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ImportError:
        raise ValueError(
            f"{path}: an MP4 needs ffmpeg (pip install imageio-ffmpeg); .gif and .html need nothing more"
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for picture in _pictures(replays, width, speed, dark, zoom):
        even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
        if writer is None:
            writer = write_frames(str(path), even.size, fps=1000 / _PICTURE_MS, macro_block_size=2, quality=7)
            writer.send(None)
        writer.send(np.ascontiguousarray(even).tobytes())
    if writer is not None:
        writer.close()
    return path


def caption(replay: Replay) -> str:
    """One line that says what is seen: "2s3z after 1.2M env steps: won"."""
    about = replay.about
    steps = about.get("env_steps")
    after = "" if steps is None else f" after {steps / 1e6:.2f}M env steps"
    return f"{about['map']}{after}: {'won' if about['battle_won'] else 'not won'}"


def _pictures(replays: Sequence[Replay], width: int, speed: float, dark: bool, zoom: bool) -> Iterator[Image.Image]:
    """Every picture of the animation; replays that are over stand still."""
    columns = min(len(replays), 2)
    painters = [Painter(replay, width // columns, dark=dark, title=caption(replay), zoom=zoom) for replay in replays]
    loops = max((len(replay.units) - 1) * replay.about["loops_per_frame"] for replay in replays)
    for loop in [*np.arange(0, loops, speed), loops]:
        frames = [loop / replay.about["loops_per_frame"] for replay in replays]
        yield _grid([painter.picture(frame) for painter, frame in zip(painters, frames, strict=True)], columns, dark)


def _grid(pictures: Sequence[Image.Image], columns: int, dark: bool) -> Image.Image:
    from PIL import Image

    if len(pictures) == 1:
        return pictures[0]
    width, height = pictures[0].width, max(picture.height for picture in pictures)
    rows = -(-len(pictures) // columns)
    grid = Image.new("RGB", (columns * width, rows * height), palette(dark)["page"])
    for index, picture in enumerate(pictures):
        grid.paste(picture, (index % columns * width, index // columns * height))
    return grid
