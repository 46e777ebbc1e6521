"""What Vertex AI's environment variables say, and what is not theirs."""

import json
from pathlib import Path

import pytest

from seed_matrace.transport.address import HostPort
from seed_matrace.vertex.cluster import ACTORS, EVALUATOR, LEARNER, Cluster, read_cluster, read_folders

POOLS = {
    "workerpool0": ["cmle-training-workerpool0-ab-0:2222"],
    "workerpool1": ["cmle-training-workerpool1-ab-0:2222", "cmle-training-workerpool1-ab-1:2222"],
    "workerpool3": ["cmle-training-workerpool3-ab-0:2222"],
}


def spec(task, index=0, pools=POOLS):
    return {
        "CLUSTER_SPEC": json.dumps({"cluster": pools, "environment": "cloud", "task": {"type": task, "index": index}})
    }


@pytest.mark.parametrize(
    ("task", "index", "role"), [("workerpool0", 0, LEARNER), ("workerpool1", 1, ACTORS), ("workerpool3", 0, EVALUATOR)]
)
def test_every_host_knows_its_role_and_the_learner(task, index, role):
    learner = HostPort("cmle-training-workerpool0-ab-0", 2222)
    assert read_cluster(spec(task, index)) == Cluster(role, index, learner, actor_hosts=2)


def test_job_of_one_host_has_no_hosts_for_actors():
    alone = read_cluster(spec("workerpool0", pools={"workerpool0": POOLS["workerpool0"]}))
    assert (alone.role, alone.actor_hosts) == (LEARNER, 0)


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[]", '{"cluster": {"worker": ["a:1"]}}', '{"cluster": {"workerpool0": ["a"]}, "task": {}}']
)
def test_other_environments_are_refused(text):
    with pytest.raises(ValueError, match="CLUSTER_SPEC"):
        read_cluster({"CLUSTER_SPEC": text})


def test_folders_are_where_the_buckets_are_mounted():
    folders = read_folders(
        {"AIP_CHECKPOINT_DIR": "gs://b/job/checkpoints/", "AIP_TENSORBOARD_LOG_DIR": "gs://b/job/logs/"}, Path("/gcs")
    )
    assert (folders.run, folders.tensorboard) == (Path("/gcs/b/job/checkpoints"), Path("/gcs/b/job/logs"))
    assert folders.credentials == Path("/gcs/b/job/credentials")


@pytest.mark.parametrize("uri", ["", "/tmp/job", "s3://bucket/job", "gs://"])
def test_job_without_a_bucket_is_refused(uri):
    with pytest.raises(ValueError, match="needs a baseOutputDirectory"):
        read_folders({"AIP_CHECKPOINT_DIR": uri}, Path("/gcs"))
