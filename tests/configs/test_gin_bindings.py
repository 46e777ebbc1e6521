"""What people write in gin files and flags: taken as it is meant, or one sentence that says what to write."""

import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seed_matrace import cli
from seed_matrace.config import ConfigError, load_config
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, load_run_config
from seed_matrace.training.same_run import differences


def refusal(gin_files=(), gin_params=()):
    with pytest.raises(ConfigError) as caught:
        load_config(gin_files, gin_params)
    said = str(caught.value)
    assert "\n" not in said
    return said


def written(folder, text, name="mine.gin"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Without a section, or with a scope, gin would keep it and do nothing.
        ("discount = 0.9", "discount names no section, and nothing uses it as %discount; near: loss.discount"),
        ("learning_rate = 3e-4", "near: optimizer.learning_rate"),
        ("lr = 3e-4", "near: optimizer.learning_rate"),
        ("gamma = 0.9", "near: loss.discount"),
        ("num_env = 8", "near: run.num_envs"),
        ("WIDHT = 32", "WIDHT names no section"),
        ("xyzzy = 1", "with the sections env, network, loss"),
        ("losss.lambda = 1", "unknown option 'losss.lambda'; near: loss.lambda_"),
        ("mappo/loss.discount = 0.9", "scopes are not taken (mappo/loss.discount)"),
        ("loss/discount = 0.9", "write loss.discount = ..."),
        ("a/b/loss.discount = 0.9", "write loss.discount = ..."),
        ("a/GAMMA = 0.9\nloss.discount = %a/GAMMA", "scopes are not taken"),
        ("GAMMA/macro.value = 0.9", "scopes are not taken"),
        ("loss.discount = %a/GAMMA", "%a/GAMMA has a scope"),
        ("loss:\n  discount = 0.9", "blocks are not taken (loss:)"),
        ("a/loss:\n  discount = 0.9", "blocks are not taken"),
        # References and code.
        ("loss.discount = @loss()", "@loss() calls something; loss.discount takes a literal value"),
        ("network.policy_layers = (64, @a/b)", "@a/b calls something"),
        ("env.arguments = {'n': [@f()]}", "@f() calls something"),
        ("from os import path", "only 'import MODULE' is taken"),
        ("import os as system", "only 'import MODULE' is taken"),
        ("from __gin__ import dynamic_registration", "only 'import MODULE' is taken"),
        ("import no_such_module_of_anybody", "cannot import no_such_module_of_anybody (ModuleNotFoundError"),
        # Macros.
        ("loss.discount = %GAMMA", "nothing defines the macro %GAMMA"),
        ("GAMA = 0.9\nloss.discount = %GAMMA", "near: %GAMA"),
        ("A = %B\nB = %A\nloss.discount = %A", "the macro A is defined by itself"),
        ("loss.discount = -%GAMMA\nGAMMA = 0.9", "a minus without a number"),
        ("A = 0.9\nB = %A\nloss.discount = 0.9", "nothing uses it"),
        # Twice.
        ("loss.discount = 0.9\nloss.discount = 0.8", "line 2: loss.discount is bound already"),
        ("loss.discount = 0.9\nseed_matrace.loss.discount = 0.8", "line 2: loss.discount is bound already"),
        ("A = 1\nA = 2\nloss.lambda_ = %A", "line 2: A is bound already"),
        ("loss.discount = 0.9\ninclude 'paper.gin'", "put the include before it"),
        ("env.arguments = {'n': 1, 'n': 2}", "'n' stands twice"),
        # Values.
        ("env.map_name = corridor", "write env.map_name = 'corridor'"),
        ("env.map_name = 2s3z", "write env.map_name = '2s3z'"),
        ("env.map_name = 'corridor", "' is missing"),
        ("env.map_name = 8", "env.map_name must be text, not 8; text stands in quotes"),
        ("env.game_version = 4.10", "text stands in quotes"),
        ("network.critic_input = state", "write network.critic_input = 'state'"),
        ("network.policy_layers = (64)", "write (64,)"),
        ("network.policy_layers = (a, b)", "a in 'network.policy_layers = (a, b)' is no value"),
        ("network.policy_layers = (64, 64", "opened and never closed"),
        ("env.obs_last_action = true", "write env.obs_last_action = True"),
        ("env.obs_last_action = FALSE", "write env.obs_last_action = False"),
        ("env.obs_last_action = 0", "write False"),
        ("env.step_mul = none", "write env.step_mul = None"),
        ("learner.batch_size = 3.2e1", "write 32"),
        ("learner.batch_size = '32'", "write a number, without quotes"),
        ("loss.discount = nan", "a finite number is expected"),
        ("loss.discount = 0.9 0.8", "one a line"),
        ("loss.discount = 0.9 + 0.05", "one a line"),
        ("network.policy_layers = 64, 64", "several stand in brackets"),
        ("network.policy_layers = '64, 64'", "write numbers in brackets"),
        ("optimizer.learning_rate = 0,0005", "a decimal has a point"),
        ("run.num_envs = 064", "064 is not one number"),
        ("run.total_env_steps = 5M", "5M is no number; write run.total_env_steps = 5_000_000"),
        ("network.share_policy = 'no'", "write False"),
        # Advice that may be followed.
        ("loss.discount = 0.9f", "0.9f is not one number; write it, as in loss.discount = 0.99"),
        ("loss.discount = 1/1000", "as in loss.discount = 0.99"),
        ("loss.discount = float(0.9)", "a finite number is expected, as in loss.discount = 0.99"),
        ("loss.discount = nan", "as in loss.discount = 0.99"),
        ("loss.discount = true", "true is not one number"),
        ("loss.discount = high", "as in loss.discount = 0.99"),
        ("seed_matrace.optimizer.learning_rate = 3e--4", "as in seed_matrace.optimizer.learning_rate = 0.001"),
        ("run.total_env_steps = 2.5k", "write run.total_env_steps = 2_500"),
        ("run.total_env_steps = 5,000,000", "write a whole number, as in run.total_env_steps = 10000000"),
        ("topology.num_actors = two", "as in topology.num_actors = 1"),
        ("env.map_name = inf", "write env.map_name = 'inf'"),
        ("env.map_name = 064", "write env.map_name = '064'"),
        ("loss.importance_weights = none", "write loss.importance_weights = 'none'"),
        ("env.obs_last_action = maybe", "write True or False, as in env.obs_last_action = False"),
        ("network.policy_layers = 64x64", "as in network.policy_layers = (64, 64)"),
        ("env.arguments = n", "as in env.arguments = {'name': 1}"),
        ("network.policy_layers = 'wide'", "network.policy_layers must be whole numbers in brackets, not 'wide'"),
        ("loss.discount = None", "loss.discount must be a number, not None"),
        ("topology.num_actors = 'two'", "topology.num_actors must be a whole number or None, not 'two'"),
        ("env.arguments = {'n': inf}", "a finite number is expected"),
        ("include paper.gin", "write include 'FILE'"),
        ("loss..discount = 1", "cannot read"),
        ("loss.discount == 0.9", "expected is section.option = value"),
        ("loss.discount : 0.9", "expected is section.option = value"),
        ("loss.discount += 0.9", "expected is section.option = value"),
        ("--loss.discount=0.9", "expected is section.option = value"),
        ("loss.discount", "expected is section.option = value"),
        ("loss.discount = ", "is given no value"),
        ("loss.discount = 0.9; loss.lambda_ = 0.9", "one a line"),
        ("loss.discount = 0.9\u2009", "U+2009"),
        ("env.map_name = \u201ccorridor\u201d", "U+201C"),
        ("loss.baseline_cost = \u22120.5", "U+2212"),
        ("env.arguments = " + "[" * 50 + "]" * 50, "too deeply nested"),
        ("env.arguments = " + "[" * 100_000, ""),
        ("env.arguments = {[1]: 2}", "cannot read the value"),
        ("env.arguments = {'n': 1j}", "numbers, text, lists and dicts, not 1j (complex)"),
        ("env.arguments = {'n': b'x'}", "(bytes)"),
        ("env.arguments = {1: 2}", "must be names"),
        ("loss.discount = 0.9\0", "a NUL byte"),
        ("env.map_name = '\\ud800'", "must be printable"),
        ("env.map_name = '3m\\n'", "must be printable"),
        ("env.map_name = '\udce9'", "not UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(text, said):
    assert said in refusal(gin_params=[text])


def test_the_command_line_says_the_same_and_ends_with_2(capsys):
    assert cli.main(["train", "--gin_param=discount=0.9"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "near: loss.discount" in said
    assert cli.main(["sweep", "--sweep_dir=nowhere", "--grid=discount=[0.9,0.99]"]) == 2
    assert "near: loss.discount" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "discount"),
    [
        ("loss.discount=0.9", 0.9),
        ("\n\n  loss.discount = 0.9  # as elsewhere: 'this'\n", 0.9),
        ("loss.discount\t=\t0.9", 0.9),
        ("loss.discount = \\\n    0.9", 0.9),
        ("loss.discount = (0.9)", 0.9),
        ("loss.discount = 9_0e-2", 0.9),
        ("GAMMA = 0.9\nloss.discount = %GAMMA", 0.9),
        ("loss.discount = %g\ng = %h\nh = 0.9", 0.9),
        ("layers = (8, 8)\nnetwork.policy_layers = %layers\nloss.discount = 0.9", 0.9),
        ("width = 8\nnetwork.policy_layers = (%width, 8)\nloss.discount = 0.9", 0.9),
        ("include 'paper.gin'\nloss.discount = 0.9", 0.9),
        ("", 0.99),
    ],
)
def test_what_is_meant_is_taken(text, discount):
    assert load_config([], [text])[0].loss.discount == discount


def test_macros_of_a_file_may_be_given_another_value(tmp_path):
    file = written(tmp_path, "GAMMA = 0.9\nloss.discount = %GAMMA\n")
    assert load_config([file], ["GAMMA = 0.8"])[0].loss.discount == 0.8
    assert load_config([file], ["loss.discount = 0.7"])[0].loss.discount == 0.7
    assert "GAMMA" in refusal([file], ["loss.discount = 0.7", "GAMMA = 0.8"])  # it came too late


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"# Caf\xe9\nloss.discount = 0.9\n", "mine.gin:1: byte 0xe9 at byte 5 is not UTF-8"),
        ("loss.discount = 0.9\n".encode("utf-16"), "mine.gin:1: UTF-16 at byte 0 is not UTF-8"),
        ("loss.discount = 0.9\n".encode("utf-16-le"), "mine.gin:1: a NUL byte"),
        (b"\n\nloss.discount = 0.9\0\n", "mine.gin:3: a NUL byte"),
        (b"loss.lambda_ = 0.9\rdiscount = 0.9\r", "mine.gin:2: discount names no section"),
        (b"\nloss.discount = 'x'\n", "mine.gin:2: loss.discount must be a number"),
        (b"\n\nloss.discount = 0.9 0.9\n", "mine.gin:3: cannot read"),
        (b"import os\n", "mine.gin:1: 'import os': configuration is data and imports nothing"),
        (b"from os import path\n", "mine.gin:1: 'from os import path'"),
        (b"from __gin__ import dynamic_registration\nimport subprocess\n", "mine.gin:1"),
        (b"loss.discount = @subprocess.Popen()\n", "mine.gin:1: @subprocess.Popen() calls something"),
    ],
)
def test_files_are_named_with_their_line(tmp_path, data, said):
    assert said in refusal([written(tmp_path, data)])


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfloss.discount = 0.9\n",
        b"loss.discount = 0.9\r\nloss.lambda_ = 0.9\r\n",
        "# Zażółć\nloss.discount = 0.9".encode(),
        b"\t\nloss.discount = 0.9\n\t",
    ],
)
def test_files_of_other_editors_are_taken(tmp_path, data):
    assert load_config([written(tmp_path, data)])[0].loss.discount == 0.9


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    assert "is a folder" in refusal([tmp_path])
    for path in ("no\0file.gin", "x" * 5000, ""):
        assert refusal([path])


