"""The inference loop: serves whichever groups are ready until it is told to stop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from absl import logging

from seed_matrace.inference.actors import ActorFigures, Actors
from seed_matrace.inference.inference import Inference
from seed_matrace.inference.unrolls import Unrolls
from seed_matrace.sections.learner import InferenceConfig
from seed_matrace.transport.log_limit import LogLimit
from seed_matrace.transport.server import Event, Joined, Left, Ready, Server

_IDLE_S = 1.0
_LOOK_S = 1.0  # how often silent actors are looked for
_LINES_PER_MINUTE = 20  # about one actor that comes and goes
_GOODBYE_S = 5.0  # actors have to leave once the run is over

Note = Callable[[str], None]


class InferenceServer:
    """Runs ``Inference`` for the groups of a transport server, in a thread of its own.

    Groups whose unrolls the learner has not taken yet stay unanswered: they wait, the others go on.

    Args:
      note: told, in that thread, which actor was lost and why; may be exchanged.
    """

    def __init__(
        self, transport: Server, inference: Inference, unrolls: Unrolls, config: InferenceConfig, note: Note
    ) -> None:
        self.dropped_env_steps = 0
        self.restarted_groups = 0  # by actors that went on, their environments having been lost
        self.error: BaseException | None = None
        self._transport = transport
        self._inference = inference
        self._unrolls = unrolls
        self._max_wait_s = config.max_wait_ms / 1000
        self._actor_timeout_s = config.actor_timeout_s
        self.note = note
        kinds = 4 * len(unrolls.policy_lags)  # groups, at least as many as actors
        self._log = LogLimit(lambda text: logging.info("%s", text), burst=_LINES_PER_MINUTE, kinds=kinds)
        self._tell = LogLimit(lambda text: self.note(text), burst=_LINES_PER_MINUTE, kinds=kinds)
        self._ready: dict[int, None] = {}  # an ordered set: first come, first served
        self._actors = Actors(unrolls.group_size)
        self._looked_at = time.monotonic()
        self._num_groups = 0
        self._stop = threading.Event()
        self._run_over = False
        self._sent_back = ""
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._closing, self._closed = threading.Lock(), False
        unrolls.call_on_release(self._wake)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, run_over: bool = False) -> None:
        """Ends the loop and closes the transport; ``run_over`` lets the actors know that they can end too."""
        self._run_over = run_over
        self._stop.set()
        self._wake()
        self._thread.join()

    def send_back(self, reason: str) -> None:
        """Cuts off all actors, which come again at once and are welcomed anew: their environments begin afresh."""
        self._sent_back = reason
        self._wake()

    @property
    def connected_actors(self) -> int:
        return self._actors.connected

    def actor_figures(self) -> dict[int, ActorFigures]:
        """Of every actor that ever joined, by its task id."""
        return self._actors.figures(self._unrolls.policy_lags)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._serve_once()
            if self._run_over:
                self._send_actors_home()
        except BaseException as error:  # the learner's thread raises it again
            self.error = error
            logging.exception("inference stopped")
        finally:
            self._log.close()
            self._tell.close()
            with self._closing:
                self._closed = True
                self._transport.close()

    def _wake(self) -> None:
        """Nothing once the loop has ended by itself, after an error: its descriptors may be others' by then."""
        with self._closing:
            if not self._closed:
                self._transport.wake()

    def _send_actors_home(self) -> None:
        self._transport.say_goodbye()
        deadline = time.monotonic() + _GOODBYE_S
        while self._actors.connected and (left := deadline - time.monotonic()) > 0:
            self._handle(self._transport.poll(left))

    def _serve_once(self) -> None:
        self._handle(self._transport.poll(_IDLE_S))
        if self._sent_back:
            reason, self._sent_back = self._sent_back, ""
            for group in self._actors.first_groups:
                self._handle(self._transport.cut_off(group, reason))
        self._look_for_silent_actors()
        if self._max_wait_s:
            self._wait_for_more()
        runnable = [group for group in self._ready if self._unrolls.can_append(group)]
        if not runnable:
            return
        self._inference.infer(runnable, [self._transport.slot(group) for group in runnable])
        for group in runnable:
            del self._ready[group]
        self._actors.were_answered(runnable)
        self._handle(self._transport.answer(runnable))

    def _look_for_silent_actors(self) -> None:
        """Cuts off actors that owe a step for too long; a pause of the learner's own does not count."""
        now = time.monotonic()
        passed = now - self._looked_at
        if passed < _LOOK_S:
            return
        self._looked_at = now
        self._log.tick()
        self._tell.tick()
        for group in self._actors.wait(min(passed, _LOOK_S + _IDLE_S), self._actor_timeout_s or math.inf):
            self._handle(self._transport.cut_off(group, f"it sent no step for {self._actor_timeout_s:g} s"))

    def _wait_for_more(self) -> None:
        deadline = time.monotonic() + self._max_wait_s
        while self._ready and len(self._ready) < self._num_groups:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._handle(self._transport.poll(left))

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Ready):
                self._ready[event.group] = None
                if event.restarted:
                    self._drop_unroll(event.group)
                self._actors.sent_step(event.group)
            elif isinstance(event, Joined):
                times = self._actors.joined(event.task_id, event.groups)
                self._num_groups += len(event.groups)
                kind = f"actor {event.task_id}"
                self._log(f"{kind} joined", f"{kind} joined with groups {list(event.groups)}")
                if times > 1:
                    self._tell(f"{kind} is back", f"{kind} is back")
            elif isinstance(event, Left):
                self._remove(event)

    def _drop_unroll(self, group: int) -> None:
        dropped = self._unrolls.drop(group)
        self.dropped_env_steps += dropped
        self.restarted_groups += 1
        actor = f"actor {self._actors.task_id_of(group)}"
        lost = f"lost the environments of group {group}; {dropped} env steps of its unfinished unroll dropped"
        self._log(f"{actor} lost", f"{actor} {lost}")

    def _remove(self, event: Left) -> None:
        self._actors.left(event.task_id)
        self._num_groups -= len(event.groups)
        dropped = 0
        for group in event.groups:
            self._ready.pop(group, None)
            dropped += self._unrolls.drop(group)
        self.dropped_env_steps += dropped
        lost = f"actor {event.task_id} left: {event.reason}; {dropped} env steps of unfinished unrolls dropped"
        for say in (self._log, self._tell):
            say(f"actor {event.task_id} left", lost)
