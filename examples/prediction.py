"""An auxiliary loss: the policy's hidden layers must also predict what its agent will see next."""

from dataclasses import dataclass

import tensorflow as tf

from seed_matrace import research


@research.policy("predicting")
class PredictingPolicy(research.PolicyNetwork):
    """A perceptron with two kinds of outputs: logits, and the next observation."""

    def __init__(self, setup):
        super().__init__(name="predicting")
        network, self._inputs, self._actions = setup.network, setup.inputs, setup.spec.n_actions
        sizes = [self._inputs.dim, *network.policy_layers, setup.spec.n_actions + setup.spec.obs_dim]
        self._mlp = research.Mlp(sizes, setup.rng, layer_norm=network.layer_norm)

    def forward(self, obs, last_action=None, past=None):
        return self._outputs(obs, last_action)[..., : self._actions], None

    def predict(self, obs, last_action):
        """float32 [..., N, O] to the same, one step later."""
        return self._outputs(obs, last_action)[..., self._actions :]

    def _outputs(self, obs, last_action):
        x = self._inputs(obs, last_action)
        outputs, _ = self._mlp(tf.reshape(x, [-1, self._inputs.dim]))
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
