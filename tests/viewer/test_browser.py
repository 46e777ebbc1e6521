"""The page in a real browser: it loads, plays, scrubs and selects, from a phone's width up, in light and dark."""

from __future__ import annotations

import dataclasses

import pytest
from browser import CHROMIUM, NO_BROWSER, chromium

from seed_matrace.viewer.replay_page import replay_page

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NO_BROWSER)]
PLAYED = "new Promise(done => setTimeout(() => done(player.time), 600))"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def show(page, make_replay, tmp_path):
    """Opens the page of some maps' battles; at the end nothing must have gone wrong in it."""

    def show(*map_names, width=1280, dark=False):
        path = tmp_path / "page.html"
        path.write_text(replay_page([make_replay(name) for name in map_names], "a page"))
        page.problems.clear()
        page.open(path, width, 900, dark=dark)
        return page

    yield show
    assert page.problems == []


def _colours(page, selector="canvas.field"):
    """How many different colours a canvas shows."""
    return page.evaluate(
        f"(() => {{ const c = document.querySelector('{selector}');"
        " const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);"
        " return new Set(d).size; })()"
    )


@pytest.mark.parametrize("map_name", ["3m", "MMM2", "2c_vs_64zg", "bane_vs_bane", "corridor"])
def test_page_draws_and_plays_to_the_end(show, map_name):
    page = show(map_name)
    assert _colours(page) > 20
    page.key(" ")
    assert page.evaluate("player.playing")
    first = page.evaluate(PLAYED)
    assert 0 < first < page.evaluate("player.length")
    page.key(" ")
    stopped = page.evaluate("player.time")
    assert page.evaluate(PLAYED) == stopped
    page.evaluate("player.setTime(player.length - 0.5); player.toggle()")
    page.evaluate("new Promise(done => { const wait = () => player.playing ? setTimeout(wait, 20) : done(); wait(); })")
    assert page.evaluate("player.time === player.length && document.getElementById('play').textContent") == "Play"


def test_numbers_on_the_page_are_those_of_the_replay(show, make_replay):
    replay = make_replay("MMM2")
    page = show("MMM2")
    table = replay.table()
    for frame, column, unit in ((0, 0, 0), (40, 1, 5), (40, 2, 12), (len(table) - 1, 4, 9)):
        shown = page.evaluate(f"player.replays[0].at({frame}, {column}, {unit})")
        assert shown == pytest.approx(float(table[frame, column, unit]))
    assert page.evaluate("player.replays[0].events.length") == len(replay.events)
    assert page.evaluate("player.replays[0].returns.at(-1)") == pytest.approx(float(replay.rewards.sum()), rel=1e-4)
    step = len(replay.actions) // 2
    for name, expected in (
        ("probability", replay.probabilities[step, 3, 4] / 65535),
        ("value", replay.values[step, 3]),
    ):
        arguments = f"{step}, 3, 4" if name == "probability" else f"{step}, 3"
        assert page.evaluate(f"player.replays[0].{name}({arguments})") == pytest.approx(float(expected))


def test_keys_step_scrub_and_set_the_speed(show):
    page = show("3m")
    for keys, time in (
        (["ArrowRight"] * 3, 24), (["ArrowLeft"], 16), (["End"], None), (["Home"], 0), (["ArrowLeft"], 0)
    ):  # fmt: skip
        for key in keys:
            page.key(key)
        assert page.evaluate("player.time") == (page.evaluate("player.length") if time is None else time)
    page.key("+")
    assert page.evaluate("document.getElementById('speed').value") == "2"
    page.evaluate(
        "(() => { const s = document.getElementById('scrub'); s.value = 40; s.dispatchEvent(new Event('input')); })()"
    )
    assert page.evaluate("player.time") == 40
    assert page.evaluate("document.getElementById('clock').value").startswith("step 5 of ")
    chart = page.evaluate(
        "(({x, y, width}) => [x, y, width])(document.querySelector('canvas.chart').getBoundingClientRect())"
    )
    page.click(chart[0] + 34 + (chart[2] - 42) / 2, chart[1] + 50)
    assert page.evaluate("player.time / player.length") == pytest.approx(0.5, abs=0.01)


