"""The stream between hosts: certificates, the token, limits, and peers that say nothing sensible."""

import contextlib
import dataclasses
import json
import socket
import threading
import time

import grpc
import pytest
from ends import PLAN, SCHEMA, connect, fill, free_port, make_certificates, make_server, meanwhile, poll_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seed_matrace.envs.counting import SPEC
from seed_matrace.transport import grpc_server
from seed_matrace.transport.address import HostPort
from seed_matrace.transport.frames import Frames
from seed_matrace.transport.grpc_stream import SERVICE, STREAM, TOKEN_KEY
from seed_matrace.transport.messages import Hello, RefusedError, encode_hello
from seed_matrace.transport.security import NO_SECURITY, Security
from seed_matrace.transport.server import Joined, Left, Ready

TOKEN = "a secret of learner and actors"
STEP_BYTES = len(Frames(SPEC, PLAN.group_size, 1).encode_steps(memoryview(bytes(10_000)), [(0, False)]))


@pytest.fixture
def address():
    return free_port()


@pytest.fixture
def server(address):
    with contextlib.closing(make_server(address)) as server:
        yield server


@pytest.fixture
def background(server):
    """The server with its events gathered, and its steps answered, in another thread."""
    events, stop = [], threading.Event()

    def poll():
        while not stop.is_set():
            for event in server.poll(0.05):
                events.append(event)
                if isinstance(event, Ready):
                    server.answer([event.group])

    thread = threading.Thread(target=poll)
    thread.start()
    yield events
    stop.set()
    thread.join()


def say(address, *messages, token=None, leave_open=True):
    """What a stranger that sends ``messages`` is told in the end: status, details."""
    done = threading.Event()

    def requests():
        yield from messages
        if leave_open:
            done.wait(20)

    with grpc.insecure_channel(str(address)) as channel:
        metadata = ((TOKEN_KEY, token),) if token else ()
        stream = channel.stream_stream(f"/{SERVICE}/{STREAM}")(requests(), metadata=metadata, timeout=20)
        try:
            for _ in stream:
                pass
            return stream.code(), stream.details()
        except grpc.RpcError as error:
            return error.code(), error.details()
        finally:
            done.set()


def hello(task_id=1):
    return encode_hello(Hello(task_id, SCHEMA))


@pytest.fixture
def good(address, background):
    """An actor that others must not disturb."""
    from seed_matrace.transport.carriers import connect

    with contextlib.closing(connect(address, 0, SCHEMA, NO_SECURITY)) as client:
        fill(client, 0, 1.0)
        fill(client, 1, 1.0)
        yield client
        assert not [event for event in background if isinstance(event, Left) and event.task_id == 0]


def still_served(client):
    client.send_ready([0, 1])
    answered = client.wait_answers()
    while len(answered) < 2:
        answered += client.wait_answers()
    return sorted(answered) == [0, 1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_handshake_of_a_stranger_disturbs_anyone(good, address, background, data):
    fields = json.loads(hello())
    garbage = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=2))
    where = data.draw(st.sampled_from(["bytes", "top", "schema", "spec", "layout"]))
    if where == "bytes":
        message = data.draw(st.binary(max_size=200))
    else:
        part = {"top": fields, "schema": fields["schema"]}.get(where) or fields["schema"][where]
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(garbage)
        message = json.dumps(fields).encode()
    code, details = say(address, message, leave_open=False)
    if code == grpc.StatusCode.OK:  # what was drawn was what stood there
        poll = [event for event in background if isinstance(event, Joined)]
        assert poll
    else:
        assert code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.FAILED_PRECONDITION,
            grpc.StatusCode.ALREADY_EXISTS,
        ), details
        assert details
        assert details.isprintable()
    assert still_served(good)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=st.one_of(st.binary(max_size=300), st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES)))
