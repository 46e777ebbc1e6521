"""Handshakes and group numbers: what goes in comes out, and nothing malformed gets through."""

import dataclasses
import json

import pytest

from seed_matrace.envs.counting import SPEC
from seed_matrace.transport import messages
from seed_matrace.transport.messages import Hello, OccupiedError, ProtocolError, RefusedError, Welcome
from seed_matrace.transport.schema import Schema

SCHEMA = Schema("counting-1", "3m", SPEC)


@pytest.mark.parametrize("with_final", [False, True])
def test_hello_survives_the_wire(with_final):
    spec = dataclasses.replace(SPEC, with_final=with_final)
    hello = Hello(3, dataclasses.replace(SCHEMA, spec=spec))
    assert messages.decode_hello(messages.encode_hello(hello)) == hello


def test_welcome_survives_the_wire():
    welcome = Welcome(16, (0, 32, 64), 7)
    assert messages.decode_answer(messages.encode_welcome(welcome)) == welcome


def test_refusal_carries_its_reason():
    with pytest.raises(RefusedError, match="not you"):
        messages.decode_answer(messages.encode_refusal(RefusedError("not you")))


def test_refusal_says_that_the_place_may_become_free():
    with pytest.raises(OccupiedError, match="wait"):
        messages.decode_answer(messages.encode_refusal(OccupiedError("wait")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b"{}",
        b'{"schema": {}, "task_id": 0}',
        b'{"schema": 1, "task_id": 0}',
        b"[" * 5000,
    ],
)
def test_malformed_hello_is_a_protocol_error(data):
    with pytest.raises(ProtocolError, match="malformed"):
        messages.decode_hello(data)


def test_what_a_stranger_wrote_is_cut_and_made_printable():
    fields = json.loads(messages.encode_hello(Hello(0, SCHEMA)))
    fields["schema"]["spec"]["\n\x1b" * 2000] = 1
    with pytest.raises(ProtocolError) as caught:
        messages.decode_hello(json.dumps(fields).encode())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 1000


def test_hello_with_unknown_spec_field_is_a_protocol_error():
    fields = json.loads(messages.encode_hello(Hello(0, SCHEMA)))
    fields["schema"]["spec"]["more"] = 1
    with pytest.raises(ProtocolError):
        messages.decode_hello(json.dumps(fields).encode())


@pytest.mark.parametrize("data", [b"", b"abc", b"\x01" * 7, b"\x03\0\0\0", b"\0\0\0\0" * 2, b"\0\0\0\0" * 99])
def test_malformed_group_numbers_are_a_protocol_error(data):
    for decode in (messages.decode_groups, messages.decode_ready):
        with pytest.raises(ProtocolError):
            decode(data, num_groups=3)


def test_group_numbers_survive_the_wire():
    assert messages.decode_groups(messages.encode_groups([2, 0]), num_groups=3) == (2, 0)


def test_restarted_groups_are_told_from_others():
    data = messages.encode_ready([2], restarted=True) + messages.encode_ready([0], restarted=False)
    assert messages.decode_ready(data, num_groups=3) == ((2, True), (0, False))
