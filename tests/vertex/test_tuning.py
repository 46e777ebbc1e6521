"""Options as parameters of a study, and back."""

import json

import pytest

from seed_matrace.config import load_config
from seed_matrace.vertex.tuning import report_metric, study_parameter, trial_bindings


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        (
            "optimizer.learning_rate=log(1e-4, 1e-2)",
            {"doubleValueSpec": {"minValue": 1e-4, "maxValue": 1e-2}, "scaleType": "UNIT_LOG_SCALE"},
        ),
        (
            "learner.unroll_length=linear(20, 100)",
            {"integerValueSpec": {"minValue": 20, "maxValue": 100}, "scaleType": "UNIT_LINEAR_SCALE"},
        ),
        ("learner.batch_size=[64, 32]", {"discreteValueSpec": {"values": [32, 64]}, "scaleType": "UNIT_LINEAR_SCALE"}),
        (
            "network.critic_input=['state', 'joint_obs']",
            {"categoricalValueSpec": {"values": ["state", "joint_obs"]}},
        ),
        ("network.policy_layers=[(64,), (64, 64)]", {"categoricalValueSpec": {"values": ["(64,)", "(64, 64)"]}}),
    ],
)
def test_option_becomes_a_parameter(text, domain):
    name = text.partition("=")[0].replace(".", "__")
    assert study_parameter(text) == {"parameterId": name, **domain}


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.learning_rate",
        "optimizer.learning_rate=0.1",
        "optimizer.learning_rate=log(0, 1)",
        "optimizer.learning_rate=linear(1, 0)",
        "optimizer.learning_rate=linear('a', 'b')",
        "optimizer.learning_rate=[]",
        "optimizer.speed=[1]",
        "speed=[1]",
    ],
)
def test_mistakes_are_explained(text):
    with pytest.raises(ValueError, match=r"learning_rate=log\(1e-4, 1e-2\)"):
        study_parameter(text)


def test_a_trials_parameters_are_gin_bindings():
    words = ["--optimizer__learning_rate=0.003", "--learner__batch_size=16.0", "--network__critic_input", "state"]
    words += ["--network__policy_layers=(32, 32)"]
    config = load_config([], trial_bindings(words))[0]
    assert (config.optimizer.learning_rate, config.learner.batch_size) == (0.003, 16)
    assert (config.network.critic_input, config.network.policy_layers) == ("state", (32, 32))
    for wrong in (["--optimizer__learning_rate"], ["loss.discount=1"], ["--loss__nothing=1"]):
        with pytest.raises(ValueError, match="learning_rate="):
            trial_bindings(wrong)


def test_trial_reports_its_newest_evaluation(tmp_path):
    reports = [{"env_steps": 10, "eval/win_rate": 0.25}, {"env_steps": 20, "eval/win_rate": 0.5}, {"env_steps": 30}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(report) + "\n" for report in reports))
    file = tmp_path / "hypertune" / "output.metrics"
    report_metric(tmp_path, {"CLOUD_ML_HP_METRIC_FILE": str(file)})
    assert not file.exists(), "not a trial"
    report_metric(tmp_path, {"CLOUD_ML_HP_METRIC_FILE": str(file), "CLOUD_ML_TRIAL_ID": "3"})
    line = json.loads(file.read_text())
    assert (line["win_rate"], line["trial"], line["global_step"]) == ("0.5", "3", "20")
