"""Jobs submitted to a stand-in for Vertex AI, over both of its protocols, by the command itself."""

import grpc
import pytest
import yaml
from fake_vertex import ENDPOINTS, NUMBER, FakeVertex, as_dict
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from seed_matrace.cli import main
from seed_matrace.vertex.service import JobService, parse_job_name

JOB = f"projects/a-project/locations/europe-west4/customJobs/{NUMBER}"
OPTIONS = [
    *("--project=a-project", "--region=europe-west4", "--bucket=gs://a-bucket/runs"),
    *("--learner_image=learner:1", "--actor_image=actor:1", "--labels=team=marl", "--name=a-job"),
]
RUN = ["maps/2s3z.gin", "--num_actors=64", "--accelerator=NVIDIA_L4", "--strategy=SPOT", "--max_wait_s=3600"]


@pytest.fixture(params=sorted(ENDPOINTS))
def vertex(request):
    """Calls the command against a ``FakeVertex``, over one of the protocols: its exit code."""

    def call(fake, *words):
        with ENDPOINTS[request.param](fake) as endpoint:
            flags = [f"--api_endpoint={endpoint}", f"--api_transport={request.param}", "--poll_s=0.01"]
            return main(["vertex", *words, *OPTIONS, *flags])

    return call


def dry_run(capsys, *words):
    assert main(["vertex", *words, *OPTIONS, "--dry_run"]) == 0
    command, _, text = capsys.readouterr().out.partition("\n")
    return command, yaml.safe_load(text)


def test_what_is_sent_is_the_dry_run(vertex, capsys):
    command, spec = dry_run(capsys, *RUN)
    fake = FakeVertex()
    assert vertex(fake, *RUN) == 0
    assert fake.parent == "projects/a-project/locations/europe-west4"
    assert fake.created == types.CustomJob(
        json_format.ParseDict(
            {"displayName": "a-job", "labels": {"team": "marl"}, "jobSpec": spec}, types.CustomJob.pb()()
        )
    )
    sent = as_dict(fake.created)["jobSpec"]
    assert [pool["replicaCount"] for pool in sent["workerPoolSpecs"]] == ["1", "4"]
    assert sent["scheduling"] == {"timeout": "604800s", "strategy": "SPOT", "maxWaitDuration": "3600s"}
    assert "gcloud ai custom-jobs create --project=a-project --region=europe-west4 --display-name=a-job" in command
    printed = capsys.readouterr().out
    assert f"submitted {JOB}" in printed
    assert f"agent-platform/locations/europe-west4/training/{NUMBER}?project=a-project" in printed


def test_tuning_job_sent_is_the_dry_run(vertex, capsys):
    words = [
        *RUN,
        "--tune=optimizer.learning_rate=log(1e-4, 1e-2)",
        "--tune=network.critic_input=['state', 'joint_obs']",
    ]
    words += ["--trials=8", "--parallel_trials=2"]
    command, spec = dry_run(capsys, *words)
    fake = FakeVertex()
    assert vertex(fake, *words) == 0
    assert isinstance(fake.created, types.HyperparameterTuningJob)
    assert (fake.created.max_trial_count, fake.created.parallel_trial_count) == (8, 2)
    assert "--max-trial-count=8 --parallel-trial-count=2" in command
    sent = types.HyperparameterTuningJob(json_format.ParseDict(spec, types.HyperparameterTuningJob.pb()()))
    assert (sent.study_spec, sent.trial_job_spec) == (fake.created.study_spec, fake.created.trial_job_spec)
    assert fake.created.study_spec.metrics[0].metric_id == "win_rate"
    assert "hyperparameterTuningJobs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("states", "said", "code"),
    [
        (["QUEUED", "PENDING", "RUNNING", "SUCCEEDED"], ["queued", "pending", "running", "succeeded"], 0),
        (["QUEUED", "RUNNING", "RUNNING", "FAILED"], ["queued", "running", "failed: the replica ended"], 1),
        (["RUNNING", "CANCELLING", "CANCELLED"], ["running", "cancelling", "cancelled"], 1),
        (["RUNNING", "EXPIRED"], ["running", "expired"], 1),
    ],
    ids=["succeeds", "fails", "is cancelled", "expires"],
)
def test_each_state_is_said_once(vertex, capsys, states, said, code):
    fake = FakeVertex(list(states), error=(13, "the replica ended with exit code 2"))
    assert vertex(fake, *RUN, "--wait") == code
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[1].rstrip(":") for line in lines] == [text.split(":")[0] for text in said]
    assert said[-1] in lines[-1]


def test_job_that_failed_for_want_of_quota_says_what_helps(vertex, capsys):
    fake = FakeVertex(states=["QUEUED", "FAILED"], error=(8, "Quota custom_model_training_nvidia_l4_gpus exceeded"))
    assert vertex(fake, "watch", JOB) == 1
    assert "nvidia_l4_gpus exceeded Ask for more quota" in capsys.readouterr().out


def test_job_is_cancelled(vertex, capsys):
    fake = FakeVertex()
    assert vertex(fake, "cancel", NUMBER) == 0
    assert fake.cancelled == [JOB]
    assert "asked for the end of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("refusal", "message", "advice"),
    [
        ((429, grpc.StatusCode.RESOURCE_EXHAUSTED), "Quota exceeded for cpus.", "Ask for more quota"),
        ((403, grpc.StatusCode.PERMISSION_DENIED), "Permission denied on resource.", "roles/aiplatform.user"),
        ((400, grpc.StatusCode.INVALID_ARGUMENT), "Machine type n9 is not known.", "--dry_run prints it"),
        ((404, grpc.StatusCode.NOT_FOUND), "Project not found.", "see project, region, job"),
    ],
    ids=["quota", "permission", "argument", "place"],
)
def test_refusal_is_explained_in_one_line(vertex, capsys, refusal, message, advice):
    assert vertex(FakeVertex(refusal=refusal, refusal_message=message), *RUN) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message.rstrip(".") in said and advice in said


def test_missing_credentials_are_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(RuntimeError, match="gcloud auth application-default login"):
        JobService("europe-west4")


def test_plain_text_never_leaves_this_machine():
    with pytest.raises(ValueError, match="not this machine"):
        JobService("europe-west4", "http://vertex.example:80")


@pytest.mark.parametrize("text", ["47x", "projects/p/locations/l/pipelines/4", ""])
def test_what_is_no_job_is_refused(text):
    with pytest.raises(ValueError, match="is no job"):
        parse_job_name(text, "a-project", "europe-west4")
