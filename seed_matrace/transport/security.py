"""Who may listen to and join a learner on a network: certificates, the token, and what is refused without them."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.transport.address import Address, HostPort

TOKEN_VARIABLE = "SEED_MATRACE_TOKEN"
_MIN_TOKEN_LENGTH = 16


@dataclass(frozen=True)
class Security:
    """Flags of the carrier between hosts; certificates and keys are files in PEM."""

    tls_cert: str | None = None  # of this side
    tls_key: str | None = None
    tls_ca: str | None = None  # who must have signed the other side's certificate
    token: str = ""  # a secret that learner and actors share
    insecure: bool = False

    @property
    def tls(self) -> bool:
        return any((self.tls_cert, self.tls_key, self.tls_ca))


NO_SECURITY = Security()


def read_token(path: str | None) -> str:
    """The token in a file, else in the environment, else none.

    Raises:
      ValueError: the file cannot be read, or the token is too short to be a secret or cannot be sent.
    """
    source = f"--token_file {path}" if path else f"the environment variable {TOKEN_VARIABLE}"
    try:
        token = (Path(path).read_text(errors="replace") if path else os.environ.get(TOKEN_VARIABLE, "")).strip()
    except OSError as error:
        raise ValueError(
            f"cannot read --token_file {path} ({error.strerror}); it must be a copy of the learner's token, which "
            "openssl rand -hex 32 makes"
        ) from None
    if not token and not path:
        return ""
    if len(token) < _MIN_TOKEN_LENGTH or not token.isprintable() or not token.isascii():
        raise ValueError(
            f"the token in {source} must be {_MIN_TOKEN_LENGTH} or more printable ASCII characters in one line; make "
            "one with: openssl rand -hex 32"
        )
    return token


def check_learner(address: Address, security: Security) -> None:
    """Raises ValueError if a learner should not listen at ``address`` like this."""
    if isinstance(address, Path):
        return  # a socket of its own user
    if security.tls:
        if not (security.tls_cert and security.tls_key):
            raise ValueError("a learner with TLS needs --tls_cert and --tls_key; --tls_ca asks actors for theirs too")
        _check_files(security)
    _check_exposure(address, security, "listens", "--tls_cert and --tls_key")


def check_actor(address: HostPort, security: Security) -> None:
    """Raises ValueError if an actor should not connect to ``address`` like this."""
    if security.tls:
        if not security.tls_ca or bool(security.tls_cert) != bool(security.tls_key):
            raise ValueError(
                "an actor with TLS needs --tls_ca to know its learner by; --tls_cert and --tls_key go together and are "
                "for a learner that asks for them"
            )
        _check_files(security)
    _check_exposure(address, security, "connects", "--tls_ca")


def _check_exposure(address: HostPort, security: Security, does: str, tls_flags: str) -> None:
    if security.insecure or address.is_loopback or (security.tls and security.token):
        return
    missing = [] if security.tls else [f"TLS ({tls_flags})"]
    missing += [] if security.token else [f"a token (--token_file or {TOKEN_VARIABLE})"]
    raise ValueError(
        f"{address} is not this machine alone: whoever {does} there needs {' and '.join(missing)}, or --insecure on a "
        "network that you trust"
    )


def _check_files(security: Security) -> None:
    """GRPC says little about files that it cannot use."""
    named = {"tls_cert": security.tls_cert, "tls_key": security.tls_key, "tls_ca": security.tls_ca}
    for flag, path in named.items():
        try:
            read_file(path)
        except OSError as error:
            raise ValueError(
                f"cannot read --{flag} {path} ({error.strerror}); it must be a PEM file on this host"
            ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if security.tls_cert:
            context.load_cert_chain(security.tls_cert, security.tls_key)
        if security.tls_ca:
            context.load_verify_locations(security.tls_ca)
    except ssl.SSLError as error:
        files = ", ".join(filter(None, named.values()))
        reason = error.reason or "no certificate or key in it"  # OpenSSL has no word for an empty file
        raise ValueError(
            f"no usable certificate and key among {files} ({reason}); they must be PEM files that go together"
        ) from None


def read_file(path: str | None) -> bytes | None:
    """A file's bytes, or None for none."""
    return Path(path).read_bytes() if path else None
