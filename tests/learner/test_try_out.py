"""Policies, critics and losses of modules are tried before a run begins."""

import pytest

from seed_matrace.config import load_config
from seed_matrace.learner.try_out import try_out
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.training_env import training_spec

POLICY = """\
import tensorflow as tf
from seed_matrace import research

@research.policy("own")
class Own(research.PolicyNetwork):
    def __init__(self, setup):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([setup.spec.obs_dim, setup.spec.n_actions]))

    def forward(self, obs, last_action=None, past=None):
        return obs @ self.kernel, None
"""
CRITIC = """\
import tensorflow as tf
from seed_matrace import research

@research.critic("own")
class Own(research.CriticNetwork):
    def __init__(self, setup):
        super().__init__()
        self.weight = tf.Variable(1.0)

    def forward(self, obs, state, last_action=None, past=None):
        return self.weight * tf.reduce_sum(obs, axis=[-2, -1]), None
"""
LOSS = """\
import tensorflow as tf
from seed_matrace import research

@research.loss("own")
def own(batch):
    return {"own": tf.reduce_mean(batch.log_pi * batch.targets.vs)}
"""
CHOICES = {POLICY: "network.policy = 'own'", CRITIC: "network.critic = 'own'", LOSS: "loss.function = 'own'"}


def tried(tmp_path, text, kind, *params):
    path = tmp_path / "my_research.py"
    path.write_text(text)
    registry = registry_of(read_modules([path]))
    params = ["env.backend = 'counting'", CHOICES[kind], *params]
    config = load_config([], params, registry=registry)[0]
    try_out(config, training_spec(config))


@pytest.mark.parametrize("text", CHOICES)
def test_what_fits_passes(tmp_path, text):
    tried(tmp_path, text, text)


@pytest.mark.parametrize(
    ("kind", "before", "after", "why"),
    [
        (POLICY, "spec.n_actions", "spec.n_actions + 1", r"py:4: the policy 'own' gives logits float32 \(3, 2, 2, 5\)"),
        (POLICY, "obs @", "obs.numpy() @", r"py:11: the policy 'own' does not work here \(AttributeError"),
        (POLICY, "obs_dim,", "colour,", r"py:8: the policy 'own' does not work here \(AttributeError"),
        (POLICY, "self.kernel = tf.Variable(", "self.kernel = (", r"py:4: the policy 'own' has no trainable variables"),
        (POLICY, "self.kernel =", "self.layer = tf.keras.layers.Dense(3); self.kernel =", "holds the Keras layer"),
        (POLICY, "super().__init__()", "super().__init__(); self.recurrent_dim = 3", r"asks for 0"),
        (CRITIC, "[-2, -1]", "-1", r"py:4: the critic 'own' gives values float32 \(4, 2, 2\); float32 \(4, 2\) exp"),
        (LOSS, "tf.reduce_mean(", "(", r"py:4: the loss 'own' gives the term 'own' float32 \(3, 2\); float32 \(\)"),
        (LOSS, "{", "0 and {", r"loss 'own' of .*py:4: it does not work here \(TypeError: a dict of terms"),
        (LOSS, "batch.log_pi", "0.0", "no weight of policy or critic has a gradient"),
        (LOSS, "batch.targets.vs", "batch.targets.v", r"py:6: the loss 'own' does not work here \(AttributeError"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path, kind, before, after, why):
    assert before in kind
    with pytest.raises(ValueError, match=why) as error:
        tried(tmp_path, kind.replace(before, after), kind)
    assert "\n" not in str(error.value)


def test_a_critic_of_agents_gives_a_value_for_each(tmp_path):
    own_obs = "network.critic_input = 'own_obs'"
    tried(tmp_path, CRITIC.replace("[-2, -1]", "-1"), CRITIC, own_obs)
    with pytest.raises(ValueError, match=r"values float32 \(4, 2\); float32 \(4, 2, 2\) expected"):
        tried(tmp_path, CRITIC, CRITIC, own_obs)