def test_no_frame_of_an_actor_disturbs_another(good, address, background, frame):
    del background[:]
    code, details = say(address, hello(), frame)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, details
    assert still_served(good)
    deadline = time.monotonic() + 10
    while not (left := [event for event in background if isinstance(event, Left)]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert left == [Left(1, (1, 3), details)]


def test_step_before_the_answer_is_cut_off(server, address):
    client, _ = connect(server, address)
    fill(client, 0, 1.0)
    client.send_ready([0])
    poll_until(server, Ready)
    client.send_ready([0])
    (left,) = poll_until(server, Left)
    assert "before their actions came" in left.reason
    with pytest.raises(RefusedError, match="before their actions came"):
        client.wait_answers()
    client.close()


def test_message_beyond_the_limit_cuts_off_only_its_sender(good, address, background):
    code, details = say(address, hello(), bytes(1 << 20))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED, details
    assert still_served(good)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # and empty settings


@contextlib.contextmanager
def connections(address, count, say=b"", source="127.0.0.1"):
    """So many that say no more than ``say``."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            end = socket.create_connection(tuple(address), source_address=(source, 0))
            opened.append(stack.enter_context(end))
            end.sendall(say)
        yield opened


def is_ended(end):
    end.setblocking(False)
    try:
        while True:
            if not end.recv(4096):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def count_ended(ends, at_least):
    deadline = time.monotonic() + 20
    while sum(ended := [is_ended(end) for end in ends]) < at_least:
        assert time.monotonic() < deadline, sum(ended)
        time.sleep(0.02)
    return ended


@pytest.mark.parametrize("say", [b"", b"P", PREFACE, b"\x16\x03\x01\x02\x00"], ids=["idle", "byte", "http2", "tls"])
def test_actor_joins_past_any_number_of_connections_that_say_nothing(monkeypatch, address, say):
    monkeypatch.setattr(grpc_server, "_SPARE_STRANGERS", 2)
    with contextlib.closing(make_server(address)) as server, connections(address, 200, say):
        client, events = connect_at_last(server, address)
        assert [event for event in events if isinstance(event, Joined)] == [Joined(0, (0, 2))]
        client.close()


def connect_at_last(server, address):
    """As an actor does: it tries again while it is turned away."""
    for _ in range(200):
        with contextlib.suppress(ConnectionError):
            return connect(server, address)
        time.sleep(0.05)
    raise AssertionError("no place for an actor")


def test_connection_that_never_introduces_itself_is_ended_in_time(monkeypatch, address):
    monkeypatch.setattr(grpc_server, "_HANDSHAKE_S", 0.5)
    with contextlib.closing(make_server(address)) as server:
        client, _ = connect(server, address)
        with connections(address, 3) as idle, connections(address, 3, PREFACE) as speaking:
            assert all(count_ended([*idle, *speaking], 6))
        fill(client, 0, 1.0)
        client.send_ready([0])
        poll_until(server, Ready)  # the actor's own connection is older, and stays
        client.close()


def test_address_with_most_strangers_makes_room_first(monkeypatch, address):
    monkeypatch.setattr(grpc_server, "_SPARE_STRANGERS", 6)  # 8 with the two actors
    with (
        contextlib.closing(make_server(address)),
        connections(address, 2, source="127.0.0.2") as few,
        connections(address, 10) as many,
    ):
        ended = count_ended(many, at_least=4)
        assert ended[0]
        assert not ended[-1]
        assert not any(is_ended(end) for end in few)


def test_token_that_is_wrong_again_and_again_is_not_said_each_time(server, address, caplog):
    for _ in range(20):
        code, _ = say(address, b"", token="another secret of someone else", leave_open=False)
        assert code == grpc.StatusCode.UNAUTHENTICATED
    said = [record.getMessage() for record in caplog.records if "token" in record.getMessage()]
    assert 1 <= len(said) < 10
    server.close()
    server.close = lambda: None
    assert "more like this" in caplog.records[-1].getMessage()


def test_stranger_that_says_nothing_is_cut_off(server, address, monkeypatch):
    monkeypatch.setattr(grpc_server, "_HANDSHAKE_S", 0.1)
    (code, details), events = meanwhile(server, lambda: say(address))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "no handshake within 0.1 s" in details
    assert events == []


def test_address_in_use_is_said(server, address):
    with pytest.raises(ValueError, match=f"cannot listen at {address}"):
        make_server(address)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def other_certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("others"))


def test_learner_and_actors_know_each_other_by_certificates_and_token(address, certificates, other_certificates):
    security = Security(tls_cert=certificates["tls_cert"], tls_key=certificates["tls_key"], token=TOKEN)
    actor = Security(tls_ca=certificates["tls_ca"], token=TOKEN)
    with contextlib.closing(make_server(address, security=security)) as server:
        client, events = connect(server, address, security=actor)
        assert events == [Joined(0, (0, 2))]
        client.close()
        by_name, _ = connect(server, HostPort("localhost", address.port), task_id=1, security=actor)
        by_name.close()
        for token in ("", "another secret of someone else"):
            with pytest.raises(RefusedError, match="the actor's token is not the learner's"):
                connect(server, address, security=dataclasses.replace(actor, token=token))
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            connect(server, address, security=dataclasses.replace(actor, tls_ca=other_certificates["tls_ca"]))
        with pytest.raises(ConnectionError):
            connect(server, address, security=Security(token=TOKEN))  # in plain text


def test_learner_may_ask_actors_for_certificates(address, certificates, other_certificates):
    with contextlib.closing(make_server(address, security=Security(**certificates))) as server:
        client, _ = connect(server, address, security=Security(**certificates))
        client.close()
        with pytest.raises(ConnectionError):
            connect(server, address, task_id=1, security=Security(tls_ca=certificates["tls_ca"]))
        strangers = {**other_certificates, "tls_ca": certificates["tls_ca"]}
        with pytest.raises(ConnectionError):
            connect(server, address, task_id=1, security=Security(**strangers))
