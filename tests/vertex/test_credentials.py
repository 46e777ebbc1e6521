"""Token and certificate of a job: made once, found by actors, good for the learner's name."""

import os
import ssl
import subprocess
import threading

import pytest

from seed_matrace.transport.address import HostPort
from seed_matrace.vertex.credentials import make_credentials, wait_for_credentials

LEARNER = HostPort("cmle-training-workerpool0-ab-0", 2222)


def flag(flags, name):
    return next(word.partition("=")[2] for word in flags if word.startswith(f"--{name}="))


def test_actors_find_what_the_learner_made(tmp_path):
    made = make_credentials(tmp_path, LEARNER)
    found = wait_for_credentials(tmp_path, LEARNER, 1.0, threading.Event())
    assert flag(found, "token_file") == flag(made, "token_file")
    context = ssl.create_default_context(cafile=flag(found, "tls_ca"))
    assert context.cert_store_stats()["x509"] >= 1
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(flag(made, "tls_cert"), flag(made, "tls_key"))
    text = subprocess.check_output(["openssl", "x509", "-in", flag(made, "tls_cert"), "-noout", "-text"], text=True)
    assert f"DNS:{LEARNER.host}" in text


def test_learner_that_comes_back_keeps_them_and_another_host_has_its_own(tmp_path):
    token = flag(make_credentials(tmp_path, LEARNER), "token_file")
    with open(token) as file:
        before = file.read()
    assert flag(make_credentials(tmp_path, LEARNER), "token_file") == token
    with open(token) as file:
        assert file.read() == before
    assert flag(make_credentials(tmp_path, HostPort("10.0.0.7", 2222)), "token_file") != token


def test_token_that_a_lost_host_left_empty_is_none(tmp_path):
    token = flag(make_credentials(tmp_path, LEARNER), "token_file")
    os.truncate(token, 0)
    with pytest.raises(RuntimeError, match="has left no token"):
        wait_for_credentials(tmp_path, LEARNER, 1.0, threading.Event())
    make_credentials(tmp_path, LEARNER)
    assert os.path.getsize(token) > 60


def test_actors_give_up_with_a_reason_or_stop_when_asked(tmp_path):
    with pytest.raises(RuntimeError, match="has left no token"):
        wait_for_credentials(tmp_path, LEARNER, 1.0, threading.Event())
    stop = threading.Event()
    stop.set()
    assert wait_for_credentials(tmp_path, LEARNER, 600.0, stop) is None


def test_missing_openssl_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="install the package openssl"):
        make_credentials(tmp_path, LEARNER)
