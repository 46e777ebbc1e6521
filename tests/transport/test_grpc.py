"""The stream between hosts: certificates, the token, limits, and peers that say nothing sensible."""

import contextlib
import dataclasses
import json
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
from seed_matrace.transport.server import SPARE_CONNECTIONS, Joined, Left, Ready

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


def test_more_streams_than_places_are_turned_away(good, address, background):
    done = threading.Event()

    def silent():
        done.wait(20)
        yield b""

    with grpc.insecure_channel(str(address)) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{STREAM}")
        streams = [call(silent()) for _ in range(PLAN.num_actors + SPARE_CONNECTIONS)]
        deadline = time.monotonic() + 10
        while not (refused := [stream for stream in streams if not stream.is_active()]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert refused[0].code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert still_served(good)
        done.set()


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
