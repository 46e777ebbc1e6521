"""An auxiliary loss: the policy's hidden layers must also predict what its agent will see next."""

from dataclasses import dataclass

import tensorflow as tf

from seed_matrace import research


@research.policy("predicting")
class PredictingPolicy(research.PolicyNetwork):
    """A perceptron with two heads: logits, and the next observation."""

    def __init__(self, setup):
        super().__init__(name="predicting")
        layers, rng = setup.network.policy_layers, setup.rng
        self._inputs = setup.inputs
        self._hidden = research.Mlp([setup.inputs.dim, *layers], rng, name="hidden")
        self._logits = research.Mlp([layers[-1], setup.spec.n_actions], rng, name="logits")
        self._next_obs = research.Mlp([layers[-1], setup.spec.obs_dim], rng, name="next_obs")

    def forward(self, obs, last_action=None, past=None):
        return self._head(self._logits, obs, last_action), None

    def predict(self, obs, last_action):
        """float32 [..., N, O] to the same, one step later."""
        return self._head(self._next_obs, obs, last_action)

    def _head(self, head, obs, last_action):
        x = self._inputs(obs, last_action)
        hidden, _ = self._hidden(tf.reshape(x, [-1, self._inputs.dim]))
        outputs, _ = head(tf.nn.relu(hidden))
        return tf.reshape(outputs, tf.concat([tf.shape(obs)[:-1], [outputs.shape[-1]]], axis=0))


@dataclass(frozen=True)
class PredictionOptions:
    cost: float = research.option(0.1, "weight of the mean squared error of predictions", low=0.0)


@research.loss("with_prediction", options=PredictionOptions)
def with_prediction(batch):
    """MA-Trace's terms and that of predictions; what stands behind the end of an episode is the next one's."""
    unroll = batch.unroll
    predicted = batch.policy.predict(unroll.obs[:-1], unroll.last_action[:-1])
    errors = tf.reduce_mean(tf.square(predicted - unroll.obs[1:]), axis=-1)  # [T, B, N]
    goes_on = 1.0 - tf.cast(unroll.terminated[1:] | unroll.truncated[1:], tf.float32)
    return research.ma_trace(batch) | {"prediction": batch.options.cost * tf.reduce_mean(errors * goes_on[..., None])}