def test_no_file_imports_and_a_flag_may(tmp_path, monkeypatch):
    """Whatever includes it: a run directory or a gin file of someone else is data."""
    written(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\n", "of_theirs.py")
    monkeypatch.syspath_prepend(tmp_path)
    file = written(tmp_path, "import of_theirs\n")
    for gin_files, gin_params in (([file], []), ([], [f"include '{file}'"])):
        assert "mine.gin:1: 'import of_theirs'" in refusal(gin_files, gin_params)
    with pytest.raises(ConfigError, match="imports nothing"):
        load_config([], ["import of_theirs"], imports=False)
    assert not (tmp_path / "ran").exists()
    load_config([], ["import of_theirs"])
    assert (tmp_path / "ran").exists()
    sys.modules.pop("of_theirs")


def test_includes_are_found_beside_the_file_then_here_then_among_the_shipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outer = written(tmp_path, "include 'one.gin'\ninclude 'two.gin'\ninclude 'maps/8m.gin'\n", "folder/outer.gin")
    written(tmp_path, "loss.discount = 0.9\n", "folder/one.gin")
    written(tmp_path, "loss.discount = 0.1\n", "one.gin")
    written(tmp_path, "loss.lambda_ = 0.8\n", "two.gin")
    config = load_config([outer])[0]
    assert (config.loss.discount, config.loss.lambda_, config.env.map_name) == (0.9, 0.8, "8m")
    assert load_config([], ["include 'one.gin'"])[0].loss.discount == 0.1
    assert "mine.gin:1: no gin file 'three.gin'" in refusal([written(tmp_path, "include 'three.gin'")])


def test_files_that_include_one_another_are_refused(tmp_path):
    written(tmp_path, "include 'a.gin'\n", "b.gin")
    assert "includes it in turn" in refusal([written(tmp_path, "include 'b.gin'\n", "a.gin")])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(-1e30, 1e30, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-30)
    | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab "), inner) | st.tuples(inner, inner) | st.tuples(inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(
    arguments=st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), VALUES),
    rate=st.floats(1e-30, 1e30),
    name=st.text(st.characters(exclude_categories=["C", "Z"])),
)
def test_operative_config_says_every_value_exactly(tmp_path_factory, arguments, rate, name):
    options = {"backend": "pettingzoo", "map_name": name, "arguments": arguments}
    params = [*(f"env.{key} = {value!r}" for key, value in options.items()), f"optimizer.learning_rate = {rate!r}"]
    config, given_text, operative = load_config([], params)
    assert (config.env.arguments, config.optimizer.learning_rate, config.env.map_name) == (arguments, rate, name)
    folder = tmp_path_factory.mktemp("written")
    for text in (given_text, operative):
        again = load_config([written(folder, text)])
        assert again[0] == config and repr(again[0]) == repr(config)
    assert again[2] == operative


