"""Replays as pictures, animations and pages."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from seed_matrace.replay import EVENTS, write_replay
from seed_matrace.skirmish.maps import map_names
from seed_matrace.viewer.animation import caption
from seed_matrace.viewer.painter import Painter, palette
from seed_matrace.viewer.replay_page import load_shapes, replay_page
from seed_matrace.viewer.watch import WatchOptions, watch


def _shows(image: Image.Image, colour: str, dark: bool = False) -> int:
    """How many pixels are nearly of a colour of the palette."""
    apart = np.abs(np.asarray(image, int) - np.array(palette(dark)[colour])).max(axis=2)
    return int((apart < 12).sum())


@pytest.mark.parametrize("map_name", map_names())
def test_every_map_is_drawn(map_name, make_replay):
    replay = make_replay(map_name)
    image = Painter(replay, 320).picture(0)
    assert image.width == 320
    for colour in ("floor", "void", "ally", "enemy"):
        assert _shows(image, colour) > 20, colour
    assert set(replay.about["units"]) <= set(load_shapes())


def _frames(replay, event, effect):
    """Frames of the events of a kind, by units whose weapon has an effect."""
    effects = [replay.about["types"][name]["effect"] for name in replay.about["units"]]
    rows = replay.events.astype(int).tolist()
    return [frame for frame, kind, unit, *_ in rows if EVENTS[kind] == event and effects[unit] == effect]


@pytest.mark.parametrize(
    ("map_name", "event", "effect", "colour"),
    [
        ("MMM2", "heal", "heal", "heal"),
        ("2c_vs_64zg", "shot", "sweep", "lance"),
        ("bane_vs_bane", "blast", "explosion", "blast"),
        ("3s5z", "shot", "missile", "shot"),
    ],
)
def test_what_happens_is_seen_when_it_happens(map_name, event, effect, colour, make_replay):
    replay = make_replay(map_name)
    frames = _frames(replay, event, effect)
    painter = Painter(replay, 640)
    before = painter.picture(frames[0] - 1)
    moments = [painter.picture(frame + 1) for frame in frames[:: max(1, len(frames) // 12)]]
    if event == "blast":  # half transparent: greener than anything before
        green = [(np.asarray(image, int) @ [-1, 2, -1] > 60).sum() for image in (before, *moments)]
        assert max(green[1:]) > green[0] + 200
    else:
        assert max(_shows(image, colour) for image in moments) > _shows(before, colour) + 15


def test_health_is_the_fill_and_the_dead_are_crossed_out(make_replay):
    replay = make_replay("3m")
    painter = Painter(replay, 640)
    blue = _shows(painter.picture(0), "ally")
    assert _shows(painter.picture(0), "ally-lost") == 0
    health = replay.table()[:, 2, :3].sum(axis=1)
    half = int(np.argmax(health < 0.6 * health[0]))
    assert 0.3 * blue < _shows(painter.picture(half), "ally") < 0.8 * blue
    assert _shows(painter.picture(half), "ally-lost") > 0


def test_game_that_shows_steps_alone_looks_nearly_the_same(make_replay):
    """As of StarCraft II, a frame for each env step: units glide, and what happened fades at the same speed."""
    replay = make_replay("2s3z")
    loops = replay.about["frames_per_step"]
    events = replay.events.copy()
    events[:, 0] = -(-events[:, 0].astype(int) // loops)
    about = {**replay.about, "frames_per_step": 1, "loops_per_frame": loops}
    sparse = Painter(dataclasses.replace(replay, about=about, units=replay.units[::loops], events=events), 320)
    dense = Painter(replay, 320)
    first = int(replay.events[0, 0])
    for loop in (first, first + 5, first + 10, len(replay.units) - 1):
        one, other = (np.asarray(image, int) for image in (dense.picture(loop), sparse.picture(loop / loops)))
        assert (np.abs(one - other).max(axis=2) > 40).mean() < 0.02


def test_gif_plays_every_loop_and_holds_its_end(make_replay, tmp_path):
    path = write_replay(tmp_path / "a.npz", make_replay("3m"))
    gif = Image.open(watch([path], tmp_path / "new" / "a.gif", WatchOptions(width=240, speed=2.0)))
    loops = len(make_replay("3m").units) - 1
    durations = []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        durations.append(gif.info["duration"])
    assert sum(durations) == 60 * -(-loops // 2) + 1500
    assert gif.width == 240
    assert path.stat().st_size < 20_000


def test_several_replays_stand_side_by_side(make_replay, tmp_path):
    paths = [write_replay(tmp_path / f"{name}.npz", make_replay(name)) for name in ("3m", "MMM2", "3m")]
    gif = Image.open(watch(paths, tmp_path / "a.gif", WatchOptions(width=400, speed=16.0, dark=True, zoom=True)))
    assert gif.width == 400
    assert gif.n_frames > 3
    with pytest.raises(ValueError, match="5 replays; at most 4"):
        watch([paths[0]] * 5, tmp_path / "b.gif", WatchOptions())


def test_mp4_needs_ffmpeg_and_says_so(make_replay, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    path = write_replay(tmp_path / "a.npz", make_replay("3m"))
    with pytest.raises(ValueError, match="pip install imageio-ffmpeg"):
        watch([path], tmp_path / "a.mp4", WatchOptions())


def test_mp4_is_a_video(make_replay, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg is not installed")
    path = write_replay(tmp_path / "a.npz", make_replay("3m"))
    video = watch([path], tmp_path / "new" / "a.mp4", WatchOptions(width=241, speed=4.0))
    about, *pictures = ffmpeg.read_frames(str(video))
    assert about["codec"] == "h264"
    assert about["size"][0] == 240  # even, as the format wants it
    loops = len(make_replay("3m").units) - 1
    assert len(pictures) == -(-loops // 4) + 1
    last = np.frombuffer(pictures[-1], np.uint8).reshape(*about["size"][::-1], 3).astype(int)
    drawn = np.asarray(Painter(make_replay("3m"), 241, title=caption(make_replay("3m"))).picture(loops), int)
    assert np.abs(last - drawn[: len(last), :240]).mean() < 8


def test_page_is_one_file_under_2_mb_and_asks_for_nothing(make_replay, tmp_path):
    path = write_replay(tmp_path / "a.npz", make_replay("27m_vs_30m"))
    assert path.stat().st_size < 300_000
    page = watch([path], None, WatchOptions())
    assert page == tmp_path / "a.html"
    text = page.read_text()
    assert len(text) < 2_000_000
    assert not re.search(r"""(src|href)=["'](?!data:)|https?://|@import|url\(|\{\{""", text)


