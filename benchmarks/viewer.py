"""How smoothly the page of a replay plays in headless Chromium: frames per second, and milliseconds of script for each.

    seed-matrace watch RUN --output=battle.html && python benchmarks/viewer.py battle.html

for a window of 1280 and of 390 pixels, with an agent selected, over 8 seconds each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "viewer"))
from browser import chromium

PLAY = """new Promise(done => {
  let frames = 0, script = 0;
  const paint = player.paint.bind(player);
  player.paint = () => { const begun = performance.now(); paint(); script += performance.now() - begun; frames++; };
  player.select(0, 3);
  player.setTime(0);
  frames = script = 0;
  player.toggle();
  const begun = performance.now();
  setTimeout(() => done([1000 * frames / (performance.now() - begun), script / frames]), 8000);
})"""


def main(page_path: str) -> None:
    for width in (1280, 390):
        with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as page:
            page.open(Path(page_path), width, 900)
            per_second, script_ms = page.evaluate(PLAY)
            print(f"{width} pixels wide: {per_second:.1f} frames/s, {script_ms:.1f} ms of script each")
            assert not page.problems, page.problems


if __name__ == "__main__":
    main(*sys.argv[1:])
