"""Replicas and hosts that share a batch do the step that one device does with the whole of it.

TensorFlow must be told of logical devices and of other hosts before anything else: each is tried in processes of their
own, which run this file, and compared with one device in the process of the tests.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import tasks

from seed_matrace.algo.recurrence import Past
from seed_matrace.config import load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.strategy import Devices, choose_devices
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Memory

SPEC = EnvSpec(n_agents=3, n_actions=4, obs_dim=5, state_dim=6, episode_limit=10)
STEPS, COLUMNS = 5, 8
MODULE = Path(__file__).parents[2] / "examples" / "prediction.py"
# Adam with an epsilon this large steps along the gradient; with a usual one it hides a wrong factor.
SHARED = [
    *("optimizer.learning_rate=1e3", "optimizer.epsilon=1e3", "optimizer.clip_norm=0.1"),
    *("loss.entropy_cost_speed=1.0", "learner.updates_per_batch=1", "learner.minibatches=1"),
]
NORMALISED = [*SHARED, "network.normalise_obs=True", "network.normalise_values=True"]
VARIANTS = {
    "joint": SHARED,
    "state": [*NORMALISED, "network.critic_input='state'"],
    "own": [
        *(*NORMALISED, "network.critic_input='own_obs'", "loss.importance_weights='per_agent'"),
        "network.policy_gru_units=4",
    ],
    "again": [
        *(*SHARED[:3], "learner.minibatches=2", "learner.updates_per_batch=4", "learner.max_kl=1.5"),
        "loss.policy_ratios='per_agent'",
        *("loss.entropy_schedule='target'", "loss.entropy_env_steps=1000", "optimizer.clip_apart=True"),
        "loss.clip_ratio=0.05",
    ],
    "module": [*SHARED, "network.policy='predicting'", "loss.function='with_prediction'"],
    "too far": [*SHARED, "learner.updates_per_batch=4", "learner.max_kl=1e-6", "learner.proximal_age=3"],
}
# Not means over columns: replicas report the mean of what each sees in its own.
OF_COLUMNS = ("V/target_std", "V/explained_variance", "policy/entropy_spread")


_PYTHONPATH = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "integration")])


def _config(variant, *more):
    layers = ["network.policy_layers=(8,)", "network.critic_layers=(8,)"]
    sizes = [
        *layers,
        f"learner.batch_size={COLUMNS}",
        f"learner.unroll_length={STEPS}",
        "network.policy_output_gain=1.0",
    ]
    return load_config([], [*sizes, *VARIANTS[variant], *more], registry=registry_of(read_modules([MODULE])))[0]


def _batch(config, number, columns=slice(None)):
    rng = np.random.default_rng(number)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS, config.network.unroll_fields)
    for field in (unroll.obs, unroll.state, unroll.reward, unroll.recurrent):
        field[:] = rng.normal(size=field.shape)
    # Replicas differ in how large what they see is: the mean of their variances is not the variance of all.
    unroll.obs[:] *= np.arange(1, COLUMNS + 1)[:, np.newaxis, np.newaxis]
    unroll.avail_actions[:] = 1
    unroll.action[:] = rng.integers(0, SPEC.n_actions, unroll.action.shape)
    unroll.log_prob[:] = -np.log(SPEC.n_actions)
    unroll.terminated[:] = rng.random(unroll.terminated.shape) < 0.1
    return type(unroll)(*(field[:, columns] for field in unroll))


def _train(variant, devices=None, columns=slice(None)):
    """Trains two steps; the learner, and all that training has changed and reported by name."""
    config = _config(variant)
    learner = Learner(config, SPEC, seed=1, devices=devices)
    metrics = [learner.train_step(_batch(config, number, columns)) for number in range(2)]
    changed = {f"metrics/{tag}": np.float32(value) for step in metrics for tag, value in step.items()}
    for name in ("policy", "critic", "entropy_cost", "optimizer"):
        for index, variable in enumerate(getattr(learner, name).variables):
            changed[f"{name}/{index}"] = variable.numpy()
    return learner, changed


@functools.cache
def _one_device(variant):
    return _train(variant)[1]


def _assert_same(changed, expected):
    assert set(changed) == set(expected)
    for name, value in expected.items():
        if not name.endswith(OF_COLUMNS):
            np.testing.assert_allclose(changed[name], value, rtol=1e-4, atol=2e-6, err_msg=name)


def _start(role, folder, **environment):
    return subprocess.Popen(
        [sys.executable, __file__, role, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": _PYTHONPATH, **environment},
    )


def _finish(process):
    try:
        output, _ = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, output


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Folder of what a process with logical devices left behind."""
    folder = tmp_path_factory.mktemp("replicas")
    _finish(_start("replicas", folder))
    return folder


