"""Teams are fetched from folders and servers whole, or not at all, with one sentence."""

import concurrent.futures
import contextlib
import fcntl
import functools
import http.server
import json
import shutil
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import seed_matrace
from seed_matrace import cli
from seed_matrace.arrays_file import read_arrays, write_arrays
from seed_matrace.evaluation.policy import load_policy
from seed_matrace.files import digest
from seed_matrace.learner.run_directory import NETWORKS_FILE, OPERATIVE_CONFIG, load_run_config
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.zoo import folder
from seed_matrace.zoo.index import INDEX, OWN, fetch, find_run, read_index
from seed_matrace.zoo.team import CARD, FILES, TeamError, check_team, entry_of

CODE = b"""import seed_matrace.research, pathlib
pathlib.Path("was_run").touch()
seed_matrace.research.hook("mine")(object)
"""
MODULES = [{"file": "x.py", "sha256": digest(CODE), "source": "x.py"}]


@pytest.fixture
def zoo(tmp_path):
    """A zoo of one team that a test may damage."""
    fetch(str(OWN), "3m", tmp_path / "theirs")
    return tmp_path / "theirs"


@pytest.fixture
def server(zoo):
    """The URL of that zoo."""
    handler = functools.partial(_Quiet, directory=zoo)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def made_anew(zoo, change=lambda facts: None, **files):
    """A team as somebody else may have made it: other files and facts, and all checksums right."""
    folder = zoo / "3m"
    for name, content in files.items():
        (folder / {"config": OPERATIVE_CONFIG, "networks": NETWORKS_FILE}[name]).write_bytes(content)
    facts = json.loads((folder / RUN_FILE).read_text())
    facts["team"]["files"] = {file: entry_of((folder / file).read_bytes()) for file in FILES}
    change(facts)
    (folder / RUN_FILE).write_text(json.dumps(facts))
    changed_index(zoo, about=entry_of((folder / RUN_FILE).read_bytes()))


def changed_index(zoo, name="3m", **changes):
    index = json.loads((zoo / INDEX).read_text())
    index["teams"][name] = index["teams"]["3m"] | changes
    (zoo / INDEX).write_text(json.dumps(index))


def test_a_team_is_the_same_from_a_folder_and_from_a_server(zoo, server, tmp_path):
    folder = fetch(server, "3m", tmp_path / "ours")
    assert folder == tmp_path / "ours" / "3m"
    for file in (RUN_FILE, *FILES):
        assert (folder / file).read_bytes() == (OWN / "3m" / file).read_bytes()
    assert read_index(str(tmp_path / "ours")) == {"3m": read_index(str(OWN))["3m"]}
    assert fetch(server, "zoo/3m", tmp_path / "ours") == folder  # there already, and the same
    assert find_run(str(folder)) == str(folder)


def test_the_command_fetches_into_zoo_and_others_find_it_there(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["zoo", f"--zoo={server}"]) == 0
    assert "seed-matrace zoo fetch 3m --zoo=http" in capsys.readouterr().out
    assert cli.main(["zoo", "fetch", "3m", f"--zoo={server}"]) == 0
    assert capsys.readouterr().out == "zoo/3m\n"
    (tmp_path / "zoo" / "3m" / OPERATIVE_CONFIG).write_text("run.num_envs = 8")
    for words in (["watch", "zoo/3m"], ["train", "maps/3m.gin", "--init_from=zoo/3m"]):
        assert cli.main(words) == 2
        assert "operative_config.gin of zoo/3m is not what the team was made with" in capsys.readouterr().err
    assert cli.main(["zoo", "fetch", "3m", f"--zoo={server}"]) == 2
    assert cli.main(["zoo", "fetch", "3m", f"--zoo={server}", "--replace"]) == 0
    assert cli.main(["watch", "zoo/3m"]) == 0


def test_another_team_of_that_name_is_not_replaced_unasked(zoo, tmp_path):
    fetch(str(zoo), "3m", tmp_path / "ours")
    made_anew(zoo, lambda facts: facts.update(seed=7))
    with pytest.raises(TeamError, match="is there already; --replace"):
        fetch(str(zoo), "3m", tmp_path / "ours")
    fetch(str(zoo), "3m", tmp_path / "ours", replace=True)
    assert json.loads((tmp_path / "ours" / "3m" / RUN_FILE).read_text())["seed"] == 7
    (tmp_path / "mine" / "3m").mkdir(parents=True)
    (tmp_path / "mine" / "3m" / "letters.txt").write_text("dear")
    with pytest.raises(TeamError, match="is no team; nothing is put in its place"):
        fetch(str(zoo), "3m", tmp_path / "mine", replace=True)
    assert (tmp_path / "mine" / "3m" / "letters.txt").read_text() == "dear"


