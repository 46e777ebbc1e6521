"""The Unix socket and the memory behind it, with both ends in one process."""

import contextlib
import mmap
import os
import socket
import stat

import pytest

from seed_matrace.envs.counting import SPEC
from seed_matrace.inference.groups import GroupTable, plan_groups
from seed_matrace.transport import shared_memory
from seed_matrace.transport.messages import RefusedError, Schema
from seed_matrace.transport.shared_memory import Joined, Left, Ready, SharedMemoryClient, SharedMemoryServer

SCHEMA = Schema("counting-1", "3m", SPEC)
PLAN = plan_groups(num_envs=8, num_actors=2, groups_per_actor=2)


@pytest.fixture
def server(tmp_path):
    with contextlib.closing(make_server(tmp_path / "learner.sock")) as server:
        yield server


def make_server(path):
    return SharedMemoryServer(path, SCHEMA, PLAN.group_size, GroupTable(PLAN, seed=7).assign)


def poll_until(server, kind, events=()):
    found = list(events)
    for _ in range(100):
        if any(isinstance(event, kind) for event in found):
            return found
        found.extend(server.poll(0.1))
    raise AssertionError(f"no {kind.__name__} among {found}")


def connect(server, path, task_id=0, schema=SCHEMA):
    """Client and events; the handshake needs both ends, so the client waits in a thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(SharedMemoryClient, path, task_id, schema)
        events = []
        while not future.done():
            events.extend(server.poll(0.05))
        return future.result(), [*events, *server.poll(0)]


def test_steps_and_actions_cross(server, tmp_path):
    client, events = connect(server, tmp_path / "learner.sock", task_id=1)
    assert events == [Joined(1, (1, 3))]
    assert client.welcome.group_size == 2
    client.slots[1].env.obs[...] = 5.0
    client.send_ready([1])
    assert poll_until(server, Ready) == [Ready(3)]
    assert (server.slot(3).env.obs == 5.0).all()
    server.slot(3).action[...] = 2
    assert server.answer([3]) == []
    assert client.wait_answers() == [1]
    assert (client.slots[1].action == 2).all()
    client.close()
    assert poll_until(server, Left) == [Left(1, (1, 3), "connection closed")]


def test_several_groups_travel_in_one_message(server, tmp_path):
    client, _ = connect(server, tmp_path / "learner.sock")
    client.send_ready([0, 1])
    assert poll_until(server, Ready) == [Ready(0), Ready(2)]
    server.answer([2, 0])
    assert client.wait_answers() == [1, 0]
    client.close()


@pytest.mark.parametrize(
    ("task_id", "schema", "said"),
    [
        (2, SCHEMA, "task id 2 is not among the 2 actors"),
        (0, Schema("counting-1", "8m", SPEC), "map_name: learner '3m', actor '8m'"),
        (0, Schema("counting-2", "3m", SPEC), "backend: learner 'counting-1', actor 'counting-2'"),
    ],
)
def test_actor_that_does_not_fit_is_told_why(server, tmp_path, task_id, schema, said):
    with pytest.raises(RefusedError, match=said):
        connect(server, tmp_path / "learner.sock", task_id, schema)
    client, events = connect(server, tmp_path / "learner.sock")
    assert events == [Joined(0, (0, 2))]
    client.close()


def test_second_actor_of_the_same_number_is_refused(server, tmp_path):
    client, _ = connect(server, tmp_path / "learner.sock")
    with pytest.raises(RefusedError, match="already connected"):
        connect(server, tmp_path / "learner.sock")
    client.close()


def test_actor_that_comes_back_gets_its_groups_and_new_random_streams(server, tmp_path):
    first, _ = connect(server, tmp_path / "learner.sock")
    first.close()
    poll_until(server, Left)
    again, events = connect(server, tmp_path / "learner.sock")
    assert events == [Joined(0, (0, 2))]
    assert not set(again.welcome.first_envs) & set(first.welcome.first_envs)
    again.close()


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


def test_another_thread_can_wake_the_poll(server):
    server.wake()
    assert server.poll(30.0) == []  # returns at once


def test_closing_the_server_ends_its_actors_wait(tmp_path):
    server = make_server(tmp_path / "learner.sock")
    client, _ = connect(server, tmp_path / "learner.sock")
    server.close()
    with pytest.raises(ConnectionResetError):
        client.wait_answers()
    client.close()
