"""The simulator in BenchMARL, run by a Python that has it: MAPPO and QMIX for two iterations each."""

import pytest
import torch
from benchmarl.algorithms import MappoConfig, QmixConfig
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig

from seed_matrace.envs.benchmarl import skirmish_task
from seed_matrace.envs.torchrl import SkirmishEnv


@pytest.mark.parametrize("algorithm", [MappoConfig, QmixConfig])
def test_two_iterations(algorithm, tmp_path):
    config = ExperimentConfig.get_from_yaml()
    config.max_n_iters, config.max_n_frames = 2, None
    config.loggers, config.save_folder = [], str(tmp_path)
    config.on_policy_n_envs_per_worker = config.off_policy_n_envs_per_worker = 8
    config.on_policy_collected_frames_per_batch = config.off_policy_collected_frames_per_batch = 640
    config.on_policy_minibatch_size, config.on_policy_n_minibatch_iters = 320, 1
    config.off_policy_n_optimizer_steps = 4
    config.evaluation_interval, config.evaluation_episodes = 640, 8
    experiment = Experiment(
        task=skirmish_task("3m", obs_last_action=True),
        algorithm_config=algorithm.get_from_yaml(),
        model_config=MlpConfig.get_from_yaml(),
        critic_model_config=MlpConfig.get_from_yaml(),
        seed=0,
        config=config,
    )
    before = [value.clone() for value in experiment.policy.parameters()]
    experiment.run()
    assert experiment.n_iters_performed == 2 and experiment.total_frames == 1280
    changed = [(one != other).any() for one, other in zip(before, experiment.policy.parameters(), strict=True)]
    assert torch.stack(changed).any()


def test_its_parts_are_those_of_the_environment():
    task, env = skirmish_task("2s3z"), SkirmishEnv("2s3z", 3)
    assert set(task.observation_spec(env).keys(True, True)) == {("agents", "observation")}
    assert set(task.action_mask_spec(env).keys(True, True)) == {("agents", "action_mask")}
    assert set(task.state_spec(env).keys(True, True)) == {"state"}
    assert task.observation_spec(env)["agents", "observation"].shape == (5, 80)
    assert task.max_steps(env) == 120 and task.group_map(env) == {"agents": [f"agent_{i}" for i in range(5)]}


def test_mistakes_are_told_where_the_task_is_made():
    with pytest.raises(ValueError, match="3m"):
        skirmish_task("3n")
    with pytest.raises(TypeError, match="obs_last_action"):
        skirmish_task("3m", obs_last_acton=True)