@pytest.mark.parametrize("file", [RUN_FILE, *FILES])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"y" + data[1:]])
def test_a_damaged_file_leaves_nothing(zoo, server, tmp_path, file, damage):
    path = zoo / "3m" / file
    path.write_bytes(damage(path.read_bytes()))
    for place in (server, str(zoo)):
        with pytest.raises(TeamError, match=rf"{file} of 3m is not what the team was made with \(its SHA-256 is anoth"):
            fetch(place, "3m", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda zoo: (zoo / "3m" / FILES[0]).unlink(), "README.md cannot be (read|fetched)"),
        (lambda zoo: (zoo / INDEX).write_text("{"), "index.json cannot be used: it is not JSON"),
        (lambda zoo: (zoo / INDEX).write_text('{"format": 2, "teams": {}}'), "another version of this program"),
        (lambda zoo: (zoo / INDEX).write_text('{"format": 1, "teams": {}}'), "no team '3m' in .*; there: none"),
        (lambda zoo: changed_index(zoo, name="../3m"), "'../3m' is not the name of a team"),
        (lambda zoo: changed_index(zoo, name="/etc"), "'/etc' is not the name of a team"),
        (lambda zoo: changed_index(zoo, about=[10**12, "0"]), "said to have 1,000,000,000,000 bytes; at most"),
        (lambda zoo: changed_index(zoo, about="0"), "3m is described by"),
        (lambda zoo: changed_index(zoo, about=[0, 1]), "its size and SHA-256 expected"),
        (lambda zoo: changed_index(zoo, map="3m\nevil"), "3m is described by"),
        (lambda zoo: made_anew(zoo, lambda facts: facts.pop("team")), "is not that of a team"),
        (lambda zoo: made_anew(zoo, lambda facts: facts["team"].update(format=2)), "another version of this program"),
        (lambda zoo: made_anew(zoo, lambda facts: facts["team"].update(evaluation={})), "is not that of a team"),
        (
            lambda zoo: made_anew(zoo, lambda facts: facts["team"]["files"].update({"../../evil": [1, "0"]})),
            "the file '../../evil' is missing or unknown",
        ),
        (lambda zoo: made_anew(zoo, lambda facts: facts["team"]["files"].pop("policy.npz")), "'policy.npz' is missing"),
        (lambda zoo: made_anew(zoo, config=b"import os"), "cannot be played by this version: .*import"),
        (lambda zoo: made_anew(zoo, config=b"env.backend = 'counting'"), "configured for .* on counting"),
        (lambda zoo: made_anew(zoo, config=b"env.map_name = '8m'"), "configured for 8m on skirmish; its map, '3m'"),
        (lambda zoo: made_anew(zoo, config=b"env.map_name = 'maps/x.json'"), "cannot be played|configured for"),
        (
            lambda zoo: made_anew(zoo, config=b"include '/etc/passwd'"),
            "(http.*|theirs)/3m/operative_config.gin:1: includes are not",
        ),
        (lambda zoo: made_anew(zoo, config=b"include 'maps/3m.gin'"), "/3m/operative_config.gin:1: includes are not"),
        (lambda zoo: made_anew(zoo, config=b"network.policy = 'mine'"), "network.policy = 'mine' is not registered"),
        (lambda zoo: made_anew(zoo, config=b"loss.function = 'mine'"), "loss.function = 'mine' is not registered"),
        (lambda zoo: made_anew(zoo, lambda facts: facts.update(modules=MODULES)), "3m names modules of its own"),
        (lambda zoo: made_anew(zoo, lambda facts: facts.update(modules=None)), "3m names modules of its own"),
        (lambda zoo: made_anew(zoo, lambda facts: facts.update(scenario={})), "3m names scenario of its own"),
        (lambda zoo: made_anew(zoo, lambda facts: facts["team"].update(env_steps=-1)), "is not that of a team"),
        (
            lambda zoo: made_anew(zoo, lambda facts: facts["team"]["evaluation"].update(episodes=0)),
            "is not that of a team",
        ),
        (lambda zoo: made_anew(zoo, config=b"loss.no_such = 1"), "cannot be played by this version: .*loss.no_such"),
    ],
)
def test_what_cannot_be_a_team_is_one_sentence_and_leaves_nothing(zoo, server, tmp_path, break_it, said):
    break_it(zoo)
    for place in (server, str(zoo)):
        with pytest.raises(TeamError, match=said) as caught:
            fetch(place, "3m", tmp_path / "ours" / "deep")
        assert "\n" not in str(caught.value) and "root:" not in str(caught.value)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and zoo not in path.parents]
    assert not left


