"""What is refused before anything listens or connects."""

import dataclasses

import pytest
from ends import make_certificates

from seed_matrace.transport.address import HostPort, parse_address
from seed_matrace.transport.security import TOKEN_VARIABLE, Security, check_actor, check_learner, read_token

ANYWHERE = HostPort("0.0.0.0", 5555)
HERE = HostPort("localhost", 5555)
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("text", ["localhost:5555", "[::1]:5555", "10.0.0.7:1", "learner.example.org:65535"])
def test_address_is_written_as_it_is_read(text):
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "text", ["", "unix:", "learner", "learner:", ":5555", "a:0", "a:65536", "a:b", "::1:5555", "a:-1"]
)
def test_malformed_address_is_an_error(text):
    with pytest.raises(ValueError, match="must look like"):
        parse_address(text)


@pytest.mark.parametrize(
    ("host", "alone"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("0.0.0.0", False)]
)
def test_only_loopback_is_this_machine_alone(host, alone):
    assert HostPort(host, 1).is_loopback == alone


@pytest.mark.parametrize("check", [check_learner, check_actor])
def test_plain_text_or_no_token_is_for_loopback_unless_insecure(check, tmp_path):
    files = make_certificates(tmp_path)
    check(HERE, Security())
    check(ANYWHERE, Security(insecure=True))
    check(ANYWHERE, Security(**files, token=TOKEN))
    with pytest.raises(ValueError, match=r"needs TLS \(.*\) and a token"):
        check(ANYWHERE, Security())
    with pytest.raises(ValueError, match=r"needs TLS \([^)]*\), or --insecure"):
        check(ANYWHERE, Security(token=TOKEN))
    with pytest.raises(ValueError, match="needs a token"):
        check(ANYWHERE, Security(**files))


def test_half_of_what_tls_needs_is_said(tmp_path):
    files = make_certificates(tmp_path)
    with pytest.raises(ValueError, match="--tls_cert and --tls_key"):
        check_learner(HERE, Security(tls_cert=files["tls_cert"]))
    with pytest.raises(ValueError, match="--tls_ca"):
        check_actor(HERE, Security(tls_cert=files["tls_cert"], tls_key=files["tls_key"]))
    with pytest.raises(ValueError, match="go together"):
        check_actor(HERE, Security(tls_ca=files["tls_ca"], tls_cert=files["tls_cert"]))


def test_unusable_certificates_are_said(tmp_path):
    files = Security(**make_certificates(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match="no usable certificate and key"):
        check_learner(HERE, dataclasses.replace(files, tls_key=make_certificates(other)["tls_key"]))
    (tmp_path / "text.pem").write_text("not a certificate")
    with pytest.raises(ValueError, match="no usable certificate and key"):
        check_actor(HERE, Security(tls_ca=str(tmp_path / "text.pem")))
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ValueError, match=r"empty\.pem.*\(no certificate or key in it\); they must be PEM files"):
        check_learner(HERE, dataclasses.replace(files, tls_key=str(tmp_path / "empty.pem")))
    with pytest.raises(ValueError, match=r"cannot read --tls_ca .*none\.pem \(No such file.*must be a PEM file"):
        check_actor(HERE, Security(tls_ca=str(tmp_path / "none.pem")))


def test_token_comes_from_a_file_or_else_the_environment(tmp_path, monkeypatch):
    assert read_token(None) == ""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert read_token(None) == TOKEN
    path = tmp_path / "token"
    path.write_text(f"{TOKEN[::-1]}\n")
    assert read_token(str(path)) == TOKEN[::-1]


def test_missing_token_file_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read --token_file .*none \(No such file.*openssl rand -hex 32"):
        read_token(str(tmp_path / "none"))


@pytest.mark.parametrize("text", ["", "short", "two\nlines of a long token", "with an umläut in it"])
def test_token_that_is_no_secret_or_cannot_be_sent_is_refused(text, tmp_path):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ValueError, match="openssl rand -hex 32"):
        read_token(str(path))
