"""The one reader of .npz files: sound ones are read, all others refused before memory is taken."""

from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.arrays_file import ArraysError, read_arrays

SOUND = {
    "env/0": np.arange(5, dtype=np.uint8), "one": np.array(7), "none": np.zeros((0, 3), np.float32),
    "yes": np.array([True, False]), "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}  # fmt: skip


def header(shape: str, descr: str = "'<f8'") -> bytes:
    """The start of an array that declares ``shape``."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def written(folder: Path, members: dict[str, bytes], **options: int) -> Path:
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", **options) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read(tmp_path, write):
    write(tmp_path / "a.npz", **SOUND)
    read = read_arrays(tmp_path / "a.npz")
    assert list(read) == list(SOUND)
    for name, array in SOUND.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.npy": header("(1000000000000000,)")}, "declares float64 (1000000000000000,)"),
        ({"a.npy": header("(2000000000, 2000000000, 2000000000)")}, "declares float64"),
        ({"a.npy": header("(-1,)") + bytes(8)}, "'a' is 'float64' (-1,)"),
        ({"a.npy": header("(True,)", "'|O'") + bytes(8)}, "'a' is 'object' (True,)"),
        ({"a.npy": header("(1,)", "[('x', '<f8')]") + bytes(8)}, "numbers expected"),
        ({"a.npy": header("(1,)", "'<U2'") + bytes(8)}, "numbers expected"),
        ({"a.npy": header("(1,)", "'<M8[s]'") + bytes(8)}, "numbers expected"),
        ({"a.npy": header("(2,)") + bytes(8)}, "16 bytes, but 8 are there"),
        ({"a.npy": header("(1,)") + bytes(24)}, "8 bytes, but 24 are there"),
        ({"a.npy": header("(" * 60)}, "no file of arrays"),
        ({"a.npy": b"\x93NUMPY\x01\x00\x28\x23" + b"(" * 9000}, "damaged"),
        ({"a.npy": b"\x93NUMPY\x09\x00" + bytes(100)}, "of version (9, 0)"),
        ({"a.npy": b"hello"}, "damaged"),
        ({"a.txt": b"hello"}, "'a.txt', which is no array"),
        ({f"{k}.npy": header("(0,)") for k in range(11)}, "holds 11 arrays; at most 10"),
        ({"a.npy": header("(2500,)") + bytes(20_000)}, "20,128 bytes; at most 20,000"),
    ],
)
def test_arrays_that_cannot_be_meant_are_one_sentence(tmp_path, members, said):
    with pytest.raises(ArraysError, match=re.escape(said)) as caught:
        read_arrays(written(tmp_path, members), most_bytes=20_000, most_arrays=10)
    assert "\n" not in str(caught.value)


def test_nothing_is_taken_of_a_bomb(tmp_path):
    """200 MB of zeros in 200 kB."""
    data = header("(25000000,)") + bytes(200_000_000)
    path = written(tmp_path, {"a.npy": data}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    del data
    tracemalloc.start()
    with pytest.raises(ArraysError, match="at most 1,048,576 expected"):
        read_arrays(path, most_bytes=2**20)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_member_cannot_hold_more_than_the_directory_says(tmp_path):
    path = written(tmp_path, {"a.npy": header("(1000,)") + bytes(8000)}, compression=zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    real, said = struct.pack("<I", 8128), struct.pack("<I", 128 + 8)
    path.write_bytes(data.replace(real, said))
    with pytest.raises(ArraysError, match="CRC"):
        read_arrays(path)


def test_an_array_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            file.writestr("a.npy", header("(0,)"))
    with pytest.raises(ArraysError, match="twice"):
        read_arrays(path)


@pytest.mark.parametrize("offset", [6, 8])  # of a local header and the directory: flags, compression
def test_encrypted_and_oddly_compressed_members_are_refused(tmp_path, offset):
    path = written(tmp_path, {"a.npy": header("(0,)")})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        data[data.index(mark) + place] |= 1 if offset == 6 else 97
    path.write_bytes(data)
    with pytest.raises(ArraysError, match="encrypted or oddly compressed"):
        read_arrays(path)


def test_a_directory_of_any_declared_size_is_not_read_at_once(tmp_path):
    path = tmp_path / "a.npz"
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 2**31 - 1, 0, 0))
    tracemalloc.start()
    with pytest.raises(ArraysError, match="its directory is"):
        read_arrays(path)
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_every_flipped_bit_is_found_or_harmless(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **SOUND)
    data, path = buffer.getvalue(), tmp_path / "a.npz"
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * len(data), 300, replace=False):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        try:
            read = read_arrays(path)
        except ArraysError:
            continue
        assert all(np.array_equal(array, SOUND[name]) for name, array in read.items() if name in SOUND)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a file"):
            read_arrays(path)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")
