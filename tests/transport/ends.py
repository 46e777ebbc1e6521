"""Both ends of a connection in one process."""

from __future__ import annotations

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from seed_matrace.envs.counting import SPEC
from seed_matrace.inference.groups import GroupTable, plan_groups
from seed_matrace.transport import carriers
from seed_matrace.transport.address import HostPort
from seed_matrace.transport.schema import Schema
from seed_matrace.transport.security import NO_SECURITY
from seed_matrace.transport.server import Admission

SCHEMA = Schema("counting-1", "3m", SPEC)
PLAN = plan_groups(num_envs=8, num_actors=2, groups_per_actor=2)


def free_port() -> HostPort:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return HostPort("127.0.0.1", server.getsockname()[1])


def make_server(*addresses, security=NO_SECURITY):
    admission = Admission(SCHEMA, PLAN.capacity, GroupTable(PLAN, seed=7).assign)
    return carriers.listen(addresses, admission, security)


def poll_until(server, kind, events=()):
    """Events up to the first of a kind."""
    found = list(events)
    for _ in range(100):
        if any(isinstance(event, kind) for event in found):
            return found
        found.extend(server.poll(0.1))
    raise AssertionError(f"no {kind.__name__} among {found}")


def meanwhile(server, call):
    """What ``call`` returns, made in a thread while the server is polled, and the events."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        events = []
        while not future.done():
            events.extend(server.poll(0.05))
        return future.result(), [*events, *server.poll(0)]


def connect(server, address, task_id=0, schema=SCHEMA, security=NO_SECURITY):
    """A client and the events of its handshake."""
    return meanwhile(server, lambda: carriers.connect(address, task_id, schema, security))


def fill(client, group, value):
    """A step that a learner takes."""
    client.slots[group].env.obs[...] = value
    client.slots[group].env.avail_actions[...] = 1


def make_certificates(folder, address="127.0.0.1") -> dict[str, str]:
    """A certificate authority and a certificate of it for localhost and ``address``: its files, by flag."""
    names = {name: str(folder / f"{name}.pem") for name in ("tls_cert", "tls_key", "tls_ca")}
    request, ca_key = str(folder / "request.pem"), str(folder / "ca_key.pem")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    signer = ("-CA", names["tls_ca"], "-CAkey", ca_key, "-CAcreateserial")
    san = f"subjectAltName=DNS:localhost,IP:{address}"
    for words in (
        ("req", "-x509", *new_key, "-keyout", ca_key, "-out", names["tls_ca"], "-days", "2", "-subj", "/CN=test CA"),
        ("req", *new_key, "-keyout", names["tls_key"], "-out", request, "-subj", "/CN=learner", "-addext", san),
        ("x509", "-req", "-in", request, *signer, "-days", "2", "-copy_extensions", "copy", "-out", names["tls_cert"]),
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return names
