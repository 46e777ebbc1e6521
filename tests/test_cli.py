"""The command line: help, mistakes, and one clear sentence for each."""

import dataclasses
import json
import subprocess
import sys

import pytest
from processes import loaded, run_in_turn

from seed_matrace import cli
from seed_matrace.cli import dispatch
from seed_matrace.cli.dispatch import flags_of, parsed


def test_without_arguments_the_commands_are_named(capsys):
    assert cli.main([]) == 2
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("train", "learner", "actor", "eval", "plot", "bench"))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_an_example(name, capsys):
    assert cli.main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"seed-matrace {name}" in printed
    example = printed.split("example:")[1].strip()
    words = example.removeprefix("seed-matrace ").split()
    assert words[0] == name
    assert cli.main([*words, "--help"]) == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trian"], "unknown command 'trian'"),
        (["train", "--num_actor=2"], "num_actors"),
        (["train", "--num_actors=two"], "num_actors"),
        (["train", "--seed=-1"], "seed"),
        (
            ["train", "3m"],
            "unexpected argument '3m'; a gin file, whose name ends in .gin, may stand there; near: maps/3m",
        ),
        (
            ["train", "maps/3m.gin", "4"],
            "unexpected argument '4'; a gin file, whose name ends in .gin, may stand there",
        ),
        (["train", "maps/4m.gin"], "no gin file 'maps/4m.gin' here or among the program's own; near: maps/"),
        (
            ["bench", "env", "8m"],
            "unexpected argument '8m'; a gin file, whose name ends in .gin, may stand there; near",
        ),
        (["vertex", "8m"], "unexpected argument '8m'; a gin file, whose name ends in .gin, may stand there; near"),
        (["eval", "maps/3m.gin"], "maps/3m.gin is not a run directory"),
        (["eval", "RUN", "--run_dir=RUN"], "name one run directory, not 2, as in: seed-matrace eval runs/3m"),
        (["export", "RUN", "--format=onnx", "--output=a.npz"], "a file of --format=onnx is called .onnx"),
        (["export"], "name one run directory, not 0, as in: seed-matrace export runs/3m"),
        (["train", "--gin_file=maps/4m.gin"], "maps/3m.gin"),
        (["train", "--gin_param=los.discount=1"], "near: loss.discount"),
        (["train", "--gin_param=env.map_name='9m'"], "8m"),
        (["actor"], "--server_address is needed"),
        (["actor", "--server_address=learner"], "unix:/path/to/socket or host:port, not 'learner'"),
        (["actor", "--server_address=10.0.0.7:5555"], "whoever connects there needs TLS (--tls_ca) and a token"),
        (["actor", "--server_address=[::1]:5555", "--tls_cert=a"], "an actor with TLS needs --tls_ca"),
        (["actor", "--server_address=localhost:5555", "--token_file=TOKEN"], "TOKEN"),
        (["learner"], "--server_address is needed"),
        (["learner", "--server_address=0.0.0.0:5555"], "whoever listens there needs TLS (--tls_cert and --tls_key)"),
        (["learner", "--server_address=localhost:5555", "--tls_ca=a"], "needs --tls_cert and --tls_key"),
        (["eval"], "name one run directory, not 0"),
        (["eval", "--run_dir=RUN"], "not a run directory"),
        (["eval", "RUN", "--gin_param=loss.discount=0.9"], "loss.discount, which decides nothing of the battles"),
        (["eval", "RUN", "--gin_param=env.frame_stack=2"], "a team sees is its own"),
        (["eval", "RUN", "--backend=counting", "--gin_param=env.backend='counting'"], "leave one of them out"),
        (["plot"], "give at least one run directory"),
        (["plot", "RUN"], "RUN"),
        (["plot", "--run_dir=RUN"], "RUN is not a run directory"),
        (["watch", "--run_dir=RUN"], "RUN cannot be read: No such file"),
        (["watch"], "give a run directory or a replay file"),
        (["watch", "RUN"], "RUN cannot be read: No such file"),
        (["watch", "."], ". has no replays: train writes them"),
        (["watch", "RUN", "--output=a.avi"], "a.avi: .html, .gif or .mp4 expected"),
        (["watch", "--which=last", "RUN"], "which"),
        (["eval", "--run_dir=RUN", "--save_replays=-1"], "save_replays"),
        (["eval", "zoo/9m"], "no team '9m' in the program's own zoo; there: "),
        (["watch", "zoo/../9m"], "'../9m' is not the name of a team"),
        (["eval", "zoo/3m", "--checkpoint=latest"], "which has its best weights alone, not latest ones"),
        (["watch", "zoo/3m", "--which=learning"], "there is one battle; leave out --which=learning"),
        (
            ["zoo", "lost"],
            "seed-matrace zoo alone lists teams; else with show TEAM, fetch TEAM..., add RUN TEAM; not 'lost'",
        ),
        (["zoo", "add", "RUN"], "name a run directory and what its team is to be called"),
        (["zoo", "add", "RUN", "3m"], "RUN is not a run directory"),
        (["zoo", "add", "RUN", "3m", "--zoo=."], "--zoo does nothing with zoo add"),
        (["zoo", "--replace"], "--replace does nothing with zoo"),
        (["zoo", "--zoo="], "--zoo is empty"),
        (["train", "--init_from=zoo/9m"], "no team '9m'"),
        (["sc2-standin"], "give --install_dir=DIR, or --port=PORT"),
        (["sc2-standin", "--install_dir=DIR", "--faults=crush"], "unknown fault 'crush'; near: crash"),
        (["sc2-standin", "--port=0", "--faults=crash stop=3"], "unknown 'stop'; near: step"),
        (["sc2-standin", "--", "-listen", "127.0.0.1"], "-port is missing"),
        (["doctor", "--sc2_python=no/such/python"], "no such interpreter; make sc2-venv"),
        (["doctor", "--game_version=4.7.1"], "4.10"),
        (["train", "--num_actors=0", "--gin_param=env.backend='starcraft2'"], "needs --num_actors of at least 1"),
        (["train", "--gin_param=env.backend='starcraft2'", "--gin_param=env.game_version='5'"], "'4.10' or '4.6.2'"),
        (["bench"], "env|transport|inference|train|end_to_end"),
        (["bench", "everything"], "env|transport|inference|train|end_to_end|time_to_win"),
        (["bench", "env", "--seeds=3"], "--seeds is none of bench env's flags; it is one of time_to_win"),
        (["bench", "time_to_win", "--seconds=3"], "--seconds is none of bench time_to_win's flags"),
        (["bench", "env", "--num_actors=0"], "at least 1 expected"),
        (["bench", "time_to_win", "--compare=OLD.json"], "OLD.json cannot be read: No such file"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(args, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(args) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("seed-matrace: ")
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) <= 2


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if "gin_file" in flags_of(name)])
def test_gin_files_need_no_flag_and_load_in_the_order_they_are_named(name, capsys):
    given = ["paper.gin", "--gin_file", "maps/3m.gin", "--traceback", "own.gin", "--gin_param", "a.gin", "--gin_file=x"]
    words = ["env"] if name == "bench" else []
    values, others = parsed(name, [*words, *given])
    assert values.gin_file == ["paper.gin", "maps/3m.gin", "own.gin", "x"]
    assert values.gin_param == ["a.gin"] and values.traceback and others == words
    assert cli.main([name, "--help"]) == 0
    assert "[GIN_FILE...] [FLAGS]" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if "gin_file" in flags_of(name)])
