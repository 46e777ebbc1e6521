"""One run; ``Callback`` is the base of one's own hooks (docs/hooks.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seed_matrace.training.callback import Callback, RunHandle

__all__ = ["Callback", "RunHandle"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seed_matrace.training import callback  # the command line stays quick without it

    return getattr(callback, name)