@pytest.mark.parametrize(
    ("variant", "count"), [("joint", 4), ("state", 2), ("own", 2), ("again", 2), ("module", 2), ("too far", 2)]
)
def test_replicas_do_the_step_of_one_device(replicas, variant, count):
    expected = _one_device(variant)
    assert np.abs(expected["optimizer/2"]).max() > 1e-4  # a mean of gradients, far beyond the tolerance
    with np.load(replicas / f"{variant}-{count}.npz") as changed:
        _assert_same(changed, expected)
    assert expected["metrics/optimizer/updates"] == {"again": 4, "too far": 3}.get(variant, 1)


def test_one_device_goes_on_from_a_checkpoint_of_replicas(replicas):
    learner, config = Learner(_config("state"), SPEC, seed=9), _config("state")
    tf.train.Checkpoint(**learner.trackables).read(str(replicas / "checkpoint")).assert_consumed()
    reference, _ = _train("state")
    batch = _batch(config, 5)
    expected = reference.train_step(batch)
    for tag, value in learner.train_step(batch).items():
        np.testing.assert_allclose(value, expected[tag], rtol=1e-4, atol=1e-5, err_msg=tag)


def _train_replicas(folder):
    """Four replicas by the way of GPUs, two by another one, which take another device to act on."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
    )
    four = Devices("", tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(4)]))
    _, changed = _train("joint", four)
    np.savez(folder / "joint-4.npz", **changed)
    reduction = tf.distribute.ReductionToOneDevice()
    two = Devices("", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], reduction), acting="CPU:3")
    for variant in ("state", "own", "again", "module", "too far"):
        learner, changed = _train(variant, two)
        np.savez(folder / f"{variant}-2.npz", **changed)
        if variant == "state":
            tf.train.Checkpoint(**learner.trackables).write(str(folder / "checkpoint"))
        _check_copies(learner)


def _check_copies(learner):
    """Replicas hold the same weights, and what acts follows them: after a train step, and when it is told to."""
    for variable in learner.policy.variables:
        first, second = variable.values
        np.testing.assert_array_equal(first, second)
    trained = _check_acting(learner)
    for variable in learner.policy.trainable_variables:
        variable.assign(2.0 * variable)
    learner.publish()
    assert np.abs(_check_acting(learner) - trained).max() > 1e-3


def _check_acting(learner):
    """Log-probabilities of sampled actions; they must be those of the policy that is trained."""
    batch = _batch(_config("own"), 0)
    memory = Memory(batch.last_action[0], batch.recurrent[0])
    action, log_prob, _ = learner.policy_step(batch.obs[0], batch.avail_actions[0], np.array([1, 2]), memory)
    assert log_prob.device.endswith("CPU:3")
    past = Past.of_one_step(memory.recurrent[:, : learner.policy.recurrent_dim])
    expected = tf.nn.log_softmax(learner.policy(batch.obs[0], past=past))
    np.testing.assert_allclose(log_prob, tf.gather(expected, action, batch_dims=2), rtol=1e-4, atol=1e-5)
    return log_prob.numpy()


def test_hosts_do_the_step_of_one_device(tmp_path):
    processes = [_start("host", tmp_path, TF_CONFIG=task) for task in tasks(2)]
    for process in processes:
        _finish(process)
    expected = _one_device("state")
    for host in range(2):
        with np.load(tmp_path / f"host-{host}.npz") as changed:
            _assert_same(changed, expected)


def _train_host(folder):
    """One of two hosts, each with its own half of the columns."""
    devices = choose_devices(_config("state").learner)
    assert (devices.host.count, devices.replicas) == (2, 2)
    own = slice(devices.host.index * COLUMNS // 2, (devices.host.index + 1) * COLUMNS // 2)
    _, changed = _train("state", devices, own)
    np.savez(folder / f"host-{devices.host.index}.npz", **changed)


if __name__ == "__main__":
    {"replicas": _train_replicas, "host": _train_host}[sys.argv[1]](Path(sys.argv[2]))