def test_gin_files_may_stand_behind_two_dashes(name):
    words = ["env"] if name == "bench" else []
    values, others = parsed(name, ["maps/3m.gin", "--traceback", "--", *words, "-x.gin", "maps/8m.gin"])
    expected = ["-x.gin", "maps/8m.gin"]
    if name == "vertex-host":
        assert (values.gin_file, others) == (["maps/3m.gin"], expected)
    else:
        assert (values.gin_file, others) == (["maps/3m.gin", *expected], words)
    assert values.traceback


def test_what_a_command_hands_on_is_no_gin_file():
    values, others = parsed("vertex-host", ["maps/3m.gin", "--", "--a=1", "maps/8m.gin"])
    assert (values.gin_file, others) == (["maps/3m.gin"], ["--a=1", "maps/8m.gin"])


def test_mistake_found_after_tensorflow_was_set_up_is_one_sentence_too(tmp_path):
    mistakes = {
        "500 actors for 64 environments": ["--num_actors=500"],
        "cannot write to run directory /proc/nowhere": ["maps/3m.gin", "--run_dir=/proc/nowhere"],
        "lower run.num_envs": ["maps/3m.gin", f"--run_dir={tmp_path}", "--gin_param=run.num_envs=100000000"],
    }
    for said, result in zip(mistakes, run_in_turn(*(["train", *args] for args in mistakes.values())), strict=True):
        assert result.returncode == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_map_that_does_not_exist_leaves_no_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--gin_param=env.map_name='9m'"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_missing_extension_says_how_to_build_it():
    program = (
        "import sys; sys.modules['seed_matrace._cext._skirmish'] = None\n"
        "import seed_matrace.cli; sys.exit(seed_matrace.cli.main(['train']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 2
    assert "run ./run_local.sh" in result.stderr


def test_help_does_not_load_tensorflow():
    assert not loaded("import seed_matrace.cli; seed_matrace.cli.main(['train', '--help'])", "tensorflow")


def test_bench_prints_one_json_object_last():
    parts = ("env", "transport", "inference", "train", "end_to_end")
    options = ("maps/3m.gin", "--seconds=0.2", "--gin_param=learner.unroll_length=5")
    results = run_in_turn(*(["bench", part, *options] for part in parts))
    for part, result in zip(parts, results, strict=True):
        assert result.returncode == 0, result.stderr
        figures = json.loads(result.stdout.splitlines()[-1])
        assert (figures["bench"], figures["map"]) == (part, "3m")
        _assert_measured(part, figures)


def test_bench_measures_with_modules_and_says_that_it_calls_no_hooks():
    options = ("maps/3m.gin", "--seconds=0.2", "--gin_param=learner.unroll_length=5")
    modules = {
        "attention": "network.policy='attention'",
        "careful": "loss.reward='careful'",
        "sure": "sure.evaluations=2",
    }
    of = [(f"--module=examples/{name}.py", f"--gin_param={param}") for name, param in modules.items()]
    results = run_in_turn(*(["bench", "inference", *options, *flags] for flags in of))
    for (name, _), result in zip(modules.items(), results, strict=True):
        assert result.returncode == 0, result.stderr
        assert f"{name}.py" in result.stdout.splitlines()[0]
        assert ("bench calls no hooks" in result.stdout) == (name == "sure")
        assert json.loads(result.stdout.splitlines()[-1])["env_steps_per_s"] > 0


def _assert_measured(part, figures):
    if part == "transport":
        assert all(
            figures[f"{name}_round_trips_per_s"] > 0 for name in ("shared_memory", "grpc_64_hosts", "unix_socket")
        )
        return
    assert figures["env_steps_per_s"] > 0
    if part == "train":
        assert figures["loop_env_steps_per_s"] > 0
        assert 0 < figures["loop_compiled_share"] < 1
    if part == "end_to_end":
        parts = ("simulator", "inference", "training", "transport", "batching")
        costs = [figures[f"{name}_us_per_env_step"] for name in parts]
        assert min(costs) > 0
        assert figures["bound_env_steps_per_s"] == pytest.approx(1e6 * figures["cores"] / sum(costs), rel=1e-3)


def test_what_a_library_makes_of_ctrl_c_is_still_ctrl_c(monkeypatch):
    def interrupted_in_a_scope(*_):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("exiting scope without proper nesting") from None

    ended = []
    monkeypatch.setattr(dispatch, "end_at_once", lambda: ended.append(True))
    monkeypatch.setitem(cli.COMMANDS, "doctor", dataclasses.replace(cli.COMMANDS["doctor"], run=interrupted_in_a_scope))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert (cli.main(["doctor"]), ended) == (130, [])
    monkeypatch.setitem(sys.modules, "tensorflow", object())  # whose memory no destructor may touch now
    assert (cli.main(["doctor"]), ended) == (130, [True])
