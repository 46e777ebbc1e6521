"""The Unix socket and the memory behind it, with both ends in one process."""

import contextlib
import mmap
import os
import resource
import socket
import stat
from pathlib import Path

import pytest
from ends import SCHEMA, connect, fill, make_server, poll_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seed_matrace.transport import shared_memory
from seed_matrace.transport.messages import Hello, encode_hello
from seed_matrace.transport.server import Joined, Left, Ready
from seed_matrace.transport.unix_socket import check_socket


@pytest.fixture
def server(tmp_path):
    with contextlib.closing(make_server(tmp_path / "learner.sock")) as server:
        yield server


def test_malformed_message_cuts_off_only_its_sender(server, tmp_path):
    bad, _ = connect(server, tmp_path / "learner.sock", task_id=0)
    good, _ = connect(server, tmp_path / "learner.sock", task_id=1)
    bad._socket.send(b"\xff" * 8)
    events = poll_until(server, Left)
    assert [event.task_id for event in events] == [0]
    good.send_ready([0])
    assert poll_until(server, Ready) == [Ready(1)]
    bad.close()
    good.close()


def test_stranger_that_says_nothing_sensible_is_dropped(server, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(tmp_path / "learner.sock"))
        stranger.send(b"GET / HTTP/1.1")
        for _ in range(5):
            assert server.poll(0.05) == []
        assert b"malformed handshake" in stranger.recv(1000)
        assert stranger.recv(1000) == b""


def test_memory_cannot_be_resized_by_the_actor(server, tmp_path, monkeypatch):
    received = []
    recv_fds = socket.recv_fds

    def keep_a_copy(*args):
        data, fds, *rest = recv_fds(*args)
        received.extend(os.dup(fd) for fd in fds)
        return data, fds, *rest

    monkeypatch.setattr(shared_memory.socket, "recv_fds", keep_a_copy)
    client, _ = connect(server, tmp_path / "learner.sock")
    (fd,) = received
    with pytest.raises(PermissionError):
        os.ftruncate(fd, mmap.PAGESIZE)
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 1 << 20)
    os.close(fd)
    client.close()


def test_socket_is_private_and_goes_with_the_server(tmp_path):
    path = tmp_path / "learner.sock"
    server = make_server(path)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    server.close()
    assert not path.exists()


def test_socket_in_use_is_said_and_a_stale_one_replaced(tmp_path):
    path = tmp_path / "learner.sock"
    server = make_server(path)
    with pytest.raises(ValueError, match="a learner already listens"):
        make_server(path)
    server._listener.close()  # as if the learner had been killed
    again = make_server(path)
    again.close()
    path.write_text("a file")
    with pytest.raises(ValueError, match="is no socket"):
        make_server(path)
    with pytest.raises(ValueError, match="longer than"):
        make_server(tmp_path / ("x" * 120))


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_socket_may_lie_deeper_than_an_address_is_long(tmp_path, monkeypatch, letter):
    folder = tmp_path.joinpath(*["a folder with a long name " + letter * 40] * 8)
    folder.mkdir(parents=True)
    path = folder / "actors.sock"
    check_socket(path)
    for place in (path, Path("actors.sock")):
        monkeypatch.chdir(folder)
        with contextlib.closing(make_server(place)) as server:
            client, events = connect(server, path)
            assert events == [Joined(0, (0, 2))]
            assert path.stat().st_mode & 0o777 == 0o600
            with pytest.raises(ValueError, match="already listens"):
                make_server(path)
            client.close()
        assert not path.exists()


def test_actor_joins_past_any_number_of_connections_that_say_nothing(server, tmp_path):
    path = tmp_path / "learner.sock"
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            idle = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            idle.connect(str(path))
            server.poll(0)
        client, events = connect(server, path)
        assert events == [Joined(0, (0, 2))]
        client.close()


def test_connection_finds_no_descriptor_and_waits_for_one(server, tmp_path):
    path = tmp_path / "learner.sock"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        client.connect(str(path))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        for _ in range(3):
            assert server.poll(0.1) == []
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.send(encode_hello(Hello(0, SCHEMA)))
        assert poll_until(server, Joined)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=40), st.booleans())
def test_no_message_of_a_peer_disturbs_another(server, tmp_path, message, introduced):
    path = tmp_path / "learner.sock"
    good, _ = connect(server, path, task_id=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.connect(str(path))
        if introduced:
            peer.send(encode_hello(Hello(0, SCHEMA)))
        peer.send(message)
        fill(good, 0, 1.0)
        good.send_ready([0])
        events = []
        while Ready(1) not in events:
            events += server.poll(1.0)
        assert (server.slot(1).env.obs == 1.0).all()
    good.close()
    while 1 not in [event.task_id for event in events if isinstance(event, Left)]:
        events += server.poll(1.0)
