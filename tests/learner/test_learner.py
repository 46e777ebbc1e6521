"""The learner as a whole: one step, threads, checkpoints, reproducibility and that it learns."""

import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.config import SECTIONS, Config
from seed_matrace.learner.learner import Learner
from seed_matrace.specs import ArraySpec, EnvSpec, empty_unroll
from seed_matrace.types import REQUIRED_FIELDS, Memory, Unroll, UnrollFields

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, COLUMNS = 6, 4


def _config(**sections: dict) -> Config:
    """The defaults at a tiny size, but for ``sections`` such as loss={"discount": 0.9}."""
    sections = {"learner": {"unroll_length": STEPS}, **sections}
    config = Config(**{name: kind() for name, kind in SECTIONS.items()})
    replaced = {name: dataclasses.replace(getattr(config, name), **options) for name, options in sections.items()}
    return dataclasses.replace(config, **replaced)


def _act(learner: Learner, unroll: Unroll) -> None:
    """Fills actions and log-probabilities with the learner's own policy, from the state that enters step 0."""
    recurrent = unroll.recurrent[0].copy()
    for t in range(len(unroll.reward)):
        recurrent[unroll.terminated[t]] = 0
        memory = Memory(unroll.last_action[t], recurrent)
        output = learner.policy_step(unroll.obs[t], unroll.avail_actions[t], np.array([9, t]), memory, unroll.state[t])
        unroll.action[t], unroll.log_prob[t] = output.action, output.log_prob
        recurrent = np.array(output.recurrent) if recurrent.size else recurrent


def _unroll(steps: int = STEPS, columns: int = COLUMNS, fields: UnrollFields = REQUIRED_FIELDS) -> Unroll:
    rng = np.random.default_rng(steps * columns)
    unroll = empty_unroll(SPEC, steps, columns, fields)
    unroll.last_action[:] = rng.integers(-1, 3, unroll.last_action.shape)
    unroll.obs[:] = rng.normal(size=unroll.obs.shape)
    unroll.state[:] = rng.normal(size=unroll.state.shape)
    unroll.recurrent[:] = rng.normal(size=unroll.recurrent.shape)
    unroll.avail_actions[:] = rng.random(unroll.avail_actions.shape) < 0.7
    unroll.avail_actions[..., 0] = 1
    unroll.reward[:] = rng.normal(size=unroll.reward.shape)
    unroll.terminated[:] = rng.random(unroll.reward.shape) < 0.1
    unroll.log_prob[:] = -np.log(unroll.avail_actions.sum(-1))
    return unroll


def _weights(learner: Learner) -> list[np.ndarray]:
    modules = learner.policy, learner.critic, learner.entropy_cost
    return [variable.numpy() for module in modules for variable in module.trainable_variables]


def test_train_step_changes_all_weights_and_reports():
    learner = Learner(_config(), SPEC, seed=1)
    before = _weights(learner)
    metrics = learner.train_step(_unroll())
    assert all((old != new).any() for old, new in zip(before, _weights(learner), strict=True))
    assert learner.learner_steps == 1
    assert {"losses/total", "policy/entropy", "IS/rho_max", "V/value_mean", "optimizer/grad_norm"} <= set(metrics)
    assert all(np.isfinite(float(value)) for value in metrics.values())


@pytest.mark.parametrize("options", [{}, {"last_action": True, "policy_gru_units": 4, "critic_gru_units": 3}])
def test_shared_arrays_show_what_is_written_to_them_later(options):
    config = _config(network=options)
    learner = Learner(config, SPEC, seed=1)
    unroll = _unroll(columns=16, fields=config.network.unroll_fields)

    def arrays(t):
        """Observations, available actions, seed, last actions, recurrent state, state."""
        seed = np.array([9, t])
        return unroll.obs[t], unroll.avail_actions[t], seed, unroll.last_action[t], unroll.recurrent[0], unroll.state[t]

    def policy_step(obs, avail_actions, seed, last_action, recurrent, state):
        return learner.policy_step(obs, avail_actions, seed, Memory(last_action, recurrent), state)

    written = [ArraySpec(array.shape, array.dtype).empty() for array in arrays(0)]
    shared = [learner.alias(array) for array in written]
    assert all(isinstance(tensor, tf.Tensor) for tensor in shared[:3])
    for t in range(STEPS):
        for target, source in zip(written, arrays(t), strict=True):
            target[...] = source
        for got, want in zip(policy_step(*shared), policy_step(*arrays(t)), strict=True):
            assert (got is None) == (want is None)
            if want is not None:
                np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("critic_input", ["joint_obs", "state", "own_obs"])
