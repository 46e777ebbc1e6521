"""One actor's stream, as the learner's end keeps it in the thread of the streams."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seed_matrace.transport import messages
from seed_matrace.transport.frames import Frames
from seed_matrace.transport.messages import RefusedError, Welcome


@dataclass(eq=False)
class GrpcConnection:
    """One actor's stream; ``groups`` is empty until it is admitted."""

    peer: str
    admitted: asyncio.Future[Welcome]
    serving: asyncio.Task[None] | None = None
    cut_off_because: str = ""
    task_id: int = -1
    groups: tuple[int, ...] = ()
    actions: Sequence[np.ndarray] = ()  # int32 [E, N] of each group
    acting: set[int] = field(default_factory=set)  # whose step is here and not yet answered
    answers: list[int] = field(default_factory=list)  # to be written
    goodbye: bool = False  # is to be said
    has_something_to_say: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, reason: str) -> None:
        """Ends the stream from this side."""
        self.cut_off_because = reason
        if self.serving:
            self.serving.cancel()

    def send_home(self) -> None:
        self.goodbye = True
        self.has_something_to_say.set()

    def settle(self, answer: Welcome | RefusedError) -> None:
        """Whether the actor may join, unless it has gone meanwhile."""
        if self.admitted.done():
            return
        if isinstance(answer, RefusedError):
            self.admitted.set_exception(answer)
        else:
            self.admitted.set_result(answer)

    async def write(self, frames: Frames, context: Any) -> None:
        """Writes answers, all that are there in one frame, until it is cancelled or there is nothing more to say."""
        while True:
            await self.has_something_to_say.wait()
            self.has_something_to_say.clear()
            groups, self.answers = self.answers, []
            if groups:
                await context.write(frames.encode_actions(self.actions, groups))
            if self.goodbye:
                await context.write(messages.GOODBYE)
                return
