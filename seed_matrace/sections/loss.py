"""What is learnt and by which steps: ``loss.*`` and ``optimizer.*``."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option as _option
from seed_matrace.sections.checked import Checked


@dataclass(frozen=True)
class LossConfig(Checked):
    function: str = _option("ma_trace", "which loss, by the name that it is registered by")
    reward: str = _option("environment", "what is learnt from: the environment's rewards, or a registered function's")
    discount: float = _option(0.99, "gamma", low=0.0, high=1.0)
    lambda_: float = _option(1.0, "mixes n-step targets, multiplies c", low=0.0, high=1.0)
    clip_rho_threshold: float = _option(1.0, "rho-bar, eq. 2 of MA-Trace", above=0.0)
    clip_c_threshold: float = _option(1.0, "c-bar, eq. 2 of MA-Trace", low=0.0)
    clip_pg_rho_threshold: float = _option(1.0, "clips the ratio in the policy gradient", above=0.0)
    importance_weights: str = _option(
        "joint",
        "off-policy correction: ratio of the joint action, or of each agent's own; none is the ablation",
        choices=("joint", "per_agent", "none"),
    )
    policy_ratios: str = _option(
        "as_targets",
        "what weighs the policy gradient of a central critic: the ratio of its targets, or of each agent's own action",
        choices=("as_targets", "per_agent"),
    )
    clip_ratio: float = _option(
        0.0,
        "on one batch no action's probability is pushed on by more than this fraction (PPO's epsilon); 0 is off",
        low=0.0,
    )
    normalise_advantages: bool = _option(
        False, "advantages less their mean in the batch, measured in their standard deviation there"
    )
    mean_value: bool = _option(False, "one value per agent: all agents' targets start from the mean of their values")
    bootstrap_time_limit: bool = _option(
        False, "returns go on behind the time limit with the value of what was seen last; SMAC ends them"
    )
    max_abs_reward: float = _option(0.0, "clips rewards to +- this; 0 is off", low=0.0)
    baseline_cost: float = _option(0.5, "weight of the value loss", low=0.0)
    kl_cost: float = _option(0.0, "weight of the divergence from the behaviour policy; 0 is off", low=0.0)
    target_entropy: float = _option(1e-5, "the entropy cost is trained towards this joint entropy (nats)", low=0.0)
    entropy_cost: float = _option(1.0, "entropy cost at the start", low=1e-8, high=1e8)
    entropy_cost_speed: float = _option(
        10.0, "schedule 'trained': how fast the entropy cost adapts; 0 keeps it fixed", low=0.0
    )
    entropy_schedule: str = _option(
        "trained",
        "what moves the entropy cost: the optimizer, the env steps, or how far entropies are from a target",
        choices=("trained", "env_steps", "target"),
    )
    entropy_floor: float = _option(0.003, "schedules but 'trained': the least entropy cost", low=1e-8, high=1e8)
    entropy_ceiling: float = _option(1.0, "schedule 'target': the largest entropy cost", low=1e-8, high=1e8)
    entropy_env_steps: int = _option(
        1_000_000, "schedule 'env_steps': when the floor is reached; 'target': how slowly it adapts", low=1
    )
    target_entropy_fraction: float = _option(
        0.1, "schedule 'target': an agent's entropy over the largest it could have", low=0.0, high=1.0
    )


@dataclass(frozen=True)
class OptimizerConfig(Checked):
    learning_rate: float = _option(1e-3, "Adam's step size", low=0.0)
    epsilon: float = _option(1e-7, "Adam's epsilon", above=0.0)
    warmup_steps: int = _option(0, "learner steps over which the step size rises to learning_rate", low=0)
    decay_env_steps: int = _option(0, "env steps over which it falls to decay_to x learning_rate; 0 is off", low=0)
    decay_to: float = _option(0.0, "fraction of learning_rate that is left in the end", low=0.0, high=1.0)
    clip_norm: float = _option(0.0, "clips the global gradient norm; 0 is off", low=0.0)
    clip_apart: bool = _option(False, "clips the norms of policy and critic each by itself")