def test_data_of_the_current_policy_have_ratio_one(critic_input):
    learner = Learner(_config(network={"critic_input": critic_input}), SPEC, seed=1)
    unroll = _unroll(fields=UnrollFields(with_state=critic_input == "state"))
    learner.train_step(unroll)
    _act(learner, unroll)
    metrics = learner.train_step(unroll)
    np.testing.assert_allclose(metrics["IS/rho_max"], 1, rtol=1e-5)
    np.testing.assert_allclose(metrics["IS/rho_mean"], 1, rtol=1e-5)
    assert abs(learner.train_step(unroll)["IS/rho_max"] - 1) > 1e-5  # the policy has moved on


def test_bfloat16_networks_have_ratios_near_one_on_their_own_data():
    learner = Learner(_config(network={"dtype": "bfloat16"}), SPEC, seed=1)
    unroll = _unroll(columns=32)
    for _ in range(3):
        learner.train_step(unroll)
    for columns in (slice(0, 20), slice(20, 32)):  # inference sees batches of other sizes than training
        part = Unroll(*(np.ascontiguousarray(field[:, columns]) for field in unroll))
        _act(learner, part)
        unroll.action[:, columns], unroll.log_prob[:, columns] = part.action, part.log_prob
    metrics = learner.train_step(unroll)
    np.testing.assert_allclose(metrics["IS/rho_max"], 1, atol=2e-2)
    np.testing.assert_allclose(metrics["IS/rho_mean"], 1, atol=2e-3)
    assert all(variable.dtype == tf.float32 for variable in learner.policy.variables)


EVERYTHING = {
    **{"share_policy": False, "agent_id": True, "last_action": True, "layer_norm": True},
    **{"normalise_obs": True, "normalise_values": True},
}
RECURRENT = {"policy_gru_units": 5, "critic_gru_units": 6}


