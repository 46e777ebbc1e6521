"""The program's .npz files: written whole; read without unpickling, and sizes are checked before memory is taken."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from seed_matrace.files import write_file
from seed_matrace.foreign_files import MOST_BYTES, open_file, parse_document, shown

_MOST_AT_ONCE = 2**20  # bytes of one read: the longest directory of a zip file that is looked at
_ALWAYS = 2**24  # bytes of all arrays that may be
_TIGHTEST = 100  # more only so many times what the file is long: replays are packed 5 times, zeros 1,000 times
_KINDS = "biuf"
_SUFFIX = ".npy"


class ArraysError(ValueError):
    """A file holds no arrays that may be read; the message says why, in one sentence without the file's name."""


def read_arrays(
    path: str | os.PathLike[str], *, most_bytes: int = 2**30, most_arrays: int = 2000
) -> dict[str, np.ndarray]:
    """Reads what ``numpy.savez`` or ``savez_compressed`` wrote of booleans, whole numbers and floats.

    Args:
      most_bytes: of all arrays together, as they lie in memory.
      most_arrays: how many there may be.

    Returns:
      The arrays by name.

    Raises:
      OSError: there is no such file, or it is not a regular one.
      ArraysError: it is no such file, is damaged, or declares more than it may or than it holds.
    """
    with open_arrays(path, most_bytes=most_bytes, most_arrays=most_arrays) as arrays:
        return {name: arrays.read(name) for name in arrays.declared}


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], *, compressed: bool = True) -> None:
    """Writes what ``read_arrays`` reads, as ``files.write_file`` writes."""
    write_file(path, pack_arrays(arrays, compressed=compressed))


def pack_arrays(arrays: Mapping[str, np.ndarray], *, compressed: bool = True) -> bytes:
    """What ``write_arrays`` writes."""
    content = io.BytesIO()
    save: Any = np.savez_compressed if compressed else np.savez
    save(content, **arrays)
    return content.getvalue()


@contextmanager
def open_arrays(
    path: str | os.PathLike[str], *, most_bytes: int = 2**30, most_arrays: int = 2000
) -> Iterator[ArraysFile]:
    """As ``read_arrays``, for who wants to look at what is declared before any of it is read."""
    with open_file(path) as file:
        yield ArraysFile(file, most_bytes, most_arrays)


class ArraysFile:
    """An open file of arrays; raises ArraysError, as its methods.

    Attributes:
      declared: shape and dtype of every array, by name.
    """

    def __init__(self, file: BinaryIO, most_bytes: int, most_arrays: int) -> None:
        with _one_sentence():
            self._members = zipfile.ZipFile(_InPieces(file))
            infos = self._members.infolist()
            _check_directory(infos, most_bytes, most_arrays, os.fstat(file.fileno()).st_size)
            self._infos = {info.filename.removesuffix(_SUFFIX): info for info in infos}
            self.declared = {name: _declared(self._members, info) for name, info in self._infos.items()}

    def read(self, name: str) -> np.ndarray:
        """One array."""
        with _one_sentence(), self._members.open(self._infos[name]) as member:
            array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
            return array

    def document(self, name: str) -> Any:
        """What the JSON text in one array says; None if there is no such array. ValueError if it is no JSON."""
        if name not in self.declared:
            return None
        if self._infos[name].file_size > MOST_BYTES:
            raise ArraysError(f"{name} is {self._infos[name].file_size:,} bytes; at most {MOST_BYTES:,} expected")
        return parse_document(self.read(name).tobytes())


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Whatever zipfile, zlib and NumPy say of a damaged file, as an ArraysError."""
    try:
        yield
    except ArraysError:
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ArraysError(f"it is no file of arrays, or damaged ({words[:200]})") from None


class _InPieces:
    """A file that is never read in great pieces; ``zipfile`` reads a directory of any declared size at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable, self._file = file.seek, file.tell, file.seekable, file

    def read(self, size: int = -1) -> bytes:
        if size > _MOST_AT_ONCE:
            raise ArraysError(f"its directory is {size:,} bytes; at most {_MOST_AT_ONCE:,} expected")
        return self._file.read(_MOST_AT_ONCE if size < 0 else size)


def _check_directory(infos: list[zipfile.ZipInfo], most_bytes: int, most_arrays: int, file_bytes: int) -> None:
    if len(infos) > most_arrays:
        raise ArraysError(f"it holds {len(infos):,} arrays; at most {most_arrays:,} expected")
    if len({info.filename for info in infos}) != len(infos):
        raise ArraysError("it holds an array twice")
    for info in infos:
        plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 1
        if not plain or not info.filename.endswith(_SUFFIX):
            raise ArraysError(f"it holds {shown(info.filename)}, which is no array, encrypted or oddly compressed")
    total = sum(info.file_size for info in infos)
    if total > most_bytes:
        raise ArraysError(f"its arrays are {total:,} bytes; at most {most_bytes:,} expected")
    if total > _ALWAYS + _TIGHTEST * file_bytes:
        raise ArraysError(f"its arrays are {total:,} bytes in a file of {file_bytes:,}; real ones do not pack so well")


def _declared(members: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of an array, whose header must declare just what the directory does."""
    name = shown(info.filename.removesuffix(_SUFFIX))
    with members.open(info) as member:
        shape, dtype = _header(member, name)
        size, held = math.prod(shape) * dtype.itemsize, info.file_size - member.tell()
        if dtype.kind not in _KINDS or any(length < 0 for length in shape):
            raise ArraysError(f"{name} is {shown(str(dtype))} {shown(shape)}; numbers expected")
        if size != held:
            raise ArraysError(f"{name} declares {dtype} {shown(shape)}, {size:,} bytes, but {held:,} are there")
        return shape, dtype


def _header(member: Any, name: str) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ArraysError(f"{name} is of version {version} of the format; 1.0 or 2.0 expected")
    try:
        shape, _, dtype = readers[version](member)
    except (MemoryError, RecursionError):
        raise ArraysError(f"{name} has a header that cannot be read") from None
    return shape, dtype
