"""Renders scripted battles: a moment on every map into maps.png, four from near into closeups.png.

python scripts/map_pictures.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from seed_matrace.replay import EVENTS, Replay, Seen
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import BACKEND, SkirmishVectorEnv
from seed_matrace.viewer.painter import FINE, Painter

COLUMNS = 4
CLOSEUPS = {
    "MMM2": ("heal", "heal"),
    "2c_vs_64zg": ("shot", "sweep"),
    "bane_vs_bane": ("blast", "explosion"),
    "corridor": ("terrain", ""),
}
CLOSEUP = 460  # pixels
RARE = {"heal": 4, "blast": 6, "shot": 1, "hit": 0}  # a moment with what few maps have says more


def scripted_battle(map_name: str) -> Replay:
    """The whole battle of a team that shoots at the weakest enemy."""
    env = SkirmishVectorEnv(map_name, 1, seed=1)
    out = env.reset()
    recording, seen = env.record(), []
    while not (seen and (out.terminated[0] or out.truncated[0])):
        seen.append(out.avail_actions[0].copy())
        out = env.step(scripted_actions(env, out))
    avail_actions = np.stack(seen)
    about = {"backend": BACKEND, "battle_won": bool(out.episode.battle_won[0])}
    unknown = avail_actions[:, :, :0].astype(np.float32)
    return recording.replay(about, Seen(avail_actions, unknown, unknown[:, 0]))


def liveliest_frame(replay: Replay) -> int:
    """Where the most happens within half a second."""
    weights = np.array([RARE[name] for name in EVENTS])[replay.events[:, 1]]
    happening = np.bincount(replay.events[:, 0], weights, minlength=len(replay.units) + 8)
    return int(np.convolve(happening, np.ones(8))[: len(replay.units)].argmax())


def closeup(map_name: str, replay: Replay, event: str, effect: str) -> Image.Image:
    """What is around an event of units with such a weapon, the one that goes farthest."""
    if event == "terrain":
        return Painter(replay, CLOSEUP - 24, title=map_name).picture(liveliest_frame(replay))
    table, types = replay.table(), [replay.about["types"][name]["effect"] for name in replay.about["units"]]
    rows = [row for row in replay.events.astype(int) if EVENTS[row[1]] == event and types[row[2]] == effect]
    frame, _, unit, target, _ = max(rows, key=lambda row: np.ptp(table[row[0], :2, row[2:4]], axis=0).max())
    painter = Painter(replay, 1000)
    x, y = painter.pixel(table[frame, :2, [unit, target]].mean(axis=0).tolist())
    left, top = int(x / FINE - CLOSEUP / 2), int(y / FINE - CLOSEUP / 2)
    return painter.picture(frame + (event != "heal") * 2).crop((left, top, left + CLOSEUP, top + CLOSEUP))


def save_sheet(pictures: Sequence[Image.Image], columns: int, path: Path) -> None:
    """Puts pictures of one width into rows."""
    rows = [pictures[first : first + columns] for first in range(0, len(pictures), columns)]
    heights, width = [max(picture.height for picture in row) for row in rows], pictures[0].width
    sheet = Image.new("RGB", (columns * width, sum(heights)), "white")
    for row, top in zip(rows, np.cumsum([0, *heights[:-1]]).tolist(), strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * width, top))
    sheet.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def main(folder: str) -> None:
    """Renders both pictures."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    battles = {map_name: scripted_battle(map_name) for map_name in map_names()}
    moments = [Painter(replay, 320, title=name).picture(liveliest_frame(replay)) for name, replay in battles.items()]
    save_sheet(moments, COLUMNS, Path(folder, "maps.png"))
    closeups = [closeup(name, battles[name], *what) for name, what in CLOSEUPS.items()]
    save_sheet(closeups, 2, Path(folder, "closeups.png"))


if __name__ == "__main__":
    main(sys.argv[1])
