"""What one batch does to the weights: one learner step or several, compiled into one function."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from seed_matrace.algo.built_in import maker
from seed_matrace.algo.entropy_cost import EntropyCost, EntropySchedule, EntropyTarget
from seed_matrace.algo.losses import LossOutput, compute_final_values, loss_of_batch
from seed_matrace.algo.replicas import mean_over_replicas
from seed_matrace.algo.team_networks import Networks
from seed_matrace.learner.proximal_policy import ProximalPolicy
from seed_matrace.learner.strategy import Devices, metrics_of_batch
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.config import Config

Tensor = Any

LATER_METRICS = ("losses/total", "policy/kl", "IS/rho_mean", "IS/clipped_fraction", "optimizer/grad_norm")


class TrainStep:
    """``learner.updates_per_batch`` learner steps on a batch.

    The behaviour policy's log-probabilities stay as they were recorded, so that V-trace's ratios correct each step for
    what the ones before it changed. States that enter an unroll's step 0 stay as recorded, too.
    """

    def __init__(
        self,
        config: Config,
        networks: Networks,
        entropy_cost: EntropyCost | EntropySchedule | EntropyTarget,
        optimizer: Any,
        learner_steps: tf.Variable,
        devices: Devices,
        proximal: ProximalPolicy | None,
        after_each: Callable[[], None],
    ) -> None:
        """Makes the steps.

        Args:
          proximal: what clipped ratios are measured from; None: the policy as a batch finds it.
          after_each: called when the weights of all replicas have changed.
        """
        self._config, self._devices, self._proximal, self._after_each = config, devices, proximal, after_each
        self._networks, self._entropy_cost, self._optimizer = networks, entropy_cost, optimizer
        self._learner_steps = learner_steps
        self._tags: list[str] = []
        self._variables = [*networks.trained, *entropy_cost.trainable_variables]

    def __call__(self, *fields: Tensor) -> Tensor:
        """All learner steps on one batch, given as the fields of an ``Unroll``; returns float32 [M] for ``by_tag``."""
        learner = self._config.learner
        turn = tf.cast(self._learner_steps // learner.updates_per_batch, tf.int32)  # batches begin with other parts
        first, log_pis = self._everywhere(self._first_step, fields)
        fields = (log_pis, *fields)

        def wanted(done: Tensor, moved: Tensor, _: Tensor) -> Tensor:
            near = moved <= learner.max_kl if learner.max_kl else True
            return tf.logical_and(done < learner.updates_per_batch, near)

        def again(done: Tensor, _: Tensor, later: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            values, _ = self._everywhere(functools.partial(self._later_step, turn + done), fields)
            later = tf.tensor_scatter_nd_update(later, [[done - 1]], [values[1:]])
            return done + 1, values[0], later

        done, later = tf.constant(1), tf.zeros([learner.updates_per_batch - 1, len(LATER_METRICS)])
        if later.shape[0]:
            begin = (done, tf.constant(0.0), later)
            done, _, later = tf.while_loop(wanted, again, begin, parallel_iterations=1)
        if self._proximal:
            self._proximal.advance()
        first["optimizer/updates"] = tf.cast(done, tf.float32)
        self._tags = list(first)
        return tf.concat([tf.stack(list(first.values())), tf.reshape(later, [-1])], axis=0)

    def by_tag(self, values: Sequence[float]) -> dict[str, float]:
        """What a call returned as metrics by tag.

        Returns:
          All tags of the first step; "optimizer/updates", how many steps were done; and LATER_METRICS of step k, if it
          was done, as "TAG_update_k".
        """
        metrics = dict(zip(self._tags, values, strict=False))
        for number in range(2, int(metrics["optimizer/updates"]) + 1):
            begin = len(self._tags) + (number - 2) * len(LATER_METRICS)
            metrics |= {f"{tag}_update_{number}": values[begin + i] for i, tag in enumerate(LATER_METRICS)}
        return metrics

    def _everywhere(self, step: Callable[..., tuple[Any, Tensor]], fields: tuple[Tensor, ...]) -> tuple[Any, Tensor]:
        """One learner step, in every replica."""
        results = self._devices.run(step, fields)
        self._learner_steps.assign_add(1)
        self._after_each()
        return results

    def _first_step(self, *fields: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The one that everything is reported of, and that running moments follow: no batch counts twice in them.

        Returns:
          Metrics, and log-probabilities [T, B, N, 2] for the batch's other steps: what they measure ratios from, and
          what this one found.
        """
        batch = Unroll(*fields)
        log_proximal = self._proximal.log_pi(batch) if self._proximal else None
        loss, norm, rate = self._step(batch, log_proximal)
        self._networks.observe(batch.obs, batch.state, loss.vs)
        metrics = {**metrics_of_batch(loss.metrics), "optimizer/grad_norm": norm, "optimizer/learning_rate": rate}
        return metrics, tf.stack([loss.log_pi if log_proximal is None else log_proximal, loss.log_pi], axis=-1)

    def _later_step(self, number: Tensor, *fields: Tensor) -> tuple[Tensor, Tensor]:
        """One more on the same batch, or on its part of that number.

        Returns:
          How far an agent's policy has moved since the batch's first step, its divergence in nats as the taken actions
          estimate it, and LATER_METRICS, float32 [6]; and log-probabilities.
        """
        log_pis, *own = _part(fields, number, self._config.learner.minibatches)
        loss, norm, _ = self._step(Unroll(*own), log_pis[..., 0])
        metrics = {tag: loss.metrics[tag] for tag in LATER_METRICS if tag in loss.metrics}
        metrics = metrics_of_batch({"moved": tf.reduce_mean(log_pis[..., 1] - loss.log_pi), **metrics})
        metrics["optimizer/grad_norm"] = norm
        return tf.stack([metrics[tag] for tag in ("moved", *LATER_METRICS)]), loss.log_pi

    def _step(self, batch: Unroll, log_proximal: Tensor | None = None) -> tuple[LossOutput, Tensor, Tensor]:
        """One learner step on a replica's columns, which changes the weights of all replicas alike.

        Returns:
          The loss, the norm of the networks' gradient before it was clipped, and the step size.
        """
        gradients, loss = self._gradients(batch, log_proximal)
        gradients = mean_over_replicas(gradients)
        networks = len(self._networks.trained)
        norm = tf.linalg.global_norm(gradients[:networks])
        if limit := self._config.optimizer.clip_norm:
            # The entropy cost's gradient stays out: it is often the largest and would shrink all others.
            of_policy = len(self._networks.policy.trainable_variables)
            ends = [0, of_policy, networks] if self._config.optimizer.clip_apart else [0, networks]
            parts = [gradients[begin:end] for begin, end in itertools.pairwise(ends)]
            clipped = [tf.clip_by_global_norm(part, limit)[0] for part in parts]
            gradients = [*itertools.chain(*clipped), *gradients[networks:]]
        rate = tf.identity(self._optimizer.learning_rate)  # before the step counts itself
        if self._devices.replicas > 1:
            # Keras sums over replicas, but clipping needs the sum before; each hands in its part of what it has.
            gradients = [gradient / self._devices.replicas for gradient in gradients]
        if self._devices.strategy:
            self._optimizer.apply(gradients, self._variables)
        else:
            self._optimizer.apply_on_one_device(gradients, self._variables)
        self._entropy_cost.after_step(loss.entropy_fraction)
        return loss, norm, rate

    def _gradients(self, batch: Unroll, log_proximal: Tensor | None) -> tuple[list[Tensor], LossOutput]:
        """Gradients of the loss in the order of ``_variables``, and the loss."""
        final, critic = None, self._networks.critic
        if self._config.loss.bootstrap_time_limit:
            final = compute_final_values(critic, batch, known_shapes=self._devices.compiled)
        with tf.GradientTape() as tape:
            logits, values = self._networks(batch)
            loss = loss_of_batch(
                maker(self._config.entry("loss")),
                logits=logits,
                values=values,
                unroll=batch,
                entropy_cost=self._entropy_cost(),
                config=self._config.loss,
                value_scale=critic.value_scale,
                final_values=final,
                log_proximal=log_proximal,
                options=self._config.options_of("loss"),
                policy=self._networks.policy,
                critic=critic,
            )
        # A loss need not look at all that there is.
        nothing = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss.total, self._variables, unconnected_gradients=nothing), loss


def _part(fields: Sequence[Tensor], number: Tensor, parts: int) -> list[Tensor]:
    """Every ``parts``-th column from ``number`` on, of fields [.., B, ...]: replayed and fresh ones alike.

    Parts are of equal size; where that does not divide the columns, some begin anew behind the last one.
    """
    columns = fields[0].shape[1]
    size = -(-columns // parts)
    if size == columns:
        return list(fields)
    own = (number + parts * tf.range(size)) % columns if columns % parts else number % parts + parts * tf.range(size)
    return [tf.gather(field, own, axis=1) for field in fields]
