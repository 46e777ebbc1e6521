"""Where a run's reports go besides its files: sinks by their names, each a hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seed_matrace.training.callback import Callback


def _make_wandb() -> Callback:
    import wandb  # noqa: F401

    from seed_matrace.training.wandb_sink import WandbSink

    return WandbSink()


def _make_mlflow() -> Callback:
    import mlflow  # noqa: F401

    from seed_matrace.training.mlflow_sink import MlflowSink

    return MlflowSink()


SINKS: Mapping[str, Callable[[], Callback]] = {"wandb": _make_wandb, "mlflow": _make_mlflow}
NO_SINK = "none"


def sinks_of(asked: Sequence[str], noted: Any) -> list[str]:
    """The sinks of a run: those that are asked for, or else those that it had.

    Args:
      asked: of ``SINKS``, or ``NO_SINK`` alone.
      noted: what run.json says of them, if it does.

    Raises:
      ValueError: ``NO_SINK`` is not alone; ``noted`` are no sinks.
    """
    if NO_SINK in asked and {*asked} != {NO_SINK}:
        raise ValueError(f"--sink={NO_SINK} excludes other sinks; leave it or {', '.join({*asked} - {NO_SINK})} out")
    if asked:
        return [name for name in dict.fromkeys(asked) if name != NO_SINK]
    if not isinstance(noted, list) or not {*map(str, noted)} <= {*SINKS}:
        raise ValueError(f"the run's sinks are {noted!r}; a list of {', '.join(SINKS)} expected: name them by --sink")
    return list(noted)


def make_sinks(names: Sequence[str]) -> list[Callback]:
    """The hooks that report to ``names``, of ``SINKS``.

    Raises:
      ValueError: what a sink needs is not installed.
    """
    made = []
    for name in names:
        try:
            made.append(SINKS[name]())
        except ImportError as error:
            raise ValueError(
                f"--sink={name} needs what is not installed ({error}): pip install 'seed_matrace[{name}]'"
            ) from None
    return made