@pytest.mark.parametrize("recurrent", [{}, RECURRENT], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("critic_input", ["joint_obs", "state", "own_obs", "joint_obs_and_actions"])
def test_variants_train_and_their_checkpoint_holds_all_that_training_changes(critic_input, recurrent, tmp_path):
    network = {"critic_input": critic_input, **EVERYTHING, **recurrent}
    decentralised = critic_input in ("own_obs", "joint_obs_and_actions")
    loss = {"importance_weights": "per_agent", "mean_value": True} if decentralised else {}
    config = _config(network=network, loss=loss, optimizer={"warmup_steps": 5, "decay_env_steps": 200})
    unroll = _unroll(fields=config.network.unroll_fields)
    learner, restored = Learner(config, SPEC, seed=1), Learner(config, SPEC, seed=2)
    for _ in range(3):
        learner.train_step(unroll)
    path = tf.train.Checkpoint(**learner.trackables).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(**restored.trackables).read(path).assert_consumed()
    restored.env_steps.assign(learner.env_steps)  # the run counts them
    for _ in range(3):
        metrics, again = learner.train_step(unroll), restored.train_step(unroll)
        for tag, value in metrics.items():
            np.testing.assert_allclose(again[tag], value, rtol=1e-5, err_msg=tag)
    _act(learner, unroll)
    np.testing.assert_allclose(learner.train_step(unroll)["IS/rho_max"], 1, rtol=1e-4)


def test_learning_rate_follows_its_schedule():
    learner = Learner(_config(optimizer={"warmup_steps": 4, "learning_rate": 0.008}), SPEC, seed=1)
    rates = [float(learner.train_step(_unroll())["optimizer/learning_rate"]) for _ in range(5)]
    np.testing.assert_allclose(rates, [0.002, 0.004, 0.006, 0.008, 0.008], rtol=1e-5)


def test_any_number_of_columns_and_any_unroll_length():
    learner = Learner(_config(), SPEC, seed=1)
    for steps, columns in ((STEPS, 1), (STEPS, 7), (3, 2), (1, 2)):
        assert np.isfinite(learner.train_step(_unroll(steps, columns))["losses/total"])
    assert learner.learner_steps == 4


def test_gradient_clipping_bounds_the_networks_but_not_the_entropy_cost():
    # With an epsilon this large Adam's first step is about learning_rate * gradient / epsilon.
    optimizer = {"learning_rate": 10.0, "epsilon": 1e3}
    steps = {}
    for clip_norm in (0.0, 1e-2):
        learner = Learner(_config(optimizer={**optimizer, "clip_norm": clip_norm}), SPEC, seed=1)
        before = _weights(learner)
        norm = learner.train_step(_unroll())["optimizer/grad_norm"]
        assert norm > 0.1  # reported before clipping
        steps[clip_norm] = [new - old for old, new in zip(before, _weights(learner), strict=True)]
    free, clipped = steps.values()
    for a, b in zip(free[:-1], clipped[:-1], strict=True):
        np.testing.assert_allclose(b, a * 1e-2 / norm, rtol=1e-2, atol=1e-7)
    np.testing.assert_allclose(clipped[-1], free[-1], rtol=1e-5)


def test_the_entropy_cost_stays_in_its_range():
    learner = Learner(_config(), SPEC, seed=1)
    learner.entropy_cost.parameter.assign(-2.5)
    learner.train_step(_unroll())
    np.testing.assert_allclose(learner.entropy_cost(), np.exp(-20.0), rtol=1e-5)


def test_the_seed_decides_the_weights():
    first, again, other = (_weights(Learner(_config(), SPEC, seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).any() or (first[-2] != other[-2]).any()


def test_acting_and_training_at_once():
    learner = Learner(_config(), SPEC, seed=1)
    unroll, outputs, stop = _unroll(), [], threading.Event()

    def act() -> None:
        while not stop.is_set():
            outputs.append(learner.policy_step(unroll.obs[0], unroll.avail_actions[0], np.array([0, len(outputs)])))

    thread = threading.Thread(target=act)
    thread.start()
    for _ in range(50):
        metrics = learner.train_step(unroll)
    stop.set()
    thread.join()
    assert learner.learner_steps == 50
    assert np.isfinite(metrics["losses/total"])
    assert outputs
    for action, log_prob, _ in outputs:
        assert np.take_along_axis(unroll.avail_actions[0], action.numpy()[..., None], -1).all()
        assert np.isfinite(log_prob).all()


def test_checkpoint_holds_all_that_training_changes(tmp_path):
    unroll = _unroll()
    learner = Learner(_config(), SPEC, seed=1)
    for _ in range(3):
        learner.train_step(unroll)
    path = tf.train.Checkpoint(**learner.trackables).write(str(tmp_path / "weights"))
    restored = Learner(_config(), SPEC, seed=2)
    tf.train.Checkpoint(**restored.trackables).read(path).assert_consumed()
    assert restored.learner_steps == 3
    for _ in range(3):
        np.testing.assert_allclose(
            restored.train_step(unroll)["losses/total"], learner.train_step(unroll)["losses/total"], rtol=1e-6
        )
    for a, b in zip(_weights(learner), _weights(restored), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


_TRAIN_FIVE_STEPS = """
import hashlib, sys
import tensorflow as tf
sys.path.insert(0, sys.argv[1])
import test_learner as t
tf.config.experimental.enable_op_determinism()
for seed in (3, 3, 4):
    learner, unroll = t.Learner(t._config(), t.SPEC, seed), t._unroll()
    for _ in range(5):
        t._act(learner, unroll)
        learner.train_step(unroll)
    print(hashlib.sha256(b"".join(w.tobytes() for w in t._weights(learner))).hexdigest())
"""


def test_the_same_seed_trains_the_same_weights_to_the_bit():
    command = [sys.executable, "-c", _TRAIN_FIVE_STEPS, str(Path(__file__).parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    first, again, other = result.stdout.split()
    assert first == again
    assert first != other
