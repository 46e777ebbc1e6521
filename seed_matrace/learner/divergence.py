"""Training that has gone wrong: noticed at once, its batch kept, and a sentence that says what to look at."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seed_matrace.files import write_file
from seed_matrace.types import Unroll

FAILED_BATCH = "failed_batch.npz"


class DivergedError(FloatingPointError):
    """The loss is not finite, or larger than any sound one."""


def check_loss(
    scalars: Mapping[str, float], batch: Unroll, *, learner_step: int, stop_loss: float, run_dir: Path
) -> None:
    """Does nothing while loss and gradients are finite and the loss is at most ``stop_loss``.

    Args:
      scalars: the metrics of one learner step.
      batch: what the step was done on.
      learner_step: how many steps were done before.
      stop_loss: limit of the loss' absolute value.
      run_dir: where the batch is saved before the error, as FAILED_BATCH with the fields of ``Unroll``.

    Raises:
      DivergedError: says what is wrong, where to look and what may help.
    """
    loss, norm = scalars["losses/total"], scalars["optimizer/grad_norm"]
    if np.isfinite(norm) and abs(loss) <= stop_loss:
        return
    content = io.BytesIO()
    np.savez(content, **batch._asdict())
    write_file(run_dir / FAILED_BATCH, content.getvalue())
    raise DivergedError(
        f"training has diverged: at learner step {learner_step} the loss is {loss:.6g} and its gradient's norm "
        f"{norm:.6g}. {_advice(scalars, batch)} The batch is in {run_dir / FAILED_BATCH}; checkpoints are from before"
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
