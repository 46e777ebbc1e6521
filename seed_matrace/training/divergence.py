"""Training that has gone wrong: noticed at once, its batch kept, and a sentence that says what to look at.

What has gone wrong is in no checkpoint: rewards are looked at as they arrive, all that is saved before it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seed_matrace.arrays_file import write_arrays
from seed_matrace.inference.rewards import LARGEST, DivergedError
from seed_matrace.types import EpisodeStats, Unroll

if TYPE_CHECKING:
    from seed_matrace.config import Config

FAILED_BATCH = "failed_batch.npz"


def largest_reward(config: Config) -> float:
    """The largest sound reward: by itself it makes a loss of ``run.stop_loss`` in a batch that is 0 elsewhere.

    Where rewards or values are brought to a size of their own, LARGEST.
    """
    loss, learner = config.loss, config.learner
    if loss.max_abs_reward or config.network.normalise_values or not loss.baseline_cost:
        return LARGEST
    steps = learner.batch_size * learner.unroll_length
    return min(math.sqrt(2 * config.run.stop_loss * steps / loss.baseline_cost), LARGEST)


def check_evaluated(stats: EpisodeStats, largest: float, environment: str) -> None:
    """Raises DivergedError unless evaluated episodes can be told from one another: see ``check_reward``."""
    sound = np.abs(stats.episode_return) <= largest * np.maximum(stats.length, 1)
    if not sound.all():
        raise DivergedError(
            f"environment {environment}: an evaluated episode has the return {stats.episode_return[~sound][0]:.6g}, "
            "which no sound rewards add up to. Look at the environment; no checkpoint holds it"
        )


def check_saved(arrays: Mapping[str, np.ndarray], variables: Mapping[str, np.ndarray], largest: float) -> None:
    """Raises DivergedError if a checkpoint of them would hold what training stops at.

    Args:
      arrays: unfinished unrolls and environments' steps, named as by ``Unroll`` behind the last "/".
      variables: weights and statistics.
      largest: see ``largest_reward``.
    """
    found = [name for name, array in variables.items() if not _sound(array, math.inf)]
    found += [
        name for name, array in arrays.items() if not _sound(array, largest if name.endswith("/reward") else LARGEST)
    ]
    if found:
        raise DivergedError(
            f"no checkpoint was written: it would hold numbers that no training goes on from ({', '.join(found[:3])}). "
            "Where an environment sent them, look at the environment; the newest checkpoint is from before"
        )


def _sound(array: np.ndarray, largest: float) -> bool:
    if array.dtype.kind != "f" or not array.size:
        return True
    size = max(abs(float(array.max())), abs(float(array.min())))  # NaN if one of them is
    return size <= largest and math.isfinite(size)


def check_loss(
    scalars: Mapping[str, float], batch: Unroll, *, learner_step: int, stop_loss: float, run_dir: Path
) -> None:
    """Does nothing while loss and gradients are finite and the loss is at most ``stop_loss``.

    Args:
      scalars: the metrics of one batch.
      batch: what its learner steps were done on.
      learner_step: how many were done before.
      stop_loss: limit of the loss' absolute value.
      run_dir: where the batch is saved before the error, as FAILED_BATCH with the fields of ``Unroll``.

    Raises:
      DivergedError: says what is wrong, where to look and what may help.
    """
    done = int(scalars["optimizer/updates"])
    for update, suffix in enumerate(["", *(f"_update_{number}" for number in range(2, done + 1))]):
        loss, norm = scalars["losses/total" + suffix], scalars["optimizer/grad_norm" + suffix]
        if not (np.isfinite(norm) and abs(loss) <= stop_loss):
            raise DivergedError(_diverged(learner_step + update, loss, norm, scalars, batch, run_dir))


def _diverged(
    learner_step: int, loss: float, norm: float, scalars: Mapping[str, float], batch: Unroll, run_dir: Path
) -> str:
    """Keeps the batch; what is wrong, where to look and what may help."""
    kept = f"The batch is in {run_dir / FAILED_BATCH}"
    try:
        write_arrays(run_dir / FAILED_BATCH, batch._asdict(), compressed=False)
    except OSError as error:
        kept = str(error)
    return (
        f"training has diverged: at learner step {learner_step} the loss is {loss:.6g} and its gradient's norm "
        f"{norm:.6g}. {_advice(scalars, batch)} {kept}; checkpoints are from before"
    )


def _advice(scalars: Mapping[str, float], batch: Unroll) -> str:
    broken = [name for name, array in batch._asdict().items() if not np.isfinite(array[_used(name)]).all()]
    if broken:
        return f"The batch itself is not finite ({', '.join(broken)}): look at the environment that sent it."
    largest = max(float(np.abs(array).max(initial=0.0)) for array in (batch.obs, batch.state, batch.reward))
    return (
        f"The batch is finite (largest observation, state or reward {largest:.4g}), the largest ratio is "
        f"{scalars['IS/rho_max']:.4g}, the mean value {scalars['V/value_mean']:.4g}: look at how optimizer/grad_norm, "
        "IS/rho_max and V/value_mean grew in metrics.jsonl; lower optimizer.learning_rate, set optimizer.clip_norm, "
        "or normalise (network.normalise_obs, network.normalise_values) what is large. run.stop_loss is the largest "
        "loss that counts as sound."
    )


def _used(name: str) -> slice:
    """Steps of a field that training looks at: rewards and ends belong to the transition before their step."""
    if name in ("reward", "terminated", "truncated"):
        return slice(1, None)
    return slice(None, -1) if name in ("action", "log_prob", "policy_version") else slice(None)
