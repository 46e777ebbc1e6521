"""Which devices are taken, and what is said when they cannot be."""

import json
import os

import pytest
import tensorflow as tf

from seed_matrace.learner.strategy import choose_devices, free_cores, parse_tf_config
from seed_matrace.sections.learner import LearnerConfig
from seed_matrace.types import ONE_HOST, Host

WORKERS = ["a:1", "b:1", "c:1"]


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gpus(monkeypatch):
    """Pretends to have as many GPUs as it is called with."""

    class Mirrored:
        def __init__(self, names):
            self.num_replicas_in_sync = len(names)

    def pretend(count):
        def devices(kind):
            return [tf.config.LogicalDevice(f"/device:GPU:{i}", "GPU") for i in range(count)] if kind == "GPU" else []

        monkeypatch.setattr(tf.config, "list_physical_devices", devices)
        monkeypatch.setattr(tf.config, "list_logical_devices", devices)
        monkeypatch.setattr(tf.distribute, "MirroredStrategy", Mirrored)

    return pretend


def test_without_accelerators_one_cpu_trains(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    devices = choose_devices(LearnerConfig())
    assert (devices.description, devices.replicas, devices.host, devices.acting) == ("CPU", 1, ONE_HOST, "")


@pytest.mark.parametrize(
    ("count", "options", "replicas", "acting", "said"),
    [
        (1, {}, 1, "", "one GPU"),
        (4, {}, 4, "", "4 of 4 GPUs, acting on the first of them"),
        (4, {"replicas": 2}, 2, "/device:GPU:2", "2 of 4 GPUs, acting on GPU:2"),
        (3, {}, 2, "/device:GPU:2", "2 of 3 GPUs, acting on GPU:2"),  # 3 do not divide 32 columns
        (4, {"strategy": "one_device"}, 1, "", "one GPU of 4"),
    ],
)
def test_gpus_share_the_batch_and_one_left_over_acts(gpus, count, options, replicas, acting, said):
    gpus(count)
    devices = choose_devices(LearnerConfig(**options))
    assert (devices.replicas, devices.acting, devices.description) == (replicas, acting, said)


@pytest.mark.parametrize(
    ("count", "options", "said"),
    [
        (0, {"strategy": "mirrored"}, "found no GPU.*learner.replicas = 2"),
        (2, {"strategy": "mirrored", "replicas": 3}, "learner.replicas = 3, but there are 2 GPUs"),
        (4, {"replicas": 3}, "learner.batch_size = 32 cannot be divided among 3 replicas; .* such as 33"),
        (0, {"replicas": 2}, "needs learner.strategy = 'mirrored' or 'tpu'; one device was found"),
        (2, {"strategy": "one_device", "replicas": 2}, "one device was asked for"),
        (0, {"strategy": "multi_worker"}, "needs the environment variable TF_CONFIG"),
        (0, {"strategy": "multi_worker", "replicas": 2}, "cannot be chosen with several hosts"),
    ],
)
def test_what_cannot_be_is_said(gpus, count, options, said):
    gpus(count)
    with pytest.raises(ValueError, match=said):
        choose_devices(LearnerConfig(**options))


def test_a_tpu_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="found no TPU called 'local'"):
        choose_devices(LearnerConfig(strategy="tpu"))


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        ({"worker": WORKERS}, {"type": "worker", "index": 2}, Host(2, 3)),
        ({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "chief", "index": 0}, Host(0, 2)),
        ({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "worker", "index": "0"}, Host(1, 2)),
    ],
)
def test_place_of_a_host_among_all(cluster, task, expected):
    assert parse_tf_config(json.dumps({"cluster": cluster, "task": task})) == expected


@pytest.mark.parametrize(
    "text",
    [
        "worker-1",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": ["a:1"], "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_malformed_cluster_is_said(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must look like"):
        choose_devices(LearnerConfig())


def test_training_takes_the_cores_that_acting_leaves(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    assert [free_cores(actors) for actors in (0, 8, 15, 200)] == [15, 7, 1, 1]
