"""The token and certificate by which hosts of one job know each other, made by its learner and kept in its bucket.

Whoever may read the job's folder could take part in the run; neither stands in the job's specification, which more
people may see.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

from seed_matrace.transport.address import HostPort
from seed_matrace.transport.certificates import make_certificate

_POLL_S = 1.0
_TOKEN, _CERT, _KEY = "token", "learner.pem", "learner_key.pem"


def make_credentials(folder: Path, learner: HostPort) -> list[str]:
    """The learner's flags; makes token and certificate unless an earlier container of this host has.

    Raises:
      RuntimeError: openssl is missing or fails.
    """
    own = _folder_of(folder, learner)
    token, cert, key = (own / name for name in (_TOKEN, _CERT, _KEY))
    if not _is_there(token):
        own.mkdir(parents=True, exist_ok=True)
        make_certificate(learner.host, cert, key)
        token.write_text(secrets.token_hex(32) + "\n")  # the last: actors wait for it
    return [f"--tls_cert={cert}", f"--tls_key={key}", f"--token_file={token}"]


def wait_for_credentials(folder: Path, learner: HostPort, timeout_s: float, stop: threading.Event) -> list[str] | None:
    """An actor's flags, once the learner has made what they name; None if ``stop`` was set.

    Raises:
      RuntimeError: there are none after ``timeout_s``.
    """
    own = _folder_of(folder, learner)
    for _ in range(max(int(timeout_s / _POLL_S), 1)):
        if _is_there(own / _TOKEN):
            return [f"--tls_ca={own / _CERT}", f"--token_file={own / _TOKEN}"]
        if stop.wait(_POLL_S):
            return None
    raise RuntimeError(
        f"the learner has left no token in {own} for {timeout_s:g} s: see its log, and that this container mounts "
        "the same bucket"
    )


def _is_there(token: Path) -> bool:
    """Whether the token was written; a host that was lost before may have left an empty file."""
    return token.is_file() and token.stat().st_size > 0


def _folder_of(folder: Path, learner: HostPort) -> Path:
    """A folder for each name of a learner: a job that is run again has other hosts."""
    return folder / learner.host
