"""Whether batches are too old to be trained on several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seed_matrace.config import Config

_MOST_BATCHES = 1.5  # of two and more 3m fell, without an average to measure ratios from: docs/results, "Old batches"
_STEADY_AGE = 2


def age_warning(config: Config, policy_lag: float, *, actors: bool) -> str:
    """What to say of a mean policy lag in learner steps; "" if nothing, or if the age was asked for.

    Args:
      config: the run's.
      policy_lag: learner steps, the mean over a report's batches.
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
