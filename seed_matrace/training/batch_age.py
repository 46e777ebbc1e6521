"""Whether batches are too old to be trained on several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seed_matrace.config import Config

_MOST_BATCHES = 1.5  # older ones kept 3m at 0.8 without an average to measure ratios from, see docs/results
_STEADY_AGE = 10


def age_warning(config: Config, policy_lag: float, *, actors: bool) -> str:
    """What to say of a mean policy lag in learner steps; "" if nothing, or if the age was asked for.

    Args:
      actors: whether others act; else one process plays and learns in turn.
    """
    learner, loss = config.learner, config.loss
    clips = loss.function == "ma_trace" and loss.clip_ratio and loss.importance_weights != "none"
    once = learner.updates_per_batch == 1
    asked_for = learner.policy_lag or learner.replay_buffer or learner.proximal_age
    if not clips or once or asked_for or policy_lag <= _MOST_BATCHES * learner.updates_per_batch:
        return ""
    newer = "one process (--num_actors=0), fewer environments" if actors else "fewer environments (run.num_envs)"
    return (
        f"batches are {policy_lag:.0f} learner steps old on average and each gets {learner.updates_per_batch} more: "
        f"training may stay unsteady. learner.proximal_age = {_STEADY_AGE} steadies it; {newer} or a lower "
        "learner.updates_per_batch make batches newer"
    )
