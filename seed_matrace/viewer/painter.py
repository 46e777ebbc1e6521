"""Replays as pictures: what seed_matrace/viewer/web/board.js paints in a browser, painted by Pillow."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from seed_matrace.replay import EVENTS, Replay
from seed_matrace.viewer.replay_page import load_shapes, web_text

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[float, float]

_EFFECT_LOOPS = 12  # how long the longest trace of an event is seen
_FLIGHT_LOOPS = 6  # of a missile of which no later hit is known
FINE = 2  # painted so many times larger, for smooth edges


@cache
def palette(dark: bool) -> dict[str, tuple[int, int, int]]:
    """The colours of the page's style sheet."""
    block = re.findall(r":root(?:\.dark)? \{(.*?)\}", web_text("style.css"), re.DOTALL)[dark]
    found = re.findall(r"--([\w-]+): #(\w{2})(\w{2})(\w{2})", block)
    return {name: (int(red, 16), int(green, 16), int(blue, 16)) for name, red, green, blue in found}


class Painter:
    """Paints moments of one replay.

    Args:
      replay: the battle.
      width: of the picture in pixels; its height follows from the map.
      dark: dark colours.
      title: a line above the field; "" for none.
      zoom: only the part of the map where units were.
    """

    def __init__(self, replay: Replay, width: int, *, dark: bool = False, title: str = "", zoom: bool = False) -> None:
        self._replay, self._colours = replay, palette(dark)
        self._table = replay.table()
        self._types = [replay.about["types"][name] for name in replay.about["units"]]
        dead = self._table[:, 2] <= 0
        self._deaths = np.where(dead.any(axis=0), dead.argmax(axis=0), len(dead))
        self._events = replay.events.astype(np.int64)
        self._loops = replay.about["loops_per_frame"]
        self._until = _arrivals(self._events, _FLIGHT_LOOPS / self._loops)
        xs, ys = self._table[:, :2].astype(int).transpose(1, 0, 2) if zoom else np.nonzero(replay.ground == 1)
        self._left, self._top = int(xs.min()) - 1, int(ys.max()) + 2
        cells = int(xs.max()) + 2 - self._left, self._top - (int(ys.min()) - 1)
        self._cell = FINE * width / cells[0]
        self._head = FINE * 24 if title else 0
        self._size = FINE * width, self._head + FINE * round(width * cells[1] / cells[0])
        self._ground = self._paint_ground(title)

    def picture(self, frame: float) -> Image.Image:
        """The moment of a frame, or one between two; beyond the last one the last."""
        from PIL import Image, ImageDraw

        frame = min(frame, float(len(self._table) - 1))
        image = self._ground.copy()
        self._canvas = ImageDraw.Draw(image, "RGBA")
        for unit, death in enumerate(self._deaths):
            if death <= frame:
                self._paint_death(unit, int(death), (frame - int(death)) * self._loops)
        living = [unit for unit, death in enumerate(self._deaths) if frame < death]
        for unit in living:
            if not self._types[unit]["flies"]:
                self._paint_unit(unit, frame)
        first, last = np.searchsorted(self._events[:, 0], (frame - _EFFECT_LOOPS / self._loops, frame), side="right")
        for index in range(first, last):
            self._paint_event(index, frame)
        for unit in living:
            if self._types[unit]["flies"]:
                self._paint_unit(unit, frame)
        return image.resize((self._size[0] // FINE, self._size[1] // FINE), Image.Resampling.BOX)

    def _paint_ground(self, title: str) -> Image.Image:
        from PIL import Image, ImageDraw, ImageFont

        image = Image.new("RGB", self._size, self._colours["void"])
        canvas = ImageDraw.Draw(image)
        ground, height = self._replay.ground, self._replay.height
        for x, y in zip(*np.nonzero(ground), strict=True):
            colour = np.array(self._colours["floor" if ground[x, y] == 1 else "cliff"], float)
            lighter = max(0.0, (float(height[x, y]) - 191) / 50)
            left, bottom = self.pixel((x, y))
            corner = left + self._cell, bottom - self._cell
            fill = tuple(int(c) for c in colour + lighter * (255 - colour))
            canvas.rectangle((left, corner[1], corner[0], bottom), fill=fill)
        if title:
            canvas.rectangle((0, 0, self._size[0], self._head), fill=self._colours["page"])
            font = ImageFont.load_default(FINE * 14)
            canvas.text((FINE * 6, self._head / 2), title, fill=self._colours["text"], font=font, anchor="lm")
        return image

    def pixel(self, position: Point) -> Point:
        """Where a position on the map is, in pixels of which ``FINE`` make one of the picture."""
        return (position[0] - self._left) * self._cell, self._head + (self._top - position[1]) * self._cell

    def _position(self, frame: float, unit: int) -> Point:
        last = len(self._table) - 1
        start, end = (self._table[min(at, last), :2, unit].tolist() for at in (int(frame), int(frame) + 1))
        return _between((start[0], start[1]), (end[0], end[1]), frame - int(frame))

    def _at(self, frame: float, unit: int) -> Point:
        return self.pixel(self._position(frame, unit))

    def _radius(self, unit: int) -> float:
        return max(self._types[unit]["radius"] * self._cell, 4 * FINE)

    def _colour(self, name: str, alpha: float = 1.0) -> tuple[int, int, int, int]:
        return (*self._colours[name], round(255 * max(0.0, min(alpha, 1.0))))

    def _line(self, points: list[Point], colour: str, width: float, alpha: float = 1.0) -> None:
        self._canvas.line(points, fill=self._colour(colour, alpha), width=round(width * FINE))

    def _ring(
        self, at: Point, radius: float, colour: str, width: float, fraction: float = 1.0, alpha: float = 1.0
    ) -> None:
        box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
        self._canvas.arc(box, -90, -90 + 360 * fraction, fill=self._colour(colour, alpha), width=round(width * FINE))

    def _side(self, unit: int) -> str:
        return "ally" if unit < self._replay.about["n_agents"] else "enemy"

    def _paint_unit(self, unit: int, frame: float) -> None:
        kind, at, radius = self._types[unit], self._at(frame, unit), self._radius(unit)
        health, shield, gauge = (float(value) for value in self._table[int(frame), 2:, unit])
        shape = load_shapes().get(self._replay.about["units"][unit]) or load_shapes()["other"]
        outline = [(at[0] + x * radius, at[1] - y * radius) for x, y in shape]
        self._canvas.polygon(outline, fill=self._colour(f"{self._side(unit)}-lost"))
        level = at[1] + radius - 2 * radius * health / kind["health"]
        filled = _below(outline, level)
        if len(filled) > 2:
            self._canvas.polygon(filled, fill=self._colour(self._side(unit)))
        self._canvas.line([*outline, outline[0]], fill=self._colour("edge"), width=FINE)
        if kind["shield"] and shield > 0:
            self._ring(at, radius + 2.5 * FINE, "shield", 2, shield / kind["shield"])
        if gauge > 0:
            colour = "energy" if kind["effect"] == "heal" else "cooldown"
            self._ring(at, radius + 5 * FINE, colour, 1.5, min(gauge / kind["gauge"], 1.0))

    def _paint_death(self, unit: int, death: int, age: float) -> None:
        x, y = self._at(death, unit)
        fresh = max(0.0, 1 - age / _EFFECT_LOOPS)
        size, colour = self._radius(unit) * (0.6 + fresh), self._side(unit)
        for sign in (-1, 1):
            ends = [(x - size, y - sign * size), (x + size, y + sign * size)]
            self._line(ends, colour, 1.5 + 2 * fresh, 0.35 + 0.65 * fresh)

    def _paint_event(self, index: int, frame: float) -> None:
        begun, kind, unit, target, _ = (int(value) for value in self._events[index])
        age, name = (frame - begun) * self._loops, EVENTS[kind]
        if name == "heal" and age < 2:
            x, y = self._at(frame, target)
            self._line([self._at(frame, unit), (x, y)], "heal", 3, 0.8)
            self._line([(x - 3 * FINE, y), (x + 3 * FINE, y)], "mark", 2)
            self._line([(x, y - 3 * FINE), (x, y + 3 * FINE)], "mark", 2)
        elif name == "hit" and age < 4:
            self._ring(self._at(frame, target), self._radius(target) * (0.6 + 0.15 * age), "shot", 2, alpha=1 - age / 4)
        elif name == "blast":
            (x, y), fade = self._at(begun, unit), 1 - age / _EFFECT_LOOPS
            reach = self._types[unit]["splash_radius"] * self._cell * min(1.0, (age + 2) / 6)
            box = (x - reach, y - reach, x + reach, y + reach)
            self._canvas.ellipse(box, fill=self._colour("blast", 0.45 * fade))
            self._ring((x, y), reach, "blast", 2, alpha=fade)
        elif name == "shot":
            self._paint_shot(begun, unit, target, float(self._until[index]), frame)

    def _paint_shot(self, begun: int, unit: int, target: int, until: float, frame: float) -> None:
        kind, start, age = self._types[unit], self._position(begun, unit), (frame - begun) * self._loops
        if kind["effect"] == "sweep":
            self._paint_sweep(kind, start, self._position(begun, target), age)
        elif kind["effect"] == "missile":
            fraction = (frame - begun) / (until - begun)
            if fraction <= 1:
                end = self._position(frame, target)
                flown = [_between(start, end, max(0.0, fraction - 0.25)), _between(start, end, fraction)]
                self._line([self.pixel(position) for position in flown], "shot", 3)
        elif age < 3:
            self._line([self.pixel(start), self._at(frame, target)], "shot", 2, 1 - age / 3)

    def _paint_sweep(self, kind: dict[str, Any], start: Point, middle: Point, age: float) -> None:
        """Two lances cross on a line at right angles to the shot."""
        dx, dy = middle[0] - start[0], middle[1] - start[1]
        distance = math.hypot(dx, dy) or 1.0
        reach, end = kind["sweep_reach"], 2 * kind["sweep_reach"] / kind["sweep_speed"]
        along = min(kind["sweep_speed"] * age - reach, reach)

        def on(way: float) -> Point:
            return self.pixel((middle[0] - way * dy / distance, middle[1] + way * dx / distance))

        for side in (-1, 1):
            self._line([on(-side * reach), on(side * along)], "lance", 4, 0.6 * (1 - max(0.0, age - end) / 4))
            if age <= end:
                self._line([self.pixel(start), on(side * along)], "lance", 2)


def _arrivals(events: np.ndarray, flight: float) -> np.ndarray:
    """Of every shot the frame of the next hit of whoever shot, on the same target, if later; else after ``flight``."""
    until, under_way = events[:, 0] + flight, {}
    for index, (frame, kind, unit, target, _) in enumerate(events.tolist()):
        if EVENTS[kind] == "shot":
            under_way[unit] = (index, target)
        elif EVENTS[kind] == "hit" and unit in under_way and under_way[unit][1] == target:
            shot, _ = under_way.pop(unit)
            until[shot] = frame if frame > events[shot, 0] else until[shot]
    return until


def _between(start: Point, end: Point, fraction: float) -> Point:
    return start[0] + fraction * (end[0] - start[0]), start[1] + fraction * (end[1] - start[1])


def _below(outline: list[Point], level: float) -> list[Point]:
    """The part of a polygon below a height of the picture, where y grows downwards."""
    kept = []
    for one, other in zip(outline, outline[1:] + outline[:1], strict=True):
        if one[1] >= level:
            kept.append(one)
        if (one[1] >= level) != (other[1] >= level):
            kept.append(_between(one, other, (level - one[1]) / (other[1] - one[1])))
    return kept
