"""One protocol, whichever carrier: shared memory, gRPC, and both behind one server."""

import contextlib
import dataclasses
import json

import pytest
from ends import PLAN, SCHEMA, connect, fill, free_port, make_server, meanwhile, poll_until
from processes import loaded

from seed_matrace.config import load_config
from seed_matrace.envs.counting import SPEC
from seed_matrace.training_env import make_schema
from seed_matrace.transport.messages import OccupiedError, RefusedError, RunOverError
from seed_matrace.transport.schema import Schema
from seed_matrace.transport.server import Joined, Left, Ready


@pytest.fixture(params=["unix", "grpc"])
def address(request, tmp_path):
    return tmp_path / "learner.sock" if request.param == "unix" else free_port()


@pytest.fixture
def server(address):
    with contextlib.closing(make_server(address)) as server:
        yield server


def test_steps_and_actions_cross(server, address):
    client, events = connect(server, address, task_id=1)
    assert events == [Joined(1, (1, 3))]
    assert client.welcome.group_size == 2
    fill(client, 1, 5.0)
    client.slots[1].env.episode.length[...] = [3, -4]
    client.slots[1].env.truncated[...] = [True, False]
    client.send_ready([1])
    assert poll_until(server, Ready) == [Ready(3)]
    step = server.slot(3).env
    assert (step.obs == 5.0).all()
    assert step.episode.length.tolist() == [3, -4]
    assert step.truncated.tolist() == [True, False]
    server.slot(3).action[...] = 2
    assert server.answer([3]) == []
    assert client.wait_answers() == [1]
    assert (client.slots[1].action == 2).all()
    client.send_ready([1], restarted=True)
    assert poll_until(server, Ready) == [Ready(3, restarted=True)]
    server.answer([3])
    client.wait_answers()
    client.close()
    assert poll_until(server, Left) == [Left(1, (1, 3), "connection closed")]


def test_several_groups_are_answered_together(server, address):
    client, _ = connect(server, address)
    for group in (0, 1):
        fill(client, group, 0.0)
    client.send_ready([0, 1])
    events = []
    while len(events) < 2:
        events += server.poll(1.0)
    assert events == [Ready(0), Ready(2)]
    server.slot(0).action[...] = 4
    server.slot(2).action[...] = 6
    server.answer([2, 0])
    assert client.wait_answers() == [1, 0]
    assert [int(slot.action[0, 0]) for slot in client.slots] == [4, 6]
    client.close()


@pytest.mark.parametrize(
    ("task_id", "schema", "said"),
    [
        (2, SCHEMA, "task id 2 is not among the 2 actors"),
        (0, Schema("counting-1", "8m", SPEC), r"\(map_name: learner '3m', actor '8m'\)"),
        (0, Schema("counting-2", "3m", SPEC), r"\(backend: learner 'counting-1', actor 'counting-2'\)"),
        (0, Schema("counting-1", "3m", dataclasses.replace(SPEC, obs_dim=9)), r"\(obs_dim: learner \d, actor 9\)"),
        (0, dataclasses.replace(SCHEMA, options={"env.frame_stack": 4}), "env.frame_stack: learner None, actor 4"),
        (0, dataclasses.replace(SCHEMA, layout={**SCHEMA.layout, "reward": "<f8[]"}), "learner '<f4.*actor '<f8"),
        (0, dataclasses.replace(SCHEMA, protocol=9), "speaks version 9.*install the same version"),
    ],
)
def test_actor_that_does_not_fit_is_told_why(server, address, task_id, schema, said):
    with pytest.raises(RefusedError, match=said):
        connect(server, address, task_id, schema)
    client, events = connect(server, address)
    assert events == [Joined(0, (0, 2))]
    client.close()


def test_environments_with_other_options_do_not_fit():
    learner, actor = (make_schema(load_config([], [f"env.reward_win={reward}"])[0]) for reward in (200, 100))
    from seed_matrace.transport.schema import schema_mismatch

    assert "(env.reward_win: learner 200.0, actor 100.0)" in schema_mismatch(learner, actor)


