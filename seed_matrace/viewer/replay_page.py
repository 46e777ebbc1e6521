"""Replays as one HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from seed_matrace.replay import STEPS, Replay
from seed_matrace.viewer.content_policy import content_policy

_SCRIPTS = ("elements.js", "replay.js", "board.js", "charts.js", "details.js", "player.js")


def replay_page(replays: Sequence[Replay], title: str) -> str:
    """The page that plays ``replays`` side by side."""
    data = json.dumps({"replays": [_packed(replay) for replay in replays], "shapes": load_shapes()}, allow_nan=False)
    style, script = web_text("style.css"), "\n".join(["'use strict';", *map(web_text, _SCRIPTS)])
    parts = {
        "TITLE": html.escape(title),
        "POLICY": content_policy(style=style, script=script),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": data.replace("<", "\\u003c"),  # nothing in it can end the script element
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], web_text("page.html"))


@cache
def load_shapes() -> dict[str, list[list[float]]]:
    """Outlines of the unit types, points [x, y] of unit size."""
    return json.loads(_text("data", "shapes.json"))


def web_text(name: str) -> str:
    """A file of the folder ``web``."""
    return _text("web", name)


def _text(*path: str) -> str:
    return resources.files("seed_matrace.viewer").joinpath(*path).read_text(encoding="utf-8")


def _packed(replay: Replay) -> dict[str, Any]:
    """Arrays compressed as browsers can read them; units as differences, which compress better."""
    arrays = replay.arrays()
    arrays["units"] = np.diff(replay.units, axis=0, prepend=np.zeros_like(replay.units[:1]))
    return {
        "about": replay.about,
        "steps": STEPS.tolist(),
        "arrays": {
            name: {
                "dtype": array.dtype.str[1:],
                "shape": array.shape,
                "data": base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode(),
            }
            for name, array in arrays.items()
        },
    }
