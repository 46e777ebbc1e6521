"""Whether batches are too old to be trained on several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seed_matrace.config import Config

_MOST_BATCHES = 1.5  # older ones kept 3m at 0.8, see docs/results
_STEADY_AGE = 10


def age_warning(config: Config, policy_lag: float) -> str:
    """What to say of a mean policy lag in learner steps; "" if nothing."""
    learner = config.learner
    too_old = policy_lag > _MOST_BATCHES * learner.updates_per_batch
    expected = learner.policy_lag or learner.proximal_age or learner.updates_per_batch == 1
    if not too_old or expected or not config.loss.clip_ratio:
        return ""
    return (
        f"batches are {policy_lag:.0f} learner steps old on average and each gets {learner.updates_per_batch} more: "
        f"training may stay unsteady. learner.proximal_age = {_STEADY_AGE} steadies it; one process (--num_actors=0), "
        "fewer environments or a lower learner.updates_per_batch make batches newer"
    )
