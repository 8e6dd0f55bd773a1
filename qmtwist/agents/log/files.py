"""Logs as they lie about: a directory of multilog, files that were rotated and compressed, standard input."""

from __future__ import annotations

import os
import stat

from qmtwist.logbook.analysis.stamps import is_instant, plain
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import TYPE_CHECKING, Callable, Iterator, Protocol

from .lines import BLOCK_BYTES, Lines, from_standard_input

if TYPE_CHECKING:
    from typing import BinaryIO

STANDARD_INPUT = "-"
_CURRENT = "current"
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_LOOKED_AT = 50  # lines of a file for the instant it begins with


class Unreadable(Exception):
    """`path` is no log that we can read, or not to its end; `text` says why."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path, self.text = path, text


class Progress(Protocol):
    """Is told after every block how many bytes of how many are read; of standard input 0 are known."""

    def __call__(self, done: int, total: int) -> None:
        """Show it."""


def found_at(paths: list[str]) -> list[str]:
    """The files behind names, in the order in which they were written; a directory is one of multilog.

    :raises Unreadable: there is no such file, or a directory without `current`.
    """
    files: list[str] = []
    for path in paths:
        files += _in_directory(path) if path != STANDARD_INPUT and os.path.isdir(path) else [path]
    if STANDARD_INPUT in files:
        return files
    return sorted(files, key=_beginning)


def _in_directory(path: str) -> list[str]:
    names = [name for name in os.listdir(path) if name[:1] == "@" and name[-2:] in (".s", ".u")]
    if not names and not os.path.exists(os.path.join(path, _CURRENT)):
        raise Unreadable(path, "no directory of multilog: it has no file `current`")
    return [os.path.join(path, name) for name in (*sorted(names), _CURRENT) if os.path.exists(os.path.join(path, name))]


def _beginning(path: str) -> float:
    """The first instant in a file; that of its last change if it tells none, or can be read once only."""
    if os.path.exists(path) and not os.path.isfile(path):
        return os.stat(path).st_mtime
    with _Source(path) as source:
        for lines in Lines(source.read):
            for line in lines[:_LOOKED_AT]:
                stamped = line if is_instant(line.partition(b" ")[0]) else plain(line)
                if stamped is not None:
                    return float(stamped.partition(b" ")[0])
            break
    return os.stat(path).st_mtime


class Logs:
    """Iterate over it for lists of lines of all files, one after the other, decompressed.

    A file that is cut off or damaged is read up to there; then `damage` says so.
    """

    def __init__(self, files: list[str], progress: Progress | None = None) -> None:
        self._files = files
        self._progress = progress
        self._total = sum(os.stat(path).st_size for path in files if path != STANDARD_INPUT)
        self._before = 0
        self.damage: list[Unreadable] = []

    def __iter__(self) -> Iterator[list[bytes]]:
        """:raises OSError: standard input cannot be read.

        :raises Unreadable: a file cannot be opened.
        """
        for path in self._files:
            if path == STANDARD_INPUT:
                yield from self._told(Lines(from_standard_input), None)
                continue
            with _Source(path) as source:
                try:
                    yield from self._told(Lines(source.read), source)
                except Unreadable as damage:
                    self.damage.append(damage)
                self._before += source.size

    def _told(self, lines: Lines, source: _Source | None) -> Iterator[list[bytes]]:
        for block in lines.all():
            yield block
            if self._progress is not None:
                self._progress(self._before + source.done if source else 0, self._total)


class _Source:
    """One file, whatever it is packed with; opened by `with`."""

    def __init__(self, path: str) -> None:
        """:raises Unreadable: it cannot be opened, or we cannot unpack it."""
        self._path = path
        try:
            self._raw: BinaryIO = open(path, "rb", buffering=0)
            status = os.fstat(self._raw.fileno())
            self.size = status.st_size
            start = os.pread(self._raw.fileno(), 6, 0) if stat.S_ISREG(status.st_mode) else b""
        except OSError as error:
            raise Unreadable(path, error.strerror or str(error)) from None
        if start.startswith(_ZSTANDARD):
            self._raw.close()
            raise Unreadable(path, "packed by zstd: give its text to standard input (zstdcat)")
        module = next((module for magic, module in _MAGIC.items() if start.startswith(magic)), None)
        self._unpack = _unpacking(module, self._raw) if module else self._raw.read

    @property
    def done(self) -> int:
        """How many bytes of the file have been taken from the disk."""
        with suppress(OSError, ValueError):
            return self._raw.tell()
        return self.size

    def read(self) -> bytes:
        """The next bytes of its text; none at the end.

        :raises Unreadable: it is cut off or damaged, or the disk is.
        """
        try:
            return self._unpack(BLOCK_BYTES)
        except EOFError:
            raise Unreadable(self._path, "it is cut off") from None
        except OSError as error:  # damaged: gzip and bz2 say it so
            raise Unreadable(self._path, error.strerror or str(error)) from None
        except Exception as error:
            if type(error).__module__ not in ("zlib", "_lzma"):  # whose errors are not imported for this
                raise
            raise Unreadable(self._path, str(error)) from None

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()


def _unpacking(module: str, raw: BinaryIO) -> Callable[[int], bytes]:
    import importlib

    read: Callable[[int], bytes] = importlib.import_module(module).open(raw, "rb").read
    return read
