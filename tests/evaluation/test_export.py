"""Exported policies play as the trained ones do."""

import copy
import dataclasses
import json
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

import seed_matrace
from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.config import load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.export import export_numpy, export_saved_model
from seed_matrace.evaluation.numpy_policy import load_numpy_policy
from seed_matrace.evaluation.policy import TrainedPolicy
from seed_matrace.learner.learner import Learner
from seed_matrace.sections.network import NetworkConfig
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.training_env import training_spec

VARIANTS = {
    "plain": ["network.layer_norm=False"],
    "layer_norm": ["network.layer_norm=True"],
    "stacked": ["env.frame_stack=3"],
    "separate": ["network.share_policy=False", "network.layer_norm=True"],
    "recurrent": ["network.policy_gru_units=5", "network.critic_gru_units=3"],
    "separate recurrent": ["network.policy_gru_units=5", "network.share_policy=False"],
    "seeing more": ["network.agent_id=True", "network.last_action=True", "network.normalise_obs=True"],
    "bfloat16": ["network.dtype='bfloat16'"],
    "perceptron": ["network.policy='mlp'", "network.last_action=True"],
    "wide units": ["network.embedding_dim=70"],
}
OF_THE_CRITIC = {"critic", "critic_layers", "critic_input", "critic_gru_units", "normalise_values"}
OF_FRESH_WEIGHTS = {"policy_output_gain"}
STEPS, ENVS = 12, 40


@pytest.fixture(scope="module", params=VARIANTS)
def policy(request):
    config, _, _ = load_config(
        [], ["network.policy_layers=(8, 6)", "learner.unroll_length=2", *VARIANTS[request.param]]
    )
    learner = Learner(config, training_spec(config), seed=3)
    rng = np.random.default_rng(1)
    for variable in learner.policy.variables:  # gains, offsets and moments of 1 and 0 would show little
        if variable.dtype == tf.float32:
            variable.assign(variable + np.abs(rng.normal(scale=0.3, size=variable.shape)))
    spec = env_spec(dataclasses.replace(config.env, frame_stack=1))
    return TrainedPolicy(learner, config, spec, env_steps=7, backend="skirmish-2")


@pytest.fixture(scope="module")
def episodes(policy):
    """Observations, available actions and starts of episodes."""
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(STEPS, ENVS, policy.spec.n_agents, policy.spec.obs_dim)).astype(np.float32)
    avail_actions = (rng.random((STEPS, ENVS, policy.spec.n_agents, policy.spec.n_actions)) < 0.6).astype(np.uint8)
    avail_actions[..., 1] = 1
    starts = rng.random((STEPS, ENVS)) < 0.2
    starts[0] = True
    return list(zip(obs, avail_actions, starts, strict=True))


def test_numpy_weights_play_as_tensorflow_does(policy, episodes, tmp_path):
    export_numpy(policy, tmp_path / "policy.npz")
    with pytest.warns(UserWarning, match="trained on skirmish-2, and what plays here is skirmish-3, by other rules"):
        exported = seed_matrace.load_policy(tmp_path / "policy.npz")
    assert (exported.facts.env_steps, exported.facts.backend) == (7, "skirmish-2")  # where it was trained
    same = np.mean([exported.act(*step) == policy.act(*step) for step in episodes])
    # Rounded otherwise, two actions may be as good as equal; more so in bfloat16, and a GRU remembers it.
    assert same > (0.98 if policy.config.network.dtype == "bfloat16" else 0.9999)


def test_a_team_of_this_simulator_is_loaded_without_a_word(policy, tmp_path, recwarn):
    policy = copy.copy(policy)
    policy.backend = BACKEND
    export_numpy(policy, tmp_path / "policy.npz")
    assert seed_matrace.load_policy(tmp_path / "policy.npz").backend == BACKEND
    assert not [warning for warning in recwarn if "other rules" in str(warning.message)]