@pytest.mark.parametrize("words", [["eval"], ["watch"], ["export"], ["plot"], ["train", "maps/3m.gin", "--init_from"]])
def test_no_code_of_a_team_is_run_whoever_put_it_there(zoo, tmp_path, monkeypatch, words, capsys):
    monkeypatch.chdir(tmp_path)
    made_anew(zoo, lambda facts: facts.update(modules=MODULES))
    (zoo / "3m" / "modules").mkdir()
    (zoo / "3m" / "modules" / "x.py").write_bytes(CODE)
    *first, last = words
    assert cli.main([*first, f"{last}={zoo / '3m'}"] if last == "--init_from" else [*words, str(zoo / "3m")]) == 2
    assert "names modules of its own" in capsys.readouterr().err
    for load in (load_policy, seed_matrace.load_policy, load_run_config):
        with pytest.raises(ValueError, match="names modules"):
            load(zoo / "3m")
    assert not (tmp_path / "was_run").exists()


def test_a_team_that_is_opened_includes_nothing(zoo):
    config = zoo / "3m" / OPERATIVE_CONFIG
    config.write_text(f"include '/etc/passwd'\n{config.read_text()}")
    for load in (load_policy, load_run_config):
        with pytest.raises(ValueError, match=r"operative_config\.gin:1: includes are not taken here"):
            load(zoo / "3m")


def test_teams_that_are_fetched_at_once_are_all_in_the_index(zoo, tmp_path):
    names = [f"team{number}" for number in range(8)]
    for name in names:
        shutil.copytree(zoo / "3m", zoo / name)
        changed_index(zoo, name)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: fetch(str(zoo), name, tmp_path / "ours"), names))
    assert list(read_index(str(tmp_path / "ours"))) == names
    assert {path.name for path in (tmp_path / "ours").iterdir()} == {INDEX, ".lock", *names}


def test_an_entry_that_the_index_lost_comes_back_with_its_team(zoo, tmp_path):
    fetch(str(zoo), "3m", tmp_path / "ours")
    (tmp_path / "ours" / INDEX).unlink()
    fetch(str(zoo), "3m", tmp_path / "ours")
    assert read_index(str(tmp_path / "ours")) == read_index(str(zoo))


def test_a_team_with_files_of_a_person_is_not_replaced(zoo, tmp_path):
    fetch(str(zoo), "3m", tmp_path / "ours")
    page = tmp_path / "ours" / "3m" / "replays" / "0000.html"
    page.write_text("mine")
    with pytest.raises(TeamError, match=r"holds 'replays/0000\.html', which is not the team's; move it"):
        fetch(str(zoo), "3m", tmp_path / "ours", replace=True)
    assert page.read_text() == "mine"


STEPS = ["write 7", "write index", "rename aside", "rename in place", "remove", "none"]


@pytest.mark.parametrize("opened", [lambda zoo: read_index(str(zoo)), lambda zoo: find_run(str(zoo / "3m"))])
@pytest.mark.parametrize("killed", STEPS)
def test_a_kill_while_a_team_is_replaced_leaves_the_old_or_the_new(zoo, tmp_path, monkeypatch, killed, opened):
    ours = tmp_path / "ours"
    fetch(str(zoo), "3m", ours)
    made_anew(zoo, lambda facts: facts.update(seed=7))
    rename, write, steps = Path.rename, folder.write_file, [*STEPS]

    def step(name):
        while steps.pop(0) != name:
            pass
        if name == killed:
            raise KeyboardInterrupt

    def writing(path, content):
        if path.parent == ours / ".3m.new-team" and path.name == CARD:
            step("write 7")
        if path == ours / INDEX:
            step("write index")
        write(path, content)

    def renaming(path, target):
        step("rename aside" if path == ours / "3m" else "rename in place")
        return rename(path, target)

    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(Path, "rename", renaming)
        patched.setattr(folder, "write_file", writing)
        patched.setattr(shutil, "rmtree", lambda path, **_: Path(path).parent == ours and step("remove"))
        fetch(str(zoo), "3m", ours, replace=True)
    opened(ours)
    assert {path.name for path in ours.iterdir()} == {INDEX, ".lock", "3m"}
    assert check_team(ours / "3m")["seed"] == (1 if killed in STEPS[:2] else 7)
    fetch(str(ours), "3m", tmp_path / "elsewhere")  # its index names it


