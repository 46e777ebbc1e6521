"""Strict JSON: what other readers let pass is refused, by the path of the value."""

import json
import os
from pathlib import Path

import pytest

from seed_matrace.foreign_files import MOST_BYTES, open_file, parse_document, parse_json, read_document, shown


def test_sound_json_is_read_with_or_without_a_mark():
    for mark in (b"", b"\xef\xbb\xbf"):
        assert parse_document(mark + '{"a": [1, 2.5, null, true, "é"]}\n'.encode()) == {"a": [1, 2.5, None, True, "é"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b'{"a": 1} more', "not JSON: Extra data"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b'{"a": "\xe9"}', "UTF-8"),
        (b'{"a": [1, NaN]}', r"^a\[1\] is not a finite number"),
        (b'{"a": {"b": -Infinity}}', r"^a\.b is not a finite number"),
        (b'{"a": {"b": 1e999}}', r"^a\.b is not a finite number"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"^a is not a finite number"),
        (b'{"a": [{"b": 1, "c": 2, "b": 3}]}', r"^a\[0\]\.b is there twice"),
        (b'{"a": 1, "a": 1}', "^a is there twice"),
        (b'{"a": "\\u001b[31m"}', r"^a is .*without control characters"),
        (b'{"a": "\\ud800"}', r"^a is .*without control characters"),
        (b'{"\\u0007": 1}', "^the document has the key"),
        (b"[" * 42 + b"]" * 42, "levels deep"),
        (b"[" * 100_000 + b"]" * 100_000, "levels deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "levels deep"),
        (b" " * (MOST_BYTES + 1), "larger than 4 MB"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_document(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ("NaN", "the document is not a finite number"),
        ("[-Infinity]", r"^\[0\] is not a finite number"),
        ("1e999", "the document is not a finite number"),
        ("1" * 5000, "the document is not a finite number"),
        ("[" * 100_000, "levels deep|is not JSON"),
        ("[" * 42 + "]" * 42, "levels deep"),
        (b"\xff", "is not text in UTF-8"),
        ('{"a": 1}x', "is not JSON"),
        ('{"a": 1, "a": 1}', "^a is there twice"),
    ],
)
def test_files_of_the_program_are_read_as_strictly(text, said):
    with pytest.raises(ValueError, match=said):
        parse_json(text)


def test_files_of_the_program_may_be_large_and_hold_any_text():
    value = {"a": [1, 2.5, None, True], "b": "ö\x1b\udcff", "c": " " * MOST_BYTES}
    assert parse_json(json.dumps(value)) == parse_json(json.dumps(value).encode()) == value


def test_only_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a file"):
            open_file(path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ValueError, match="larger than"):
        read_document(tmp_path / "large")


def test_values_are_shown_short_and_on_one_line():
    class Odd:
        def __repr__(self):
            raise KeyError("no")

    assert shown("a\x1b[31m\n") == r"'a\x1b[31m\n'"
    assert len(shown(list(range(10_000)))) == 200
    assert shown(Odd()) == "a Odd that cannot be shown (KeyError)"