def test_numpy_logits_are_those_of_tensorflow(policy, episodes, tmp_path):
    export_numpy(policy, tmp_path / "policy.npz")
    exported = load_numpy_policy(tmp_path / "policy.npz")
    loaded = _saved_model(policy, tmp_path)
    obs, avail_actions, _ = episodes[0]
    stacked = np.tile(obs, policy.config.env.frame_stack)
    state = _state(policy)
    given = {name: tf.constant(value) for name, value in state.items()}
    results = loaded.act(obs=tf.constant(stacked), avail_actions=tf.constant(avail_actions), **given)
    logits, recurrent = exported.logits(stacked, state.get("last_action"), state.get("recurrent"))
    logits = np.where(avail_actions, logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    rounding = 2e-2 if policy.config.network.dtype == "bfloat16" else 1e-5
    np.testing.assert_allclose(results["probabilities"], weights / weights.sum(axis=-1, keepdims=True), atol=rounding)
    assert set(results) == {"action", "probabilities"} | (
        {"recurrent"} if policy.config.network.policy_gru_units else set()
    )
    if "recurrent" in results:
        np.testing.assert_allclose(results["recurrent"], recurrent, atol=1e-5)


@pytest.mark.parametrize("policy", ["plain", "recurrent", "bfloat16"], indirect=True)
def test_a_network_that_numpy_does_not_know_is_not_exported(policy, tmp_path, monkeypatch):
    monkeypatch.setattr(AgentInputs, "normalise", lambda self, obs: tf.maximum(obs, -0.5))
    with pytest.raises(RuntimeError, match=r"computes something that its export does not know .* must learn it"):
        export_numpy(policy, tmp_path / "policy.npz")
    assert not list(tmp_path.iterdir())


def test_every_option_of_networks_is_exported_or_the_critics():
    tried = re.findall(r"network\.(\w+)=", " ".join(binding for variant in VARIANTS.values() for binding in variant))
    assert {"policy_layers", *tried} | OF_THE_CRITIC | OF_FRESH_WEIGHTS == {
        field.name for field in dataclasses.fields(NetworkConfig)
    }


def test_saved_model_does_steps_of_the_learner(policy, episodes, tmp_path):
    loaded, state = _saved_model(policy, tmp_path), _state(policy)
    for obs, avail_actions, _ in episodes[:3]:
        stacked = np.tile(obs, policy.config.env.frame_stack)
        inputs = {"obs": stacked, "avail_actions": avail_actions, **state}
        served = loaded.signatures["serving_default"](**{name: tf.constant(value) for name, value in inputs.items()})
        from_code = loaded.act(**{name: tf.constant(value) for name, value in inputs.items()})
        np.testing.assert_array_equal(served["action"], from_code["action"])
        chosen = np.take_along_axis(avail_actions, served["action"].numpy()[..., np.newaxis], axis=-1)
        assert chosen.all()
        np.testing.assert_array_equal(served["probabilities"].numpy()[avail_actions == 0], 0)
        state = {name: np.array(served.get(name, value)) for name, value in state.items()}


@pytest.mark.parametrize("policy", ["stacked"], indirect=True)
def test_plays_without_tensorflow(policy, tmp_path):
    export_numpy(policy, tmp_path / "policy.npz")
    program = f"""
import sys
import numpy as np
import seed_matrace

team = seed_matrace.load_policy({str(tmp_path / "policy.npz")!r})
env = seed_matrace.make_vector_env(team.facts.map_name, num_envs=4)
step, start = env.reset(), np.ones(4, bool)
for _ in range(20):
    step = env.step(team.act(step.obs, step.avail_actions, start))
    start = step.terminated | step.truncated
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", kernel_0=np.zeros(3))
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    for name in ("other.npz", "torn.npz"):
        with pytest.raises(ValueError, match=f"{name} is not a policy that seed-matrace export"):
            load_numpy_policy(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_numpy_policy(tmp_path / "none.npz")


@pytest.mark.parametrize("policy", ["seeing more", "recurrent"], indirect=True)
def test_damaged_and_foreign_policies_are_one_sentence(policy, tmp_path):
    export_numpy(policy, tmp_path / "policy.npz")
    sound = dict(np.load(tmp_path / "policy.npz"))
    about = json.loads(sound["about"].tobytes())
    spec = about["spec"]
    wide = spec | {"n_agents": 9000, "obs_dim": 10**6, "units": None}
    for changes, said in (
        ({"about": about | {"spec": spec | {"n_agents": 10**15}}}, "n_agents is 10000"),
        ({"about": about | {"spec": wide}}, "its observations are more than"),
        ({"about": about | {"spec": spec | {"n_actions": True}}}, "n_actions is True"),
        ({"about": about | {"spec": 3}}, "sizes are 3"),
        ({"about": about | {"frame_stack": -1}}, "frame_stack is -1"),
        ({"about": about | {"agent_id": 2}}, "agent_id is 2"),
        ({"about": about | {"surprise": 2}}, "'surprise'"),
        ({"about": about | {"spec": spec | {"obs_dim": spec["obs_dim"] + 1}}}, "do not fit one another|each once"),
        (
            {"about": about | {"spec": spec | {"n_actions": spec["n_actions"] + 1}}},
            "do not fit|give|units within",
        ),
        ({"about": about | {"gru_units": 7}}, "do not fit|its arrays give"),
        ({"kernel_0": sound["kernel_0"].astype(np.float64)}, "kernel_0 is float64"),
        ({"kernel_0": sound["kernel_0"] * np.nan}, "kernel_0 is not finite"),
        ({"kernel_0": np.zeros(3, np.float32)}, "do not fit"),
        ({"bias_1": None}, "no array 'bias_1'"),
        ({"kernel_7": np.zeros(3, np.float32)}, "no array 'bias_"),
        ({"__init__": np.zeros(3, np.float32)}, "'__init__'"),
    ):
        arrays = {name: array for name, array in {**sound, **changes}.items() if array is not None}
        if isinstance(arrays["about"], dict):
            arrays["about"] = np.frombuffer(json.dumps(arrays["about"]).encode(), np.uint8)
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(ValueError, match=rf"bad\.npz is not a policy .*({said})") as caught:
            load_numpy_policy(tmp_path / "bad.npz")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["secret", "kernel_0", "about", "bias_1"])
def test_nothing_is_taken_of_a_policy_that_is_a_bomb(tmp_path, name):
    """Refused by what they declare: packed ones by their size, the others by names and formats."""
    np.savez_compressed(tmp_path / "bomb.npz", **{name: np.zeros(60_000_000, np.uint8)})
    np.savez(tmp_path / "stored.npz", **{name: np.zeros(30_000_000, np.uint8)})
    tracemalloc.start()
    for file, said in (("bomb", "do not pack so well"), ("stored", "format|30,000,128 bytes; at most")):
        with pytest.raises(ValueError, match=rf"{file}\.npz is not a policy .*({said})"):
            load_numpy_policy(tmp_path / f"{file}.npz")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def _saved_model(policy, tmp_path):
    export_saved_model(policy, tmp_path / "saved")
    return tf.saved_model.load(str(tmp_path / "saved"))


def _state(policy):
    """What a step of the network wants to know beside observations."""
    rng = np.random.default_rng(2)
    network, agents = policy.config.network, policy.spec.n_agents
    state = {}
    if network.last_action:
        state["last_action"] = rng.integers(-1, policy.spec.n_actions, (ENVS, agents)).astype(np.int32)
    if network.policy_gru_units:
        state["recurrent"] = rng.normal(size=(ENVS, agents * network.policy_gru_units)).astype(np.float32)
    return state
