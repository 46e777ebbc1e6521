"""Whole files: on disk is all of one version at any moment, and whoever reads it knows."""

import contextlib
import os
import stat

import pytest

from seed_matrace import files
from seed_matrace.files import CHECKSUMS, clear, read_checked, write_checked, write_file


class Killed(BaseException):
    """The process ends here."""


def kill_at(monkeypatch, call):
    """The call-th rename from now on does not happen, and nothing after it."""
    renames = []

    def rename(source, target):
        renames.append(target)
        if len(renames) == call:
            raise Killed
        os.rename(source, target)

    monkeypatch.setattr(files.os, "replace", rename)


def test_file_is_written_whole_with_its_folder_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a" / "b" / "run.json"
    for content in ("one", "Zwölf\n", b"\x00\xff"):
        write_file(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert list(path.parent.iterdir()) == [path]


def test_mode_is_that_of_any_new_file_or_the_one_asked_for(tmp_path):
    (tmp_path / "plain").write_text("")
    write_file(tmp_path / "new", "x")
    write_file(tmp_path / "secret", "x", mode=0o600)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["new"] == modes["plain"]
    assert modes["secret"] == 0o600


def test_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "file"
    write_file(path, "same")
    before = path.stat().st_ino
    write_file(path, "same")
    assert path.stat().st_ino == before
    write_file(path, "other")
    assert path.stat().st_ino != before


def test_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.parametrize("broken", ["open", "fsync", "replace"])
def test_error_names_the_file_and_leaves_what_was_there(tmp_path, monkeypatch, broken):
    path = tmp_path / "results.json"
    write_file(path, "old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, broken, fail)
    with pytest.raises(OSError, match=r"cannot write .*results\.json \(No space left on device\)"):
        write_file(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_checksum_that_cannot_be_written_is_said_as_its_file(tmp_path, limit_file_size):
    limit_file_size(10)
    with pytest.raises(OSError, match=r"cannot write .*/run\.json \(File too large\)"):
        write_checked(tmp_path / "run.json", "short")
    limit_file_size(None)
    assert not list(tmp_path.iterdir())


def test_checked_file_is_recognised_when_any_bit_of_it_is_another(tmp_path):
    path = tmp_path / "run.json"
    content = b'{"seed": 7}\n'
    write_checked(path, content)
    assert read_checked(path) == content
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"run\.json is not what was written.*put back a copy"):
            read_checked(path)


@pytest.mark.parametrize("length", range(12))
def test_torn_file_is_recognised(tmp_path, length):
    path = tmp_path / "run.json"
    write_checked(path, b'{"seed": 7}\n')
    os.truncate(path, length)
    with pytest.raises(ValueError, match=r"run\.json is (not what was written|empty).*; say what to do"):
        read_checked(path, "say what to do")


def test_damaged_checksums_never_let_another_file_pass(tmp_path):
    path = tmp_path / "run.json"
    write_checked(path, "text")
    intact = (tmp_path / CHECKSUMS).read_bytes()
    for bit in range(8 * len(intact)):
        flipped = bytearray(intact)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / CHECKSUMS).write_bytes(flipped)
        with contextlib.suppress(ValueError):
            assert read_checked(path) == b"text"
    (tmp_path / CHECKSUMS).write_bytes(b"")
    with pytest.raises(ValueError, match=CHECKSUMS):
        read_checked(path)
    write_checked(path, "a run at work goes on")
    assert read_checked(path) == b"a run at work goes on"


def test_what_a_kill_left_aside_is_cleared_and_nothing_else(tmp_path):
    (tmp_path / "eval").mkdir()
    left = [tmp_path / ".run.json.0123abcd.aside", tmp_path / "eval" / ".results.json.0123abcd.aside"]
    others = [tmp_path / ".lock", tmp_path / "mine.aside", tmp_path / CHECKSUMS]
    for path in (*left, *others):
        path.write_text("")
    clear(tmp_path)
    assert [path.exists() for path in (*left, *others)] == [False, False, True, True, True]


@pytest.mark.parametrize("call", [1, 2])
def test_kill_at_any_step_leaves_the_old_or_the_new_file_and_both_pass(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_checked(path, "version 0")
    for version in range(1, 8):  # killed every time it is tried
        kill_at(monkeypatch, call)
        with pytest.raises(Killed):
            write_checked(path, f"version {version}")
        assert read_checked(path) == b"version 0"
    monkeypatch.undo()
    write_checked(path, "version 8")
    assert read_checked(path) == b"version 8"
    assert not list(tmp_path.glob("*.aside"))


def test_file_of_an_older_version_is_read_unchecked_unless_it_is_empty(tmp_path):
    (tmp_path / "run.json").write_text("old")
    write_checked(tmp_path / "operative_config.gin", "new")
    assert read_checked(tmp_path / "run.json") == b"old"
    (tmp_path / "run.json").write_text("")
    with pytest.raises(ValueError, match="is empty"):
        read_checked(tmp_path / "run.json")
    with pytest.raises(FileNotFoundError):
        read_checked(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_checked(tmp_path / "folder")


def test_file_of_another_owner_is_refused_whatever_is_noted_beside_it(tmp_path):
    write_checked(tmp_path / "results.json", "text", owner="one")
    assert read_checked(tmp_path / "results.json", owner="one") == b"text"
    for other in ("", "two"):
        with pytest.raises(ValueError, match="is not what was written"):
            read_checked(tmp_path / "results.json", owner=other)


@pytest.mark.parametrize("noted", [None, "another.json"])
def test_file_that_must_be_noted_and_is_not_is_refused_with_how_to_copy(tmp_path, noted):
    (tmp_path / "run.json").write_text("text")
    if noted:
        write_checked(tmp_path / noted, "text")
    with pytest.raises(ValueError, match=r"checksums\.json, .*(is missing|lacks it): put back a copy of it; .*cp -a"):
        read_checked(tmp_path / "run.json", must_be_noted=True)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00\x01", b"\x00\x00\x00{", b"[]", b'{"run.json": 1}'])
def test_damaged_checksums_are_said_in_plain_words(tmp_path, content):
    (tmp_path / CHECKSUMS).write_bytes(content)
    said = r"is (empty|not JSON: .*|not text in UTF-8 .*)|has no lists of checksums"
    with pytest.raises(ValueError, match=rf"checksums\.json is damaged: it ({said}); put back"):
        read_checked(tmp_path / "run.json")
