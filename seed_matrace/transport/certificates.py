"""A certificate for a learner whose address is known only once it runs."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

_DAYS = "365"


def make_certificate(host: str, cert: Path, key: Path) -> None:
    """Writes a certificate of ``host`` that is its own authority (PEM), and its key.

    Raises:
      RuntimeError: openssl is missing or fails.
    """
    try:
        ipaddress.ip_address(host)
        name = f"IP:{host}"
    except ValueError:
        name = f"DNS:{host}"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", _DAYS]
    command += ["-subj", "/CN=seed_matrace learner", "-addext", f"subjectAltName={name}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError("openssl is needed to make the learner's certificate; install the package openssl") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"openssl cannot make a certificate of {host}: {error.stderr.strip()}") from None