def test_files_that_gin_itself_wrote_are_read(tmp_path):
    """Runs of earlier versions have macros and continued lines in their operative_config.gin."""
    text = (
        "# Macros:\n# " + "=" * 78 + "\nGAMMA = 0.9\n\n# Parameters for loss:\nloss.discount = %GAMMA\n\n"
        "env.backend = 'pettingzoo'\nenv.map_name = 'mpe2.simple_spread_v3'\n"
        "env.arguments = \\\n    {'N': 3,\n     'max_cycles': 25}\n"
    )
    config = load_config([written(tmp_path, text)])[0]
    assert config.loss.discount == 0.9 and config.env.arguments == {"N": 3, "max_cycles": 25}


def test_threads_load_side_by_side():
    found = {}

    def load(discount):
        for _ in range(20):
            found.setdefault(discount, set()).add(load_config([], [f"loss.discount = {discount}"])[0].loss.discount)

    threads = [threading.Thread(target=load, args=(discount / 10,)) for discount in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(values == {discount} for discount, values in found.items())


def test_a_run_directory_of_someone_else_is_data(tmp_path):
    written(tmp_path, "import antigravity\nloss.discount = 0.9\n", OPERATIVE_CONFIG)
    with pytest.raises(ConfigError, match=r"operative_config\.gin:1: 'import antigravity'"):
        load_run_config(tmp_path)


def test_a_run_goes_on_with_other_options_of_its_machine(tmp_path):
    written(tmp_path, load_config()[2], OPERATIVE_CONFIG)
    same = ["starcraft2.step_timeout_s = 30", "run.total_env_steps = 5", "learner.inter_op_threads = 1"]
    assert differences(tmp_path, load_config([], same)[0]) == []
    (difference,) = differences(tmp_path, load_config([], ["loss.discount = 0.5"])[0])
    assert difference == "loss.discount was 0.99, now 0.5"