def test_scenario_files_of_one_name_fit_if_their_contents_do(tmp_path):
    from seed_matrace.transport.schema import schema_mismatch

    side = [{"unit": "Marine", "count": 2, "at": [16, 16]}]
    schemas = []
    for number, limit in enumerate((10, 10, 20)):
        path = tmp_path / str(number) / "mine.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"terrain": "octagon", "episode_limit": limit, "allies": side, "enemies": side}))
        schemas.append(make_schema(load_config([], [f"env.map_name = {str(path)!r}"])[0]))
    learner, same, other = schemas
    assert schema_mismatch(learner, same) is None
    assert "contents of mine.json" in str(schema_mismatch(learner, other))


def test_second_actor_of_the_same_number_is_refused(server, address):
    client, _ = connect(server, address)
    with pytest.raises(OccupiedError, match="already connected"):
        connect(server, address)
    client.close()


def test_actor_that_comes_back_gets_its_groups_and_new_random_streams(server, address):
    first, _ = connect(server, address)
    first.close()
    poll_until(server, Left)
    again, events = connect(server, address)
    assert events == [Joined(0, (0, 2))]
    assert not set(again.welcome.first_envs) & set(first.welcome.first_envs)
    again.close()


def test_another_thread_can_wake_the_poll(server):
    server.wake()
    assert server.poll(30.0) == []  # returns at once


def test_closing_the_server_ends_its_actors_wait(address):
    server = make_server(address)
    client, _ = connect(server, address)
    server.close()
    with pytest.raises(ConnectionError):
        client.wait_answers()
    client.close()


def test_actors_are_told_that_the_run_is_over(tmp_path):
    addresses = tmp_path / "learner.sock", free_port()
    with contextlib.closing(make_server(*addresses)) as server:
        clients = [connect(server, address, task_id)[0] for task_id, address in enumerate(addresses)]
        fill(clients[1], 1, 0.0)
        clients[1].send_ready([1])
        poll_until(server, Ready)
        server.answer([3])
        server.say_goodbye()
        assert clients[1].wait_answers() == [1]  # what was said before comes before
        for client in clients:
            with pytest.raises(RunOverError, match="the run is over"):
                client.wait_answers()
            client.close()


def test_both_carriers_serve_one_learner(tmp_path):
    addresses = tmp_path / "learner.sock", free_port()
    with contextlib.closing(make_server(*addresses)) as server:
        clients = []
        for task_id, address in enumerate(addresses):
            client, events = connect(server, address, task_id)
            assert events == [Joined(task_id, PLAN.groups_of(task_id))]
            with pytest.raises(OccupiedError):
                connect(server, addresses[1 - task_id], task_id)
            fill(client, 0, task_id)
            client.send_ready([0])
            assert poll_until(server, Ready) == [Ready(task_id)]
            clients.append(client)
        for task_id in (0, 1):
            assert (server.slot(task_id).env.obs == task_id).all()
            server.slot(task_id).action[...] = task_id + 1
        assert server.answer([0, 1]) == []
        for task_id, client in enumerate(clients):
            assert meanwhile(server, client.wait_answers)[0] == [0]
            assert (client.slots[0].action == task_id + 1).all()
        clients[0].close()
        assert poll_until(server, Left) == [Left(0, (0, 2), "connection closed")]
        moved, events = connect(server, addresses[1], task_id=0)  # from one carrier to the other
        assert events == [Joined(0, (0, 2))]
        for client in (moved, clients[1]):
            client.close()


def test_grpc_client_loads_neither_tensorflow_nor_protobuf():
    statements = "import seed_matrace.actor.actor, seed_matrace.transport.grpc_client"
    assert not loaded(statements, "tensorflow", "keras", "google.protobuf", "google._upb")


def test_actor_of_a_unix_socket_does_not_load_grpc():
    assert not loaded("import seed_matrace.actor.actor, seed_matrace.cli", "grpc")
