"""A Ray cluster on this machine, in a process of its own: Ray looks at its environment once in a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

_SIZE = {"num_cpus": 2, "object_store_memory": 80_000_000}


class Nodes:
    """A head with two cores; ``add`` adds nodes of two cores. ``close`` leaves nothing behind."""

    def __init__(self, **environment: str) -> None:
        self._files = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a short path, for Ray's sockets
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment, "RAY_TMPDIR": self._files},
        )
        self.address: str = self._answer()

    def add(self, **more: float) -> int:
        """The new node's number: the process id of its raylet, an ancestor of all that Ray starts there."""
        return self._ask("add", more)

    def remove(self, node: int) -> None:
        """Without a warning."""
        self._ask("remove", node)

    def is_idle(self) -> bool:
        return self._ask("is_idle")

    def close(self) -> None:
        self._process.communicate()
        shutil.rmtree(self._files, ignore_errors=True)

    def _ask(self, *words: Any) -> Any:
        assert self._process.stdin
        print(json.dumps(words), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    import ray
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **_SIZE}, connect=True)
    answer: Any = cluster.address
    nodes = {}
    print(json.dumps(answer), file=answers, flush=True)
    for line in sys.stdin:
        action, argument = [*json.loads(line), None][:2]
        if action == "add":
            node = cluster.add_node(**_SIZE, **argument)
            answer = node.all_processes["raylet"][0].process.pid
            nodes[answer] = node
        elif action == "remove":
            answer = cluster.remove_node(nodes.pop(argument), allow_graceful=False)
        else:
            answer = ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]
        print(json.dumps(answer), file=answers, flush=True)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    _serve()
