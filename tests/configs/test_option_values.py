"""Values that cannot be meant are refused, those that may not be are said once, and what a run may change is known."""

import dataclasses
import itertools
from pathlib import Path

import pytest

from seed_matrace.config import MACHINE, OPTIONS, ConfigError, decides_learning, load_config
from seed_matrace.config_effects import effective, warnings_of
from seed_matrace.fields import option
from seed_matrace.gin_files import gin_dir
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.smac_options import SmacOptions

FLOATS = [name for name, item in OPTIONS.items() if isinstance(item.default, float)]
INTS = [name for name, item in OPTIONS.items() if type(item.default) is int]
VARIANTS = [path.relative_to(gin_dir()).as_posix() for path in gin_dir().rglob("*.gin") if path.parent.name != "maps"]


@pytest.mark.parametrize("value", ["1e999", "-1e999", "1e39", "1e-60"])
@pytest.mark.parametrize("name", FLOATS)
def test_numbers_are_finite_and_fit_a_float32(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be"):
        load_config([], [f"{name} = {value}"])


@pytest.mark.parametrize("name", FLOATS + INTS)
def test_whole_numbers_fit_64_bits(name):
    with pytest.raises(ConfigError, match=f"{name} must be"):
        load_config([], [f"{name} = 0x1{'0' * 5000}"])


@pytest.mark.parametrize(
    "binding",
    [
        *("loss.clip_rho_threshold = 0", "loss.clip_pg_rho_threshold = 0", "optimizer.epsilon = 0"),
        *("run.stop_loss = 0", "run.stop_loss = -1", "loss.entropy_cost = 0", "loss.entropy_cost = 1e9"),
        *("inference.max_wait_ms = 1e6", "inference.actor_timeout_s = 1e30", "starcraft2.step_timeout_s = 1e30"),
        *("learner.inter_op_threads = 1_000_000", "network.policy_layers = (1_000_000_000,)"),
        *("evaluation.episodes = 10**12", "evaluation.episodes = 1_000_000_000_000", "env.frame_stack = 1_000_000"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(binding):
    with pytest.raises(ConfigError, match=binding.split()[0]):
        load_config([], [binding])


NEEDS_A_LOOK = [
    ("loss.clip_c_threshold = 2", "c-bar <= rho-bar"),
    ("loss.clip_rho_threshold = 0.5", "c-bar <= rho-bar"),
    ("optimizer.learning_rate = 0", "nothing is learnt"),
    ("loss.baseline_cost = 0", "the critic is never trained"),
    ("optimizer.warmup_steps = 200_000", "no less than the run's 25,008 learner steps"),
    ("optimizer.decay_env_steps = 6_000_000", "does not fall to optimizer.decay_to"),
    ("optimizer.decay_env_steps = 1000\noptimizer.decay_to = 1", "does not fall, whatever"),
    ("optimizer.decay_to = 0.1", "optimizer.decay_env_steps = 0 is off"),
    (
        "learner.policy_lag = 10_000\nrun.total_env_steps = 100_000\nlearner.updates_per_batch = 1",
        "the first weights act to the end",
    ),
    ("run.total_env_steps = 100\nrun.stop_win_rate = 0", "one batch takes 1,280 env steps"),
    ("evaluation.every_env_steps = 6_000_000\nrun.stop_win_rate = 0", "only the start and the end are evaluated"),
    ("evaluation.every_env_steps = 100", "less than the 1,280 of a batch"),
    ("evaluation.every_env_steps = 10_000\nevaluation.every_fraction = 0.1", "every_env_steps = 10000 decides"),
    ("run.stop_episodes = 5000", "run.stop_win_rate = 0.98 never stops this run"),
    ("evaluation.episodes = 1", "never stops this run"),
    ("run.stop_episodes = 64\nrun.stop_win_rate = 0", "run.stop_win_rate = 0 never stops early"),
    ("loss.target_entropy = 1\nloss.entropy_cost_speed = 0", "keeps the entropy cost fixed"),
    ("loss.importance_weights = 'none'\nloss.clip_c_threshold = 3", "takes every ratio for 1"),
    ("loss.importance_weights = 'none'\nloss.clip_ratio = 0.1", "takes every ratio for 1"),
    ("loss.importance_weights = 'none'\nlearner.proximal_age = 4", "takes every ratio for 1"),
    ("loss.clip_ratio = 0\nlearner.proximal_age = 4", "clips no ratios"),
    ("learner.updates_per_batch = 1\nloss.clip_ratio = 0.1\nlearner.proximal_age = 0", "no ratio moves before"),
    ("network.policy = 'mlp'\nnetwork.embedding_dim = 8", "sees no rows of units"),
    ("learner.max_kl = 0.1\nlearner.updates_per_batch = 1", "no batch gets a second learner step"),
    ("learner.minibatches = 4\nlearner.updates_per_batch = 1", "no batch gets a second learner step"),
    ("learner.minibatches = 4\nlearner.batch_size = 1", "one column has no parts"),
    ("learner.replay_fraction = 0.25\nlearner.replay_order = 'newest'", "keeps no unrolls"),
    ("optimizer.clip_apart = True\noptimizer.clip_norm = 0", "clips nothing"),
    ("loss.entropy_floor = 0.01\nloss.entropy_env_steps = 10_000", "'trained' does not look at it"),
    ("loss.entropy_schedule = 'env_steps'\nloss.target_entropy_fraction = 0.3", "does not look at it"),
    ("loss.entropy_schedule = 'target'\nloss.entropy_cost_speed = 5", "does not look at it"),
    ("inference.max_wait_ms = 1000\ninference.actor_timeout_s = 0.5", "wait longer than"),
    ("starcraft2.step_timeout_s = 30", "plays no StarCraft II"),
    ("starcraft2.replay_every = 1", "plays no StarCraft II"),
    ("env.game_version = '4.10'", "plays no StarCraft II"),
    ("env.difficulty = '3'", "neither the simulator nor the games"),
    ("env.window_size_x = 640\nenv.debug = True", "env.debug = True, env.window_size_x = 640 does nothing"),
    ("env.replay_dir = '/replays'", "stepped by hand"),
    ("env.heuristic_ai = True", "what is trained never acts"),
    ("env.heuristic_rest = True", "env.heuristic_ai = False"),
    ("env.obs_own_health = False", "env.obs_all_health = True"),
    ("env.state_last_action = False", "sees no state"),
    ("network.critic_input = 'state'\nenv.obs_instead_of_state = True\nenv.state_last_action = False", "observations"),
    ("env.reward_negative_scale = 1.0", "own losses do not count"),
    ("env.reward_sparse = True\nenv.reward_defeat = -1.0", "nothing but the outcome"),
    ("env.reward_scale = False\nenv.reward_scale_rate = 10.0", "env.reward_scale = False"),
    ("env.backend = 'counting'\nenv.obs_last_action = True", "'counting' has no battles"),
    ("env.backend = 'pettingzoo'\nrun.stop_win_rate = 0.5", "nobody wins without env.won_info"),
    ("env.backend = 'counting'\nevaluation.replays = False", "'counting' leaves no replays"),
    ("run.stop_loss = 1e-30", "10 or more is usual"),
    ("optimizer.learning_rate = 100", "1e-07 to 0.1 is usual"),
    ("optimizer.epsilon = 1e30", "weights stay as they are"),
    ("optimizer.clip_norm = 1e-30", "weights stay as they are"),
    ("loss.kl_cost = 1e30", "1e-06 to 100 is usual"),
    ("loss.max_abs_reward = 1e-30", "cut to next to nothing"),
    ("loss.baseline_cost = 1e30", "is hardly meant"),
    ("loss.discount = 1e-30", "rewards to come hardly count"),
    ("loss.entropy_cost_speed = 1e30", "stays as it is, or leaps"),
    ("env.reward_win = 1e30", "worth 20 in all"),
    ("inference.max_wait_ms = 50_000", "nothing but wait"),
]


@pytest.mark.parametrize(("params", "said"), NEEDS_A_LOOK)
def test_values_that_may_not_be_meant_are_said_once(params, said):
    (warning,) = warnings_of(load_config(["maps/3m.gin"], [params])[0])
    assert said in warning and "\n" not in warning


def test_a_loss_of_ones_own_may_look_at_any_option():
    registry = registry_of(read_modules([Path(__file__).parents[2] / "examples" / "ppo_clip.py"]))
    params = ["loss.function = 'ppo_clip'", "loss.importance_weights = 'none'", "learner.proximal_age = 3"]
    params += ["learner.updates_per_batch = 1", "loss.clip_ratio = 0.1", "loss.policy_ratios = 'as_targets'"]
    config = load_config([], params, registry=registry)[0]
    assert warnings_of(config) == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            "inference.max_wait_ms = 5\ntopology.num_actors = 2",
            "inference.max_wait_ms = 5.0, topology.num_actors = 2",
        ),
        ("actor.groups_per_actor = 2", "actor.groups_per_actor = 2 does nothing in this run: it is of one process"),
        ("learner.queued_unrolls = 2", "of one process"),
    ],
)
def test_what_only_actors_do_does_nothing_in_one_process(params, said):
    config, *_ = load_config([], [params])
    (warning,) = warnings_of(config, num_actors=0)
    assert said in warning
    assert warnings_of(config) == warnings_of(config, num_actors=2, here=True) == []


def test_what_is_reserved_on_several_machines_does_nothing_on_one():
    config, *_ = load_config([], ["topology.learner_cpus = 4\ntopology.num_actors = 2"])
    assert warnings_of(config, num_actors=2) == []
    (warning,) = warnings_of(config, num_actors=2, here=True)
    assert warning.startswith("topology.learner_cpus = 4.0 does nothing")
    assert "--num_actors=3 decides" in warnings_of(config, num_actors=3)[0]


@pytest.mark.parametrize("number", ["1e-999", "-1e-999", "1E-400", f"0.{'0' * 400}1", "(1e-999)"])
def test_numbers_that_would_silently_be_0_are_refused(number):
    with pytest.raises(ConfigError, match="too near to 0"):
        load_config([], [f"optimizer.clip_norm = {number}"])
    for zero in ("0.0", "0e-999", "-0.0", "0_0.0"):
        assert load_config([], [f"loss.kl_cost = {zero}"])[0].loss.kl_cost == 0


@pytest.mark.parametrize("backend", ["skirmish", "starcraft2", "counting", "pettingzoo"])
def test_shipped_files_in_any_order_need_no_look(backend):
    """Except that PettingZoo knows nothing of rewards of SMAC."""
    for files in itertools.permutations([file for file in VARIANTS if "kill_reward" not in file], 2):
        assert warnings_of(load_config(files, [f"env.backend = {backend!r}"])[0]) == []


def test_options_that_do_nothing_make_no_other_run():
    one, other = (load_config([], [f"optimizer.decay_to = {to}"])[0] for to in (0.1, 0.2))
    assert one != other and effective(one) == effective(other)
    one, other = (load_config([], [f"loss.discount = {to}"])[0] for to in (0.1, 0.2))
    assert effective(one) != effective(other)


def test_options_of_machine_budget_and_stopping_may_change_and_nothing_else():
    may_change = {name for name in OPTIONS if not decides_learning(name)}
    whole = {"inference", "actor", "starcraft2", "topology"}
    assert {name for name in may_change if name.split(".")[0] not in whole} == {
        *("run.total_env_steps", "run.keep_checkpoints"),
        *("run.stop_win_rate", "run.stop_loss", "run.stop_episodes"),
        *("learner.strategy", "learner.replicas", "learner.intra_op_threads", "learner.inter_op_threads"),
        *("evaluation.replays", "evaluation.absolute_episodes"),
        *("env.replay_dir", "env.replay_prefix", "env.window_size_x", "env.window_size_y", "env.debug"),
    }
    assert {name for name in OPTIONS if name.split(".")[0] in whole} <= may_change


def test_options_of_the_machine_are_marked_and_so_may_change():
    whole = {name for name in OPTIONS if name.split(".")[0] in ("inference", "actor", "starcraft2", "topology")}
    of_training = {f"learner.{name}" for name in ("strategy", "replicas", "intra_op_threads", "inter_op_threads")}
    assert whole - {"starcraft2.replay_every"} | of_training == MACHINE  # replays are kept, whatever plays
    assert not any(map(decides_learning, MACHINE))
    assert option(1, "", machine=True).metadata["may_change"] and not option(1, "").metadata["may_change"]


def test_smac_options_are_checked_the_same_by_themselves():
    for item in dataclasses.fields(SmacOptions):
        if isinstance(item.default, float):
            with pytest.raises(ValueError, match="finite"):
                SmacOptions(**{item.name: float("inf")})


@pytest.mark.parametrize("value", ["{'n': 1e999}", "{'n': [-1e999]}", "{'n': {'m': (1, 0x1" + "0" * 20 + ")}}"])
def test_arguments_of_environments_are_held_to_the_same(value):
    with pytest.raises(ConfigError, match=r"env\.arguments\['n'\]"):
        load_config([], [f"env.arguments = {value}"])


def test_numbering_of_enemies_is_the_simulators_own():
    asked = "env.shuffle_enemies = False"
    assert warnings_of(load_config(["maps/3m.gin"], [asked])[0]) == []
    (warning,) = warnings_of(load_config(["maps/3m.gin"], [asked, "env.backend = 'starcraft2'"])[0])
    assert warning == (
        "env.shuffle_enemies = False does nothing in this run: StarCraft II numbers the enemies itself, anew for each "
        "battle"
    )
    (warning,) = warnings_of(load_config([], [asked, "env.backend = 'counting'"])[0])
    assert warning == "env.shuffle_enemies = False does nothing in this run: env.backend = 'counting' has no battles"
    with pytest.raises(ConfigError, match=r"env.shuffle_enemies is of SMAC's battles and means nothing to PettingZoo"):
        load_config([], [asked, "env.backend = 'pettingzoo'", "env.map_name = 'mpe2.simple_spread_v3'"])


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            "learner.replay_buffer = 8\nlearner.replay_fraction = 0.01",
            "less than one column; 0.015625 or more expected",
        ),
        ("learner.minibatches = 8\nlearner.batch_size = 4", "8 is more than learner.batch_size = 4 columns"),
        ("loss.entropy_schedule = 'env_steps'\nloss.entropy_cost = 0.001", "below loss.entropy_floor = 0.003"),
        ("loss.entropy_schedule = 'target'\nloss.entropy_cost = 2", "above loss.entropy_ceiling = 1"),
    ],
)
def test_options_of_learner_steps_that_contradict_each_other_are_refused(params, said):
    with pytest.raises(ConfigError, match=said):
        load_config([], [params])
