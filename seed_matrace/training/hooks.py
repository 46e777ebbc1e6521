"""Calls the hooks of a run; one that raises ends nothing."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from seed_matrace.training.callback import Callback, RunHandle


class Hooks:
    """The hooks of one session of a run, called in their order.

    Args:
      warn: says it on the screen and in learner.log.
    """

    def __init__(self, callbacks: Sequence[Callback], warn: Callable[[str], None]) -> None:
        self._callbacks, self._warn = callbacks, warn
        self._said: set[tuple[int, str]] = set()
        self._run: RunHandle | None = None
        hear = {name: _overriding(callbacks, name) for name in vars(Callback) if name.startswith("on_")}
        self._hear: Mapping[str, Sequence[Callback]] = hear
        self.hear_batches = bool(hear["on_batch"])

    def call(self, event: str, *arguments: Any) -> None:
        """Calls a method of all hooks that have it: "on_report" and so on."""
        for callback in self._hear[event]:
            self._guarded(callback, event, self._run, *arguments)

    def start(self, run: RunHandle, states: Mapping[str, Any]) -> None:
        """Hands every hook what the checkpoint kept of it, then begins."""
        self._run = run
        for name, callback in self._by_name().items():
            if states.get(name) is not None:
                self._guarded(callback, "set_state", states[name])
        self.call("on_start")

    def states(self) -> dict[str, Any]:
        """What a checkpoint keeps of the hooks, by their names."""
        kept = {name: self._guarded(callback, "state", then=_as_json) for name, callback in self._by_name().items()}
        return {name: state for name, state in kept.items() if state is not None}

    def _by_name(self) -> dict[str, Callback]:
        """Those that a checkpoint may keep something of; of one class they are numbered."""
        named: dict[str, Callback] = {}
        for callback in _overriding(self._callbacks, "state"):
            name = type(callback).__qualname__
            again = sum(other.partition(" ")[0] == name for other in named)
            named[f"{name} {again}" if again else name] = callback
        return named

    def _guarded(
        self, callback: Callback, method: str, *arguments: Any, then: Callable[[Any], Any] = lambda result: result
    ) -> Any:
        try:
            return then(getattr(callback, method)(*arguments))
        except (Exception, SystemExit) as error:
            if (id(callback), method) not in self._said:
                self._said.add((id(callback), method))
                self._warn(f"the hook {_place(callback, method, error)}: {_said_by(error)}; the run goes on")
                logging.info("%s", "".join(traceback.format_exception(error)))
            return None


def _overriding(callbacks: Sequence[Callback], method: str) -> list[Callback]:
    return [callback for callback in callbacks if getattr(type(callback), method) is not getattr(Callback, method)]


def _as_json(state: Any) -> Any:
    """``state`` as a checkpoint gives it back; TypeError or ValueError if it cannot hold it."""
    return json.loads(json.dumps(state, allow_nan=False))


def _place(callback: Callback, method: str, error: BaseException) -> str:
    """Which method, and where in its own code it went wrong."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours
    where = f" ({Path(frames[0].filename).name}, line {frames[0].lineno})" if frames else ""
    return f"{type(callback).__qualname__}.{method}{where}"


def _said_by(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
