"""Where the actors of a run meet their learner."""

import tempfile

from seed_matrace.training import open_source
from seed_matrace.training.open_source import _private_socket
from seed_matrace.transport.unix_socket import check_socket


def test_socket_of_a_run_is_made_however_long_all_paths_are(tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["a folder with a long name " + "x" * 40] * 4)
    (deep / "tmp").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep / "tmp"))
    with _private_socket(deep) as path:
        assert path == deep / "actors.sock"
        check_socket(path)

    def no_sockets(path):
        if path.parent == deep:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(open_source, "check_socket", no_sockets)
    with _private_socket(deep) as path:
        assert path.parent.parent == deep / "tmp"
        check_socket(path)
    assert not list((deep / "tmp").iterdir())
