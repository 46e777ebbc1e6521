"""What actors and learner say to each other: the handshake, then numbers of groups.

An actor introduces itself (Hello); the learner compares it with its own schema and answers with the groups the
actor is to run (Welcome) or with one sentence (Refusal). Handshakes are JSON. Once the run is over the learner says
goodbye, so that its actors need not wait for another one.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from seed_matrace.specs import EnvSpec, sizes_of
from seed_matrace.transport.schema import PROTOCOL_VERSION, Schema

MAX_HANDSHAKE_BYTES = 64 * 1024
GOODBYE = b"!"  # like no answer: those are numbers of four bytes
_MAX_SENTENCE = 1000
_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
_KIND_LETTERS = 40
_RESTARTED = 1 << 31  # beside a group's number
_REMEMBERED = 1024  # messages; the same few come again and again
# What JSON of any kind can raise while it is taken apart.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class _SentenceError(RuntimeError):
    """One sentence for both sides and their logs; it may quote what a stranger wrote: cut, and made printable."""

    def __init__(self, sentence: str) -> None:
        printable = (letter if letter.isascii() and letter.isprintable() else "?" for letter in sentence)
        super().__init__("".join(printable)[:_MAX_SENTENCE])


class ProtocolError(_SentenceError):
    """The other side said something that does not fit the schema."""


class RefusedError(_SentenceError):
    """The learner does not take this actor; the message is the learner's reason."""


class OccupiedError(RefusedError):
    """Another actor of its number is connected; it may be this one's own connection from before, not yet found dead."""


class RunOverError(_SentenceError):
    """The learner said goodbye: nobody needs this actor any more."""


def kind_of(error: Exception) -> str:
    """Alike for errors that differ only in what a peer wrote and in numbers."""
    words = str(error).partition("(")[0].translate(_NO_DIGITS)
    return f"{type(error).__name__} {words[:_KIND_LETTERS]}"


@dataclass(frozen=True)
class Hello:
    task_id: int
    schema: Schema


@dataclass(frozen=True)
class Welcome:
    """The groups an actor runs; environment j of group i is random stream ``first_envs[i] + j`` of ``seed``.

    ``map_name``: what is played instead of the map that both agreed on, once the run has changed it; with the text of
    a scenario file.
    """

    group_size: int
    first_envs: tuple[int, ...]
    seed: int
    map_name: str = ""
    scenario: str = ""


def encode_hello(hello: Hello) -> bytes:
    schema = {**vars(hello.schema), "spec": sizes_of(hello.schema.spec)}
    return json.dumps({"task_id": hello.task_id, "schema": schema}).encode()


def decode_hello(data: bytes) -> Hello:
    """Raises ProtocolError unless ``data`` is a well-formed Hello in this version of the protocol."""
    try:
        fields = json.loads(data)
        schema = fields["schema"]
        protocol = int(schema["protocol"])
        if protocol != PROTOCOL_VERSION:
            raise ProtocolError(
                f"the actor speaks version {protocol} of the protocol, the learner version {PROTOCOL_VERSION}; install "
                "the same version of seed_matrace on both"
            )
        sizes: dict[str, Any] = {name: value if value is True else int(value) for name, value in schema["spec"].items()}
        layout = {str(name): str(value) for name, value in schema["layout"].items()}
        names = str(schema["backend"]), str(schema["map_name"])
        return Hello(int(fields["task_id"]), Schema(*names, EnvSpec(**sizes), dict(schema["options"]), layout))
    except _MALFORMED as error:
        raise ProtocolError(f"malformed handshake ({type(error).__name__}: {error})") from None


def encode_welcome(welcome: Welcome) -> bytes:
    return json.dumps(asdict(welcome)).encode()


def encode_refusal(error: Exception) -> bytes:
    return json.dumps({"error": str(error), "occupied": isinstance(error, OccupiedError)}).encode()


def decode_answer(data: bytes) -> Welcome:
    """The learner's answer to a Hello.

    Raises:
      RefusedError: the learner refused; its reason.
      ProtocolError: malformed.
    """
    try:
        fields = json.loads(data)
        if "error" in fields:
            raise (OccupiedError if fields["occupied"] else RefusedError)(str(fields["error"]))
        first_envs = tuple(int(first) for first in fields["first_envs"])
        texts = str(fields["map_name"]), str(fields["scenario"])
        return Welcome(int(fields["group_size"]), first_envs, int(fields["seed"]), *texts)
    except _MALFORMED as error:
        raise ProtocolError(f"malformed answer to the handshake ({type(error).__name__}: {error})") from None


def check_goodbye(data: bytes) -> None:
    """Raises RunOverError if the learner said goodbye."""
    if data == GOODBYE:
        raise RunOverError("the run is over")


def encode_groups(groups: Sequence[int]) -> bytes:
    """Group numbers, counted within one connection."""
    return _encode_numbers(tuple(groups))


def encode_ready(groups: Sequence[int], restarted: bool) -> bytes:
    """Groups whose step is there; ``restarted``: what they showed since their last full unroll does not count."""
    return encode_groups([group | (_RESTARTED * restarted) for group in groups])


@lru_cache(_REMEMBERED)
def decode_ready(data: bytes, num_groups: int) -> tuple[tuple[int, bool], ...]:
    """(group, restarted) of each; raises as ``decode_groups``."""
    numbers = _decode_numbers(data, num_groups)
    groups = _checked(tuple(number & (_RESTARTED - 1) for number in numbers), num_groups)
    return tuple((group, number >= _RESTARTED) for group, number in zip(groups, numbers, strict=True))


@lru_cache(_REMEMBERED)
def decode_groups(data: bytes, num_groups: int) -> tuple[int, ...]:
    """Raises ProtocolError unless ``data`` is some of the numbers 0 ... ``num_groups`` - 1, none twice."""
    return _checked(_decode_numbers(data, num_groups), num_groups)


@lru_cache(_REMEMBERED)
def _encode_numbers(numbers: tuple[int, ...]) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def _decode_numbers(data: bytes, num_groups: int) -> tuple[int, ...]:
    if len(data) % 4 or not data or len(data) > 4 * num_groups:
        raise ProtocolError(f"a message of {len(data)} bytes where 4 per group were expected")
    return struct.unpack(f"<{len(data) // 4}I", data)


def _checked(groups: tuple[int, ...], num_groups: int) -> tuple[int, ...]:
    if max(groups) >= num_groups or len(set(groups)) != len(groups):
        raise ProtocolError(f"group numbers {list(groups)} where each of 0 to {num_groups - 1} may come once")
    return groups
