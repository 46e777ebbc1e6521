"""Which devices train and which act: one, several GPUs, TPU cores or several hosts.

Every replica has all weights, trains on its own columns of the batch, [T+1, B / replicas], and does the same step with
the mean of all gradients.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from seed_matrace.learner.malloc import keep_freed_memory
from seed_matrace.types import ONE_HOST, Host

if TYPE_CHECKING:
    from seed_matrace.config import Config
    from seed_matrace.sections.learner import LearnerConfig

Tensor = Any

TF_CONFIG_EXAMPLE = '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Devices:
    """Where a learner's variables live and its steps run; by default the one device that TensorFlow prefers."""

    description: str = "one device"
    strategy: tf.distribute.Strategy | None = None
    acting: str = ""  # device that acts with a copy of the weights; "": the first one that trains
    host: Host = ONE_HOST

    @property
    def replicas(self) -> int:
        """Of all hosts together."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def compiled(self) -> bool:
        """Whether the devices run nothing but what XLA has compiled."""
        return isinstance(self.strategy, tf.distribute.TPUStrategy)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Variables created within have a copy in every replica, which all replicas change alike."""

        def create(next_creator: Callable[..., Any], **options: Any) -> Any:
            return next_creator(**{**options, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA})

        if not self.strategy:
            yield
            return
        with self.strategy.scope(), tf.variable_creator_scope(create):
            yield

    def run(self, step: Callable[..., tuple[Any, Tensor]], fields: Sequence[Tensor]) -> tuple[Any, Tensor]:
        """Calls ``step`` in every replica with its own columns of this host's fields [T or T+1, B / hosts, ...].

        Returns:
          What it returns first in the first replica, and the columns [.., B / hosts, ...] that all return besides.
        """
        if not self.strategy:
            return step(*fields)
        strategy, local = self.strategy, self.replicas // self.host.count
        with tf.device("CPU:0"):  # so that no device is sent columns of another
            parts = [tf.split(values, local, axis=1) for values in fields]

        def own(context: Any) -> list[Tensor]:
            return [columns[context.replica_id_in_sync_group % local] for columns in parts]

        distributed = strategy.experimental_distribute_values_from_function(own)
        results, columns = strategy.run(lambda columns: step(*columns), args=(distributed,))
        first = tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], results)
        with tf.device("CPU:0"):
            return first, tf.concat(strategy.experimental_local_results(columns), axis=1)


def set_up_tensorflow(config: Config, *, deterministic: bool, local_actors: int = 0) -> Devices:
    """Sets memory, threads and determinism and takes the devices that ``learner.strategy`` names.

    Must come before TensorFlow does anything else.

    Args:
      local_actors: how many actors share this machine's cores.

    Raises:
      ValueError: a device that is not there, a batch that cannot be divided, or a TF_CONFIG that cannot be used.
    """
    threads = config.learner.intra_op_threads or (1 if deterministic else free_cores(local_actors))
    keep_freed_memory()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(config.learner.inter_op_threads)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    return choose_devices(config.learner)


def free_cores(local_actors: int) -> int:
    """Cores for training: those that neither actors nor the inference loop keep busy, but at least one."""
    return max(len(os.sched_getaffinity(0)) - local_actors - 1, 1)


def choose_devices(config: LearnerConfig) -> Devices:
    """The devices that ``config.strategy`` names; ValueError where they are not there or do not fit the batch."""
    return _CHOICES[_found() if config.strategy == "auto" else config.strategy](config)


def _found() -> str:
    """What "auto" means on this machine."""
    if os.environ.get("TF_CONFIG") and parse_tf_config(os.environ["TF_CONFIG"]).count > 1:
        return "multi_worker"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one_device"


def _one_device(config: LearnerConfig) -> Devices:
    if config.replicas > 1:
        raise ValueError(
            f"learner.replicas = {config.replicas} needs learner.strategy = 'mirrored' or 'tpu'; one device was "
            f"{'asked for' if config.strategy == 'one_device' else 'found'}"
        )
    gpus = tf.config.list_physical_devices("GPU")
    return Devices("one GPU" + (f" of {len(gpus)}" if len(gpus) > 1 else "") if gpus else "CPU")


def _mirrored(config: LearnerConfig) -> Devices:
    gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    if not gpus:
        return _mirrored_cpu(config)
    count = _replicas(config, len(gpus), "GPU")
    names = [device.name for device in gpus]
    strategy = tf.distribute.MirroredStrategy(names[:count])
    acting = names[count] if count < len(names) else ""
    return Devices(f"{count} of {len(gpus)} GPUs, {_acting_note(acting)}", strategy, acting)