def test_a_zoo_is_read_while_somebody_puts_a_team_into_it_and_where_nothing_may_be_written(zoo, tmp_path):
    (zoo / ".3m.new-team").mkdir()
    with (zoo / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fetch(str(zoo), "3m", tmp_path / "ours")
    assert (zoo / ".3m.new-team").exists()
    (zoo / ".lock").unlink()
    (zoo / ".lock").mkdir()  # as where it cannot be made
    assert fetch(str(zoo), "3m", tmp_path / "ours")


@pytest.mark.parametrize("within", [(), ("team",), ("team", "evaluation")])
def test_what_a_newer_version_says_of_a_team_is_not_ignored(zoo, tmp_path, within):
    def change(facts):
        for key in within:
            facts = facts[key]
        facts["hints"] = "play left"

    made_anew(zoo, change)
    said = rf"run\.json of 3m says '{'.'.join((*within, 'hints'))}', which this version does not know: "
    with pytest.raises(TeamError, match=said):
        fetch(str(zoo), "3m", tmp_path / "ours")
    with pytest.raises(TeamError, match=r"'[a-z.]*hints', which this version does not know"):
        find_run(str(zoo / "3m"))
    changed_index(zoo, hints="play left")
    with pytest.raises(TeamError, match=r"index\.json cannot be used: 3m is described by 'hints', which this version"):
        read_index(str(zoo))


def test_a_name_that_leads_elsewhere_is_refused(zoo, tmp_path):
    for name in ("../theirs/3m", "..", "", "/etc", "a/b", "3m/", "x" * 65, "-x", "a\n"):
        with pytest.raises(TeamError, match="is not the name of a team"):
            fetch(str(zoo), name, tmp_path / "ours")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://127.0.0.1:1", r"http://127.0.0.1:1/index.json cannot be read: .*refused"),
        ("ftp://127.0.0.1/teams", "a folder, or a URL that begins with http"),
        ("file:///etc", "a folder, or a URL that begins with http"),
        ("http://[", "cannot be read"),
        ("http://127.0.0.1:1/a\nb", r"cannot be read: URL can't contain control characters\. .*"),
        ("http://me:secret@127.0.0.1:1", "has a login in it"),
        ("http://me:sec/ret@127.0.0.1:1", "has a login in it"),
        ("nowhere", "nowhere/index.json cannot be read: No such file"),
    ],
)
def test_a_zoo_that_cannot_be_reached_is_one_sentence(place, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TeamError, match=said):
        read_index(place)
    assert cli.main(["zoo", "fetch", "3m", f"--zoo={place}"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("seed-matrace: ") and len(err.splitlines()) == 1 and "secret" not in err
    assert not list(tmp_path.iterdir())


def test_the_reason_that_a_server_gives_is_one_line(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("not\nnow")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(TeamError, match="cannot be read: not now"):
        read_index("http://127.0.0.1:1")


def test_what_cannot_be_put_anywhere_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for words, said in (
        (["fetch", "3m", "--zoo_dir="], "--zoo_dir is empty"),
        (["fetch", "3m", "--zoo_dir=file"], "file is a file; a folder expected"),
        (["fetch", "3m", "--zoo_dir=file/deep"], "file is a file; a folder expected"),
        (["list"], "seed-matrace zoo alone lists teams"),
    ):
        assert cli.main(["zoo", *words]) == 2
        assert said in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_a_server_without_that_team_says_so(zoo, server, tmp_path):
    shutil.rmtree(zoo / "3m")
    with pytest.raises(TeamError, match=r"3m/run\.json cannot be fetched: 404 File not found"):
        fetch(server, "3m", tmp_path / "ours")


def test_a_team_of_other_rules_is_fetched_and_said_to_be(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made_anew(zoo, lambda facts: facts.update(backend="skirmish-1"))
    assert cli.main(["zoo", "fetch", "3m", f"--zoo={zoo}"]) == 0
    said = "trained on skirmish-1, and what plays here is skirmish-"
    assert said in capsys.readouterr().err
    assert cli.main(["eval", "zoo/3m", "--episodes=2"]) == 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("policy/kernel_0"), "'policy/kernel_0' is missing or was added"),
        (
            lambda arrays: arrays.update({"policy/kernel_0": np.zeros((3, 3), np.float32)}),
            r"kernel_0 is float32 \(3, 3\)",
        ),
        (lambda arrays: arrays.update({"policy/kernel_0": arrays["policy/kernel_0"] * np.nan}), "is not finite"),
        (lambda arrays: arrays.update(surprise=np.zeros(1)), "'surprise' is missing or was added"),
    ],
)
def test_weights_that_do_not_fit_are_one_sentence(zoo, tmp_path, change, said, capsys):
    arrays = read_arrays(zoo / "3m" / NETWORKS_FILE)
    change(arrays)
    write_arrays(tmp_path / "other.npz", arrays)
    made_anew(zoo, networks=(tmp_path / "other.npz").read_bytes())
    assert cli.main(["eval", str(zoo / "3m"), "--episodes=2"]) == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert err.startswith("seed-matrace: ") and said.split(r"\(")[0] in err