def test_a_click_selects_a_unit_and_tells_about_it(show):
    page = show("MMM2")
    page.evaluate("player.setTime(64)")
    place = "(unit => { const b = player.boards[0], r = b.canvas.getBoundingClientRect(), [x, y] = b.unitPixel(unit);"
    place += " return [r.left + x * r.width / b.canvas.width, r.top + y * r.width / b.canvas.width]; })"
    before = _colours(page)
    page.click(*page.evaluate(f"{place}(1)"))
    assert page.evaluate("player.selected.unit") == 1
    words = page.evaluate("document.getElementById('details').innerText")
    for said in ("agent", "health", "Does: ", "Could: ", "Value, its: ", "enemies", "other agents"):
        assert said in words
    assert _colours(page, "#details canvas") > 20
    assert _colours(page) != before
    page.click(*page.evaluate(f"{place}(player.replays[0].nAgents)"))
    assert "enemy" in page.evaluate("document.getElementById('details').innerText")
    chosen = page.evaluate("player.selected.unit")
    page.key("n")
    replay, frame = "player.replays[0]", "player.boards[0].frame"
    living = f"Array.from({{length: {replay}.nUnits}}, (_, u) => u).filter(u => {replay}.alive({frame}, u))"
    assert page.evaluate("player.selected.unit") == page.evaluate(f"{living}.find(u => u > {chosen}) ?? {living}[0]")
    page.key("Escape")
    assert page.evaluate("document.getElementById('details').hidden")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_on_a_phone_or_a_desk(show, width, dark):
    page = show("27m_vs_30m", width=width, dark=dark)
    page.evaluate("player.select(0, 2)")
    page.key("r")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.classList.contains('dark')") is dark
    small = "[...document.querySelectorAll('button, select')].filter(b => b.getBoundingClientRect().height < 36).length"
    assert page.evaluate(small) == 0
    page.key("t")
    assert page.evaluate("document.documentElement.classList.contains('dark')") is not dark


HOSTILE = (
    '<img src=x onerror="window.bad=1"></script><script>window.bad=1</script><!-- ${window.bad=1} {{SCRIPT}} \u2028'
)


@pytest.fixture
def hostile(make_replay):
    """A battle whose names are markup."""
    replay = make_replay("MMM2")
    kinds = {name: f"{name} {HOSTILE}"[:200] for name in replay.about["types"]}
    about = replay.about | {
        "map": HOSTILE, "backend": HOSTILE, "units": [kinds[name] for name in replay.about["units"]],
        "types": {kinds[name]: kind for name, kind in replay.about["types"].items()},
    }  # fmt: skip
    return dataclasses.replace(replay, about=about)


def test_names_that_are_markup_are_shown_as_text(page, hostile, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(replay_page([hostile], HOSTILE), encoding="utf-8")
    page.problems.clear()
    page.open(path, 1280, 900)
    page.evaluate("player.setTime(64); player.select(0, 1); player.select(0, 15); player.select(0, 1); null")
    assert page.evaluate("document.title").startswith("<img src=x onerror")
    assert page.evaluate("document.querySelector('h2').innerText").startswith("<img src=x onerror")
    for place in ("#legend", "#details"):
        assert "<img src=x onerror" in page.evaluate(f"document.querySelector('{place}').innerText")
    assert page.evaluate("document.querySelectorAll('img, script:not([type]) ~ script').length") == 0
    assert page.evaluate("typeof window.bad") == "undefined"
    assert page.problems == []


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.write('<b>x</b>')",
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.bad = 1'}))",
        "document.body.setAttribute('onclick', 'window.bad = 1'); document.body.click()",
        "fetch('data:,x').then(() => { window.bad = 1; })",
        "document.body.append(Object.assign(document.createElement('iframe'), {src: 'data:text/html,x'}))",
    ],
)
def test_the_page_may_do_nothing_but_what_is_in_it(page, hostile, tmp_path, attempt):
    """Even if something got in: no markup of text, no other script, nothing loaded or sent."""
    path = tmp_path / "page.html"
    path.write_text(replay_page([hostile], "a page"), encoding="utf-8")
    page.open(path, 1280, 900)
    page.problems.clear()
    refused = page.evaluate(
        "new Promise(done => { document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));"
        f" Promise.resolve().then(() => {{ {attempt} }}).catch(() => null); setTimeout(done, 2000, 'nothing'); }})"
    )
    assert refused != "nothing"
    assert page.evaluate("typeof window.bad") == "undefined"


def test_two_replays_play_side_by_side(show):
    page = show("3m", "MMM2")
    lefts = page.evaluate("[...document.querySelectorAll('canvas.field')].map(c => c.getBoundingClientRect().left)")
    assert lefts[1] > lefts[0] + 400
    page.key("End")
    assert page.evaluate("player.boards.map(b => b.frame)") == page.evaluate("player.replays.map(r => r.frames - 1)")
    page = show("3m", "MMM2", width=390)
    lefts = page.evaluate("[...document.querySelectorAll('canvas.field')].map(c => c.getBoundingClientRect().left)")
    assert lefts[0] == lefts[1]
