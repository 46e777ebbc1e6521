"""What actors and learner say to each other: the handshake and the layout of the memory they share.

An actor introduces itself (Hello); the learner compares it with its own schema and answers with the groups the
actor is to run (Welcome) or with one sentence (Refusal). Handshakes are JSON; after that only group numbers travel.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.specs import (
    ALIGNMENT,
    ArraySpec,
    EnvSpec,
    empty_env_output,
    env_output_spec,
    policy_output_spec,
)
from seed_matrace.types import EnvOutput, flatten, unflatten

PROTOCOL_VERSION = 1
MAX_HANDSHAKE_BYTES = 64 * 1024


class ProtocolError(RuntimeError):
    """The other side said something that does not fit the schema."""


class RefusedError(RuntimeError):
    """The learner does not take this actor; the message is the learner's reason."""


@dataclass(frozen=True)
class Schema:
    """What both sides must agree on before any array is exchanged."""

    backend: str
    map_name: str
    spec: EnvSpec
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class Hello:
    task_id: int
    schema: Schema


@dataclass(frozen=True)
class Welcome:
    """The groups an actor runs; environment j of group i is random stream ``first_envs[i] + j`` of ``seed``."""

    group_size: int
    first_envs: tuple[int, ...]
    seed: int


class Slot(NamedTuple):
    """Views into shared memory of one group's current step and of the answer to it."""

    env: EnvOutput
    action: np.ndarray  # int32 [E, N]


def schema_mismatch(ours: Schema, theirs: Schema) -> str | None:
    """One sentence for both sides, or None if they agree."""
    mine, other = asdict(ours), asdict(theirs)
    differing = [name for name in mine if mine[name] != other[name]]
    if not differing:
        return None
    sides = "; ".join(f"{name}: learner {mine[name]!r}, actor {other[name]!r}" for name in differing)
    return f"the actor does not fit this learner ({sides}); start both with the same gin files and program version"


def encode_hello(hello: Hello) -> bytes:
    return json.dumps(asdict(hello)).encode()


def decode_hello(data: bytes) -> Hello:
    """Raises ProtocolError unless ``data`` is a well-formed Hello."""
    try:
        fields = json.loads(data)
        schema = fields["schema"]
        sizes: dict[str, Any] = {name: value if value is True else int(value) for name, value in schema["spec"].items()}
        spec = EnvSpec(**sizes)
        task_id = int(fields["task_id"])
        return Hello(
            task_id, Schema(str(schema["backend"]), str(schema["map_name"]), spec, protocol=int(schema["protocol"]))
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"malformed handshake ({type(error).__name__}: {error})") from None


def encode_welcome(welcome: Welcome) -> bytes:
    return json.dumps(asdict(welcome)).encode()


def encode_refusal(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()


def decode_answer(data: bytes) -> Welcome:
    """The learner's answer to a Hello.

    Raises:
      RefusedError: the learner refused; its reason.
      ProtocolError: malformed.
    """
    try:
        fields = json.loads(data)
        if "error" in fields:
            raise RefusedError(str(fields["error"]))
        first_envs = tuple(int(first) for first in fields["first_envs"])
        return Welcome(int(fields["group_size"]), first_envs, int(fields["seed"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"malformed answer to the handshake ({type(error).__name__}: {error})") from None


def encode_groups(groups: list[int]) -> bytes:
    """Group numbers, counted within one connection."""
    return struct.pack(f"<{len(groups)}I", *groups)


def decode_groups(data: bytes, num_groups: int) -> list[int]:
    """Raises ProtocolError unless ``data`` is some of the numbers 0 ... ``num_groups`` - 1, none twice."""
    if len(data) % 4 or not data or len(data) > 4 * num_groups:
        raise ProtocolError(f"a message of {len(data)} bytes where 4 per group were expected")
    groups = list(struct.unpack(f"<{len(data) // 4}I", data))
    if max(groups) >= num_groups or len(set(groups)) != len(groups):
        raise ProtocolError(f"group numbers {groups} where each of 0 to {num_groups - 1} may come once")
    return groups


def empty_slot(spec: EnvSpec, group_size: int) -> Slot:
    """A slot in this process's own memory."""
    return Slot(empty_env_output(spec, group_size), policy_output_spec(spec, group_size).action.empty())


def slot_bytes(spec: EnvSpec, group_size: int) -> int:
    """Bytes of one group's slot."""
    return sum(_padded(array.nbytes) for array in _slot_arrays(spec, group_size))


def map_slots(buffer: memoryview, spec: EnvSpec, group_size: int, num_groups: int) -> list[Slot]:
    """Views of every group's slot in ``buffer``, each array at a multiple of 64 bytes."""
    size = slot_bytes(spec, group_size)
    return [_map_slot(buffer[group * size :], spec, group_size) for group in range(num_groups)]


def _map_slot(buffer: memoryview, spec: EnvSpec, group_size: int) -> Slot:
    views, offset = [], 0
    for array in _slot_arrays(spec, group_size):
        count = int(np.prod(array.shape, dtype=np.int64))
        views.append(np.frombuffer(buffer, array.dtype, count, offset).reshape(array.shape))
        offset += _padded(array.nbytes)
    return Slot(unflatten(views[:-1]), views[-1])


def _slot_arrays(spec: EnvSpec, group_size: int) -> list[ArraySpec]:
    return [*flatten(env_output_spec(spec, group_size)), policy_output_spec(spec, group_size).action]


def _padded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
