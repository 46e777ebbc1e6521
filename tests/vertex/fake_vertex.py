"""Vertex AI's job service on this machine, over HTTP or gRPC: what it was sent, and states that it was told."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2, json_format

NUMBER = "4711"
SERVICE = "google.cloud.aiplatform.v1.JobService"


@dataclass
class FakeVertex:
    """One job. Each look at it shows the next state; the last one stays.

    Attributes:
      refusal: (HTTP status, gRPC status) with which a new job is refused.
      error: (code, message) of the job, once it has failed.
    """

    states: list[str] = field(default_factory=lambda: ["SUCCEEDED"])
    refusal: tuple[int, grpc.StatusCode] | None = None
    refusal_message: str = ""
    error: tuple[int, str] | None = None
    created: Any = None  # types.CustomJob or types.HyperparameterTuningJob, as it came
    parent: str = ""
    cancelled: list[str] = field(default_factory=list)

    def create(self, parent: str, job: Any) -> Any:
        self.parent, self.created = parent, type(job)(job)
        kind = "customJobs" if isinstance(job, types.CustomJob) else "hyperparameterTuningJobs"
        job.name = f"{parent}/{kind}/{NUMBER}"
        return job

    def get(self, name: str) -> Any:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        job = types.HyperparameterTuningJob if "hyperparameter" in name else types.CustomJob
        error = {"code": self.error[0], "message": self.error[1]} if self.error and state == "FAILED" else None
        return job(name=name, state=f"JOB_STATE_{state}", error=error)


@contextmanager
def over_http(fake: FakeVertex):
    """The endpoint, "http://127.0.0.1:PORT"."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            path = self.path.split("?")[0].removeprefix("/v1/")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if path.endswith(":cancel"):
                fake.cancelled.append(path.removesuffix(":cancel"))
                return self._answer(200, "{}")
            if fake.refusal:
                error = {"code": fake.refusal[0], "message": fake.refusal_message, "status": fake.refusal[1].name}
                return self._answer(fake.refusal[0], json.dumps({"error": error}))
            parent, _, kind = path.rpartition("/")
            job = types.CustomJob if kind == "customJobs" else types.HyperparameterTuningJob
            return self._answer(200, job.to_json(fake.create(parent, job.from_json(body))))

        def do_GET(self):
            job = fake.get(self.path.split("?")[0].removeprefix("/v1/"))
            self._answer(200, type(job).to_json(job))

        def _answer(self, status, text):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def over_grpc(fake: FakeVertex):
    """The endpoint, "http://127.0.0.1:PORT"."""

    def create(request, context):
        if fake.refusal:
            context.abort(fake.refusal[1], fake.refusal_message)
        job = getattr(request, "custom_job", None) or request.hyperparameter_tuning_job
        return fake.create(request.parent, job)

    def cancel(request, context):
        fake.cancelled.append(request.name)
        return empty_pb2.Empty()

    def handler(function, request, answer):
        return grpc.unary_unary_rpc_method_handler(function, request.deserialize, answer)

    handlers = {}
    for kind, job in (("CustomJob", types.CustomJob), ("HyperparameterTuningJob", types.HyperparameterTuningJob)):
        requests = {verb: getattr(types, f"{verb}{kind}Request") for verb in ("Create", "Get", "Cancel")}
        handlers[f"Create{kind}"] = handler(create, requests["Create"], job.serialize)
        handlers[f"Get{kind}"] = handler(lambda request, _: fake.get(request.name), requests["Get"], job.serialize)
        handlers[f"Cancel{kind}"] = handler(cancel, requests["Cancel"], empty_pb2.Empty.SerializeToString)
    server = grpc.server(ThreadPoolExecutor(2), [grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


ENDPOINTS = {"rest": over_http, "grpc": over_grpc}


def as_dict(job: Any) -> dict[str, Any]:
    """As a dry run prints it, numbers of 64 bits too."""
    return json_format.MessageToDict(type(job).pb(job))
