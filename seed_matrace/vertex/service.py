"""Vertex AI's job service: submits a job, says how it is getting on, cancels it, and explains what goes wrong.

The only importer of google-cloud-aiplatform (the extra ``vertex``).
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SUBMIT_TIMEOUT_S = 60.0
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"}
_SHOWN = {
    "QUEUED": "queued: waits for quota or machines",
    "PENDING": "pending: machines are being started",
    "RUNNING": "running",
    "CANCELLING": "cancelling",
    "SUCCEEDED": "succeeded",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired: it was not over within vertex.timeout_s",
}
_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/(customJobs|hyperparameterTuningJobs)/([^/]+)")
_QUOTA_CODE = 8  # google.rpc.Code.RESOURCE_EXHAUSTED


@dataclass(frozen=True)
class JobName:
    """A job's resource name, taken apart."""

    project: str
    region: str
    kind: str  # customJobs or hyperparameterTuningJobs
    number: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.region}/{self.kind}/{self.number}"

    @property
    def console(self) -> str:
        """Its page in Google Cloud's console."""
        page = f"https://console.cloud.google.com/agent-platform/locations/{self.region}"
        return f"{page}/training/{self.number}?project={self.project}"


def parse_job_name(text: str, project: str, region: str) -> JobName:
    """A full resource name, or the number of a custom job of ``project`` in ``region``.

    Raises:
      ValueError: neither.
    """
    whole = _NAME.fullmatch(text)
    if whole:
        return JobName(*whole.groups())
    if text.isdecimal() and project and region:
        return JobName(project, region, "customJobs", text)
    raise ValueError(
        f"{text!r} is no job: give projects/.../locations/.../customJobs/NUMBER, or a number, --project and --region"
    )


class JobService:
    """The jobs of one region.

    Args:
      region: such as europe-west4.
      endpoint: where the service is, "HOST[:PORT]"; "" is Google's own. With "http://" before it nobody is asked for
        credentials: a stand-in on this machine.
      transport: "grpc" or "rest".

    Raises:
      ImportError: google-cloud-aiplatform is not installed.
      ValueError: a plain endpoint that is not this machine.
      RuntimeError: no credentials are found.
    """

    def __init__(self, region: str, endpoint: str = "", transport: str = "grpc") -> None:
        try:
            from google.cloud import aiplatform_v1
        except ImportError as error:
            raise ImportError(f"{error}; jobs are submitted with: pip install 'seed_matrace[vertex]'") from None
        self._types = aiplatform_v1.types
        with explained(region):
            if endpoint.startswith("http://"):
                self._client = _stand_in(aiplatform_v1.JobServiceClient, endpoint, transport)
            else:
                options = {"api_endpoint": endpoint or f"{region}-aiplatform.googleapis.com"}
                self._client = aiplatform_v1.JobServiceClient(client_options=options, transport=transport)

    def submit(self, project: str, region: str, job: Mapping[str, Any]) -> JobName:
        """Creates a custom job or, if it has a studySpec, a hyper-parameter tuning job."""
        types, parent = self._types, f"projects/{project}/locations/{region}"
        with explained(project):
            if "studySpec" in job:
                tuning = types.HyperparameterTuningJob.from_json(json.dumps(job))
                made = self._client.create_hyperparameter_tuning_job(
                    parent=parent, hyperparameter_tuning_job=tuning, timeout=_SUBMIT_TIMEOUT_S
                )
            else:
                custom = types.CustomJob.from_json(json.dumps(job))
                made = self._client.create_custom_job(parent=parent, custom_job=custom, timeout=_SUBMIT_TIMEOUT_S)
        return parse_job_name(made.name, project, region)

    def state(self, name: JobName) -> tuple[str, str]:
        """The job's state, without "JOB_STATE_", and in one sentence why it failed, if it did."""
        custom = name.kind == "customJobs"
        with explained(name.project):
            get = self._client.get_custom_job if custom else self._client.get_hyperparameter_tuning_job
            job = get(name=str(name))
        state = job.state.name.removeprefix("JOB_STATE_")
        if state != "FAILED":
            return state, ""
        advice = f" {_QUOTA_ADVICE}" if job.error.code == _QUOTA_CODE else ""
        return state, f"{job.error.message or 'no reason given'}{advice}"

    def cancel(self, name: JobName) -> None:
        """Asks for the job's end; it comes some time later, with the state CANCELLED."""
        custom = name.kind == "customJobs"
        with explained(name.project):
            cancel = self._client.cancel_custom_job if custom else self._client.cancel_hyperparameter_tuning_job
            cancel(name=str(name))


def watch(
    service: JobService, name: JobName, say: Callable[[str], None], *, poll_s: float, stop: threading.Event
) -> bool:
    """Says each new state until the job is over or ``stop`` is set; returns whether it succeeded."""
    before = None
    while True:
        state, reason = service.state(name)
        if state != before:
            said = f"failed: {reason}" if state == "FAILED" else _SHOWN.get(state, state.lower())
            say(f"{time.strftime('%H:%M:%S')} {said}")
        if state in _ENDED:
            return state == "SUCCEEDED"
        before = state
        if stop.wait(poll_s):
            say(f"the job goes on; look with: gcp/submit.py watch {name}")
            return False


_QUOTA_ADVICE = (
    "Ask for more quota of custom training CPUs or GPUs in that region (console: IAM & Admin, Quotas), or take smaller "
    "machines, another --region, or --strategy=SPOT, which has quotas of its own."
)


@contextlib.contextmanager
def explained(subject: str) -> Iterator[None]:
    """Turns errors of Google's libraries into RuntimeErrors of one sentence that says what to do.

    Args:
      subject: the project, for messages.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except GoogleAuthError as error:
        raise RuntimeError(
            f"no usable credentials of Google Cloud ({_first_line(error)}): log in with gcloud auth "
            "application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
        ) from None
    except exceptions.TooManyRequests as error:
        raise RuntimeError(f"{subject} has too little quota for this ({_first_line(error)}). {_QUOTA_ADVICE}") from None
    except exceptions.Forbidden as error:
        raise RuntimeError(
            f"not allowed in {subject} ({_first_line(error)}): the account needs roles/aiplatform.user there, and "
            "roles/iam.serviceAccountUser on --service_account; the Vertex AI API must be enabled"
        ) from None
    except exceptions.NotFound as error:
        raise RuntimeError(f"Vertex AI does not find it ({_first_line(error)}): see project, region, job") from None
    except exceptions.BadRequest as error:
        raise RuntimeError(f"Vertex AI does not take this job ({_first_line(error)}); --dry_run prints it") from None
    except exceptions.GoogleAPICallError as error:
        raise RuntimeError(f"Vertex AI cannot do this now ({_first_line(error)}); try again") from None


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "message", "")) or str(error)).strip().split("\n")[0].rstrip(".")


def _stand_in(client: Any, endpoint: str, transport: str) -> Any:
    """A client of a service on this machine, without TLS and credentials."""
    import grpc
    from google.auth.credentials import AnonymousCredentials

    from seed_matrace.transport.address import HostPort, parse_address

    address = parse_address(endpoint.removeprefix("http://"))
    if not (isinstance(address, HostPort) and address.is_loopback):
        raise ValueError(
            f"--api_endpoint={endpoint} is not this machine: only a stand-in here is spoken to in plain text"
        )
    kind = client.get_transport_class(transport)
    if transport == "grpc":
        return client(transport=kind(channel=grpc.insecure_channel(str(address))))
    return client(transport=kind(host=endpoint, url_scheme="http", credentials=AnonymousCredentials()))
