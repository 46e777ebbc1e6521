"""Whether what modules register fits the environment: built and traced once, before a run has a directory."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.built_in import maker
from seed_matrace.algo.losses import loss_of_batch
from seed_matrace.algo.recurrence import Past
from seed_matrace.algo.team_networks import Networks
from seed_matrace.modules import line_in, said_by
from seed_matrace.registered import KINDS, Entry
from seed_matrace.specs import EnvSpec, unroll_spec
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.config import Config

Tensor = Any
_STEPS, _COLUMNS = 3, 2


def try_out(config: Config, spec: EnvSpec) -> None:
    """Raises ValueError, with file and line, unless policy, critic and loss of modules work together.

    Args:
      spec: of training, with what episodes show last.
    """
    entries = {kind: config.entry(kind) for kind in KINDS if kind != "reward"}
    if not any(entry.make for entry in entries.values()):
        return
    with _blamed(entries):
        networks = Networks(spec, config, 0)
    for kind in ("policy", "critic"):
        _check_weights(entries[kind], getattr(networks, kind))
    fields = config.network.unroll_fields
    _check_memory(entries, networks, spec.n_agents, fields.units_per_agent, fields.units_per_env, config)
    shapes = unroll_spec(spec, _STEPS, _COLUMNS, fields)
    signature = [tf.TensorSpec([item.shape[0], None, *item.shape[2:]], item.dtype) for item in shapes]
    batch = Unroll(*(np.zeros(item.shape, item.dtype) for item in shapes))._replace(
        avail_actions=np.ones(shapes.avail_actions.shape, np.uint8)
    )

    def acting(*fields: Tensor) -> Tensor:
        one = Unroll(*(field[0] for field in fields))
        past = Past.of_one_step(one.recurrent[:, : networks.policy.recurrent_dim])
        return networks.policy.forward(one.obs, one.last_action, past)[0]

    with _blamed(entries):
        logits, values = _traced(lambda *fields: networks(Unroll(*fields)), signature)(*batch)
        acted = _traced(acting, signature)(*batch)
    agents, of_agents = (spec.n_agents, spec.n_actions), (spec.n_agents,) * config.network.one_value_per_agent
    _check_shape(entries["policy"], "logits", logits, (_STEPS, _COLUMNS, *agents))
    _check_shape(entries["policy"], "logits of single steps", acted, (_COLUMNS, *agents))
    _check_shape(entries["critic"], "values", values, (_STEPS + 1, _COLUMNS, *of_agents))
    with _blamed(entries):
        terms = _traced(lambda *fields: _terms(config, networks, Unroll(*fields)), signature)(*batch)
    for name, term in terms.items():
        _check_shape(entries["loss"], f"the term {name!r}", term, ())


def _traced(function: Any, signature: list[tf.TensorSpec]) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _terms(config: Config, networks: Networks, batch: Unroll) -> dict[str, Tensor]:
    """The loss' terms, once their gradients are known to be there."""
    entry, terms = config.entry("loss"), {}

    def keep(loss_batch: Any) -> dict[str, Tensor]:
        found = maker(entry)(loss_batch)
        if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found):
            raise TypeError(f"a dict of terms by their names is expected of a loss, not {type(found).__name__}")
        terms.update(found)
        return found

    with tf.GradientTape() as tape:
        logits, values = networks(batch)
        loss = loss_of_batch(
            keep,
            logits=logits,
            values=values,
            unroll=batch,
            entropy_cost=tf.ones([]),
            config=config.loss,
            value_scale=networks.critic.value_scale,
            options=config.options_of("loss"),
            policy=networks.policy,
            critic=networks.critic,
        )
    if all(gradient is None for gradient in tape.gradient(loss.total, networks.trained)):
        raise TypeError("no weight of policy or critic has a gradient")
    return terms


@contextlib.contextmanager
def _blamed(entries: dict[str, Entry]) -> Iterator[None]:
    """Says of an error in which line of a module it was raised; one that came by none is the program's own."""
    try:
        yield
    except Exception as error:
        files = {inspect.getfile(entry.make): entry for entry in entries.values() if entry.make}
        for file, entry in files.items():
            if line := line_in(file, error):
                raise ValueError(
                    f"{file}:{line}: the {entry.kind} {entry.name!r} does not work here ({said_by(error)})"
                ) from None
        registered = ", ".join(f"{entry.kind} {entry.name!r} of {entry.where}" for entry in files.values())
        raise ValueError(f"{registered}: it does not work here ({said_by(error)})") from None


def _check_weights(entry: Entry, network: tf.Module) -> None:
    if not entry.make:
        return
    if not isinstance(network, tf.Module) or not network.trainable_variables:
        raise ValueError(
            f"{entry.where}: the {entry.kind} {entry.name!r} has no trainable variables: tf.Variables of a tf.Module, "
            "or of those that it holds, are expected (a Keras layer is none)"
        )
    held = [thing for value in vars(network).values() for thing in (value if isinstance(value, list) else [value])]
    for thing in held:
        if isinstance(thing, tf.keras.layers.Layer):
            raise ValueError(
                f"{entry.where}: the {entry.kind} {entry.name!r} holds the Keras layer {thing.name!r}, whose weights "
                "would not be trained; make it of tf.Variables, or of seed_matrace.research.Mlp"
            )


def _check_memory(
    entries: dict[str, Entry], networks: Networks, agents: int, per_agent: int, per_env: int, config: Config
) -> None:
    """What unrolls keep is what the networks' states are."""
    network = config.network
    per_value = agents if network.one_value_per_agent else 1
    wanted = {"policy": agents * network.policy_gru_units, "critic": per_value * network.critic_gru_units}
    assert sum(wanted.values()) == agents * per_agent + per_env
    for kind, dim in wanted.items():
        found = getattr(networks, kind).recurrent_dim
        if found != dim:
            raise ValueError(
                f"{entries[kind].where}: the {kind} {entries[kind].name!r} has recurrent_dim = {found}, and "
                f"network.{kind}_gru_units asks for {dim}; make it what that option says"
            )


def _check_shape(entry: Entry, what: str, found: Any, wanted: tuple[int, ...]) -> None:
    shape = tuple(found.shape) if isinstance(found, tf.Tensor) else type(found).__name__
    if shape != wanted or found.dtype != tf.float32:
        dtype = found.dtype.name if isinstance(found, tf.Tensor) else ""
        raise ValueError(
            f"{entry.where}: the {entry.kind} {entry.name!r} gives {what} {dtype} {shape}; float32 {wanted} expected"
        )
    if not np.isfinite(found.numpy()).all():
        raise ValueError(f"{entry.where}: the {entry.kind} {entry.name!r} gives {what} that are not finite")
