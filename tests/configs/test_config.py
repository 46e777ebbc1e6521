"""Loading gin files: order, types, ranges, and messages that help."""

import dataclasses
import re

import pytest

from seed_matrace.config import MACHINE, OPTIONS, SECTIONS, ConfigError, load_config, options
from seed_matrace.gin_files import gin_dir
from seed_matrace.sections.loss import LossConfig


def test_later_files_and_params_win(tmp_path):
    first = tmp_path / "first.gin"
    first.write_text("loss.discount = 0.5\nloss.lambda_ = 0.5\n")
    second = tmp_path / "second.gin"
    second.write_text("loss.discount = 0.6\n")
    config, _, _ = load_config([first, second], ["loss.baseline_cost = 0.7"])
    assert (config.loss.discount, config.loss.lambda_, config.loss.baseline_cost) == (0.6, 0.5, 0.7)


def test_operative_config_gives_the_same_configuration_again(tmp_path):
    config, _, operative = load_config(["maps/8m.gin"], ["loss.discount=0.9", "network.policy_layers=[32]"])
    again = tmp_path / "operative_config.gin"
    again.write_text(operative)
    assert load_config([again])[0] == config


def test_options_of_the_machine_stand_together_at_the_end_of_what_a_run_writes():
    _, given, operative = load_config([], ["learner.strategy='one_device'", "learner.batch_size=8", "run.num_envs=8"])
    for text in (given, operative):
        science, _, machine = text.partition("# Machine: decides nothing of what is learnt")
        names = [re.findall(r"^([\w.]+) = ", part, re.MULTILINE) for part in (science, machine)]
        assert "learner.batch_size" in names[0] and "learner.strategy" in names[1]
        assert not MACHINE & set(names[0]) and set(names[1]) <= MACHINE
        assert machine.count("# ===") == 1
    assert len(re.findall(r"^[\w.]+ = ", operative, re.MULTILINE)) == len(OPTIONS)


def test_operative_config_of_older_versions_with_every_option_in_its_section_still_loads(tmp_path):
    config = load_config([], ["learner.intra_op_threads=3", "topology.num_actors=5", "loss.discount=0.9"])[0]
    lines = []
    for section in sorted(SECTIONS):
        values = sorted(options(config).items())
        own = [f"{name} = {value!r}" for name, value in values if name.startswith(f"{section}.")]
        lines += [f"# Parameters for {section}:", "# " + "=" * 78, *own, ""]
    (tmp_path / "operative_config.gin").write_text("\n".join(lines))
    assert load_config([tmp_path / "operative_config.gin"])[0] == config


def test_shipped_gin_files_say_nothing_of_the_machine():
    files = [path.relative_to(gin_dir()) for path in sorted(gin_dir().rglob("*.gin"))]
    assert len(files) > 30
    for file in files:
        assert not [name for name in MACHINE if f"\n{name} = " in f"\n{load_config([file])[1]}"], file


def test_loading_leaves_no_trace_in_the_defaults():
    load_config([], ["loss.discount=0.123"])
    assert LossConfig().discount == 0.99


def test_configuration_is_frozen():
    config, _, _ = load_config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.loss.discount = 0.5


@pytest.mark.parametrize(
    ("param", "said"),
    [
        ("loss.discont = 0.9", "near: loss.discount"),
        ("los.discount = 0.9", "near: loss.discount"),
        ("loss.discount = 'high'", "loss.discount must be a number, not 'high'"),
        ("loss.discount = 1.5", "loss.discount must be at most 1"),
        ("learner.batch_size = 32.0", "learner.batch_size must be a whole number"),
        ("learner.batch_size = True", "learner.batch_size must be a whole number"),
        ("learner.batch_size = 0", "learner.batch_size must be at least 1"),
        ("network.policy_layers = (64, 0)", "network.policy_layers must be at least 1"),
        ("network.policy_layers = ('a',)", "network.policy_layers[0] must be a whole number"),
        ("network.critic_input = 'sate'", "did you mean 'state'"),
        ("env.obs_lastaction = True", "near: env.obs_last_action"),
        ("env.step_mul = 0", "env.step_mul must be at least 1"),
        ("env.move_amount = 1.5\nenv.obs_pathing_grid = True", "env.obs_pathing_grid looks at whole cells"),
        ("loss.importance_weights = 'per_agent'", "needs one value per agent (network.critic_input = 'own_obs' or"),
        ("loss.mean_value = True", "needs one value per agent"),
        ("loss.bootstrap_time_limit = True\nnetwork.critic_gru_units = 8", "needs a critic without memory"),
        (
            "env.backend = 'starcraft2'\ninference.actor_timeout_s = 100",
            "cut actors off whose game is only launched anew",
        ),
        ("loss.discount = @nothing", "--gin_param 'loss.discount = @nothing'"),
        ("loss.discount =", "--gin_param"),
    ],
)
def test_bad_binding_is_one_clear_sentence(param, said):
    with pytest.raises(ConfigError) as caught:
        load_config([], [param])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_file_names_the_near_ones():
    with pytest.raises(ConfigError, match=r"maps/3m\.gin"):
        load_config(["maps/4m.gin"])


def test_error_in_a_file_names_the_file(tmp_path):
    bad = tmp_path / "bad.gin"
    bad.write_text("loss.discount = 0.9\nlosss.lambda_ = 1.0\n")
    with pytest.raises(ConfigError, match=r"bad\.gin.*losss"):
        load_config([bad])