def _mirrored_cpu(config: LearnerConfig) -> Devices:
    """For trying out and for tests: on one CPU, replicas are not faster."""
    if config.replicas == 0:
        raise ValueError(
            "learner.strategy = 'mirrored' found no GPU; 'auto' or 'one_device' trains on the CPU, and "
            "learner.replicas = 2, for example, on that many logical CPU devices, to try replicas out"
        )
    count = _replicas(config, config.replicas, "logical CPU device")
    logical = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], logical)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)])
    return Devices(f"{count} logical CPU devices", strategy)


def _tpu(config: LearnerConfig) -> Devices:
    name = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        tf.config.experimental_connect_to_cluster(resolver)
        topology = tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"learner.strategy = 'tpu' found no TPU called {name!r} ({reason}); TPU_NAME names another, and TensorFlow "
            "must be one built for TPUs (package tensorflow-tpu)"
        ) from None
    cores = [device.name for device in tf.config.list_logical_devices("TPU")]
    count = _replicas(config, max(len(cores) - 1, 1), "TPU core that does not act")
    assignment = tf.tpu.experimental.DeviceAssignment.build(topology, num_replicas=count)
    strategy = tf.distribute.TPUStrategy(resolver, experimental_device_assignment=assignment)
    free = sorted(set(cores) - set(strategy.extended.worker_devices))
    acting = free[0] if free else ""
    return Devices(f"{count} of {len(cores)} TPU cores, {_acting_note(acting)}", strategy, acting)


def _multi_worker(config: LearnerConfig) -> Devices:
    if config.replicas:
        raise ValueError(
            f"learner.replicas = {config.replicas} cannot be chosen with several hosts: each trains on all its GPUs, "
            "or on its CPU; CUDA_VISIBLE_DEVICES hides GPUs"
        )
    if not os.environ.get("TF_CONFIG"):
        raise ValueError(
            "learner.strategy = 'multi_worker' needs the environment variable TF_CONFIG, which names all hosts and "
            f"which of them this is: TF_CONFIG='{TF_CONFIG_EXAMPLE}'"
        )
    host = parse_tf_config(os.environ["TF_CONFIG"])
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    if threading.current_thread() is threading.main_thread():
        # TensorFlow has put a handler of its own there, after which SIGTERM ends nothing.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise ValueError(_indivisible(config, replicas))
    here = f"{replicas // host.count} {'GPUs' if tf.config.list_physical_devices('GPU') else 'CPU'}"
    description = f"host {host.index} of {host.count}, {here} on each"
    return Devices(description, strategy, host=host)


_CHOICES: dict[str, Callable[[LearnerConfig], Devices]] = {
    "one_device": _one_device,
    "mirrored": _mirrored,
    "tpu": _tpu,
    "multi_worker": _multi_worker,
}


def parse_tf_config(text: str) -> Host:
    """Which host a TF_CONFIG says that this is.

    Raises:
      ValueError: not a TF_CONFIG of workers, one of which may be called chief.
    """
    problem = f"TF_CONFIG must look like {TF_CONFIG_EXAMPLE}, not {text}"
    try:
        parsed = json.loads(text)
        addresses, task = parsed["cluster"], parsed["task"]
        order = [(kind, number) for kind in ("chief", "worker") for number in range(len(addresses.get(kind, ())))]
        index = order.index((task["type"], int(task["index"])))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{problem}: {error}") from None
    return Host(index, len(order))


def _replicas(config: LearnerConfig, available: int, kind: str) -> int:
    """How many of the available devices train: as many as asked for, or as many as divide the batch."""
    if config.replicas == 0:
        return max(count for count in range(1, available + 1) if config.batch_size % count == 0)
    if config.replicas > available:
        raise ValueError(
            f"learner.replicas = {config.replicas}, but there {'is' if available == 1 else 'are'} {available} "
            f"{kind}{'' if available == 1 else 's'}; 0 takes what there is"
        )
    if config.batch_size % config.replicas:
        raise ValueError(_indivisible(config, config.replicas))
    return config.replicas


def _indivisible(config: LearnerConfig, replicas: int) -> str:
    return (
        f"learner.batch_size = {config.batch_size} cannot be divided among {replicas} replicas; choose a multiple of "
        f"{replicas}, such as {max(round(config.batch_size / replicas), 1) * replicas}"
    )


def _acting_note(acting: str) -> str:
    return f"acting on {acting.rsplit('device:', 1)[-1]}" if acting else "acting on the first of them"


def metrics_of_batch(metrics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Metrics of one replica's columns to those of the batch: of tags that end in _max the largest, else the mean."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return dict(metrics)
    own = tf.range(context.num_replicas_in_sync) == context.replica_id_in_sync_group
    values = tf.where(own[:, tf.newaxis], tf.stack(list(metrics.values())), 0.0)
    of_all = tf.unstack(context.all_reduce(tf.distribute.ReduceOp.SUM, values), axis=1)
    return {
        tag: tf.reduce_max(values) if tag.endswith("_max") else tf.reduce_mean(values)
        for tag, values in zip(metrics, of_all, strict=True)
    }