def test_nothing_in_a_replay_gets_into_the_markup(make_replay):
    replay = make_replay("3m")
    evil = dataclasses.replace(replay, about={**replay.about, "backend": "</script><b>{{DATA}}"})
    text = replay_page([evil], "a </title> b")
    assert text.count("</script>") == 2
    assert text.count("</title>") == 1
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert json.loads(data)["replays"][0]["about"]["backend"] == "</script><b>{{DATA}}"


def test_a_run_shows_its_best_first_latest_or_what_it_learnt(make_replay, tmp_path):
    replays = tmp_path / "replays"
    for evaluation in range(3):
        about = {**make_replay("3m").about, "env_steps": 1000 * evaluation}
        write_replay(replays / f"{evaluation:04d}.npz", dataclasses.replace(make_replay("3m"), about=about))
    shutil.copyfile(replays / "0001.npz", replays / "best.npz")
    shown = {}
    for which in ("best", "first", "latest", "learning"):
        text = watch([tmp_path], None, WatchOptions(which)).read_text()
        shown[which] = [int(steps) for steps in re.findall(r'"env_steps": (\d+)', text)]
    assert shown == {"best": [1000], "first": [0], "latest": [2000], "learning": [0, 0, 1000, 2000]}
    (replays / "best.npz").unlink()
    assert '"env_steps": 2000' in watch([tmp_path], None, WatchOptions()).read_text()


def test_battles_of_an_earlier_simulator_are_shown_and_it_is_said(make_replay, tmp_path):
    older = dataclasses.replace(make_replay("3m"), about={**make_replay("3m").about, "backend": "skirmish-2"})
    files = [tmp_path / "older.npz", tmp_path / "now.npz"]
    for file, replay in zip(files, (older, make_replay("3m")), strict=True):
        write_replay(file, replay)
    said = []
    page = watch(files, tmp_path / "page.html", WatchOptions(), said.append).read_text()
    assert said == ["battles of skirmish-2 are shown as they were played there; on skirmish-3 they would go otherwise"]
    assert '"backend": "skirmish-2"' in page and '"backend": "skirmish-3"' in page
    watch(files[1:], tmp_path / "page.html", WatchOptions(), said.append)
    assert len(said) == 1
