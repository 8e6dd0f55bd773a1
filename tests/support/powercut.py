"""Power cuts on paper: what a program did to the disk is recorded, and any state that a cut may leave is made of it.

The model is stricter than the file systems we run on. A directory operation is durable when its directory, a write when
its file was synced, both when the whole file system was. At a cut each operation that is not durable may have happened
or not, whatever came before or after it, and a write in part, by sectors. A rename happens in one step or not at all.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from qmtwist.store.queue import rest

NEVER = 1 << 60
SECTOR = 512
VERBS = (
    *("open", "close", "write", "pwrite", "ftruncate", "fsync", "fdatasync"),
    *("link", "unlink", "rename", "mkdir", "utime"),
)


class Entry(NamedTuple):
    """A name was given to a file (`inode`), or taken away (None), or a directory was made."""

    path: str
    inode: int | None
    is_directory: bool = False


class Step:
    """One thing that happened to the disk. `durable_at`: the length of the recording from which on no cut undoes it."""

    __slots__ = ("data", "durable_at", "entries", "inode", "offset", "size", "time")

    def __init__(self) -> None:
        self.durable_at = NEVER
        self.entries: tuple[Entry, ...] = ()
        self.inode = -1
        self.offset = 0
        self.data = b""
        self.size: int | None = None  # a truncation
        self.time: float | None = None


class Mark(NamedTuple):
    """Something that the world saw: an answer to a client, a delivery."""

    what: str
    facts: tuple[Any, ...]


class _File(NamedTuple):
    inode: int
    is_appending: bool


class Recorder:
    """Records what happens below `root` while `recording()` lasts. What was there before is durable."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.steps: list[Step | Mark] = []
        self._lock = threading.RLock()
        self._files: dict[int, _File] = {}  # descriptor: file
        self._positions: dict[int, int] = {}
        self._directories: dict[int, str] = {}  # descriptor: directory
        self._names: dict[str, int] = {}
        self._sizes: dict[int, int] = {}
        self._unsynced_data: dict[int, list[Step]] = {}
        self._unsynced_names: dict[str, list[Step]] = {}
        self.initial_directories: list[str] = []
        self.initial_fifos: list[str] = []
        self.initial_files: dict[int, bytes] = {}
        self.initial_names: dict[str, int] = {}
        self._look_around()

    def _look_around(self) -> None:
        for directory, _, names in os.walk(self.root):
            self.initial_directories.append(self._short(directory))
            for name in names:
                path = os.path.join(directory, name)
                if not os.path.isfile(path):
                    self.initial_fifos.append(self._short(path))
                    continue
                inode = len(self.initial_files) + 1
                with open(path, "rb") as stream:
                    self.initial_files[inode] = stream.read()
                self._names[self._short(path)] = inode
                self._sizes[inode] = len(self.initial_files[inode])
        self.initial_names = dict(self._names)

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self.root)

    def _inside(self, path: Any) -> str | None:
        path = os.path.abspath(os.fsdecode(path))
        return self._short(path) if path.startswith(self.root + "/") or path == self.root else None

    def mark(self, what: str, *facts: Any) -> None:
        """Note what the world saw at this moment."""
        with self._lock:
            self.steps.append(Mark(what, facts))

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Put the recorder between the program and the system."""
        with pytest.MonkeyPatch.context() as patch:
            for verb in VERBS:
                patch.setattr(os, verb, self._between(verb, getattr(os, verb)))
            patch.setattr(rest, "_libc", self)
            yield self

    def _between(self, verb: str, real: Callable[..., Any]) -> Callable[..., Any]:
        note = getattr(self, f"_{verb}")

        def call(*words: Any, **named: Any) -> Any:
            with self._lock:
                before = self._names.get(self._inside(words[0]) or "") if verb == "open" else None
                result = real(*words, **named)
                note(result, before, *words) if verb == "open" else note(result, *words)
                return result

        return call

    def syncfs(self, descriptor: int) -> int:
        """Stands in for the C library."""
        with self._lock:
            self._are_durable(*self._unsynced_data.values(), *self._unsynced_names.values())
        return 0

    # -- the verbs, after they succeeded

    def _open(self, descriptor: int, before: int | None, path: Any, flags: int, *_: Any) -> None:
        short = self._inside(path)
        for table in (self._files, self._positions, self._directories):
            table.pop(descriptor, None)  # type: ignore[attr-defined]
        if short is None or short in self.initial_fifos:
            return
        if os.path.isdir(path):
            self._directories[descriptor] = short
            return
        if before is None and not flags & os.O_CREAT:
            return
        if before is None:
            before = 1 + max(self._sizes, default=0)
            self._sizes[before] = 0
            self._rename_entries(Entry(short, before))
        self._files[descriptor] = _File(before, bool(flags & os.O_APPEND))
        self._positions[descriptor] = 0

    def _close(self, _: None, descriptor: int) -> None:
        for table in (self._files, self._positions, self._directories):
            table.pop(descriptor, None)  # type: ignore[attr-defined]

    def _knows(self, descriptor: int, moved: int = 0) -> bool:
        """Whether it is a file of ours, opened before the recording perhaps."""
        if descriptor in self._files:
            return True
        if descriptor in self._directories:
            return False
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        inode = self._names.get(self._inside(path) or "")
        if inode is None:
            return False
        self._files[descriptor] = _File(inode, False)
        self._positions[descriptor] = os.lseek(descriptor, 0, os.SEEK_CUR) - moved
        return True

    def _write(self, count: int, descriptor: int, data: Any) -> None:
        if self._knows(descriptor, count):
            file = self._files[descriptor]
            at = self._sizes[file.inode] if file.is_appending else self._positions[descriptor]
            self._data(file.inode, at, bytes(data[:count]))
            self._positions[descriptor] = at + count

    def _pwrite(self, count: int, descriptor: int, data: Any, offset: int) -> None:
        if self._knows(descriptor):
            self._data(self._files[descriptor].inode, offset, bytes(data[:count]))

    def _data(self, inode: int, offset: int, data: bytes) -> None:
        step = Step()
        step.inode, step.offset, step.data = inode, offset, data
        self._sizes[inode] = max(self._sizes[inode], offset + len(data))
        self._unsynced_data.setdefault(inode, []).append(step)
        self.steps.append(step)

    def _ftruncate(self, _: None, descriptor: int, size: int) -> None:
        if self._knows(descriptor):
            step = Step()
            step.inode, step.size = self._files[descriptor].inode, size
            self._sizes[step.inode] = size
            self._unsynced_data.setdefault(step.inode, []).append(step)
            self.steps.append(step)

    def _fsync(self, _: None, descriptor: int) -> None:
        if self._knows(descriptor):
            self._are_durable(self._unsynced_data.get(self._files[descriptor].inode, []))
        elif descriptor in self._directories:
            self._are_durable(self._unsynced_names.get(self._directories[descriptor], []))

    _fdatasync = _fsync

    def _are_durable(self, *unsynced: list[Step]) -> None:
        self.mark("synced")
        for steps in unsynced:
            for step in steps:
                step.durable_at = len(self.steps)
            steps.clear()

    def _link(self, _: None, source: Any, target: Any) -> None:
        old, new = self._inside(source), self._inside(target)
        if old is not None and new is not None:
            self._rename_entries(Entry(new, self._names[old]))

    def _unlink(self, _: None, path: Any, **__: Any) -> None:
        short = self._inside(path)
        if short in self._names:
            self._rename_entries(Entry(short, None))

    def _rename(self, _: None, source: Any, target: Any) -> None:
        old, new = self._inside(source), self._inside(target)
        if old is not None and new is not None:
            self._rename_entries(Entry(old, None), Entry(new, self._names[old]))

    def _mkdir(self, _: None, path: Any, *__: Any) -> None:
        short = self._inside(path)
        if short is not None:
            self._rename_entries(Entry(short, None, True))

    def _utime(self, _: None, path: Any, times: tuple[float, float]) -> None:
        short = self._inside(path)
        if short in self._names:
            step = Step()
            step.inode, step.time = self._names[short], times[1]
            self._unsynced_data.setdefault(step.inode, []).append(step)
            self.steps.append(step)

    def _rename_entries(self, *entries: Entry) -> None:
        """Durable with the directory of the last one; for a rename that is the new name's."""
        step = Step()
        step.entries = entries
        for entry in entries:
            if entry.inode is None:
                self._names.pop(entry.path, None)
            else:
                self._names[entry.path] = entry.inode
        self._unsynced_names.setdefault(os.path.dirname(entries[-1].path) or ".", []).append(step)
        self.steps.append(step)

    # -- cuts

    def marks(self, length: int) -> list[Mark]:
        """What the world had seen when the recording was this long."""
        return [step for step in self.steps[:length] if isinstance(step, Mark)]

    def after_cut(self, length: int, choose: Callable[[], bool] | None) -> State:
        """The disk after a cut at this length. `choose` decides what of the undurable has happened; None: nothing."""
        state = State(self)
        for step in self.steps[:length]:
            if isinstance(step, Mark):
                continue
            if step.durable_at <= length or (choose is not None and choose()):
                state.apply(step, step.data)
            elif choose is not None and len(step.data) > SECTOR and choose():
                state.tear(step, choose)
        return state


class State:
    """A disk: names, directories, contents, times."""

    def __init__(self, recorder: Recorder) -> None:
        self.names = dict(recorder.initial_names)
        self.directories = set(recorder.initial_directories)
        self.contents = {inode: bytearray(data) for inode, data in recorder.initial_files.items()}
        self.times: dict[int, float] = {}
        self._fifos = recorder.initial_fifos

    def apply(self, step: Step, data: bytes) -> None:
        """This happened."""
        for entry in step.entries:
            if entry.is_directory:
                self.directories.add(entry.path)
            elif entry.inode is None:
                self.names.pop(entry.path, None)
            else:
                self.names[entry.path] = entry.inode
        if step.time is not None:
            self.times[step.inode] = step.time
        if step.size is not None:
            del self.contents.setdefault(step.inode, bytearray())[step.size :]
        if data:
            self._overwrite(step.inode, step.offset, data)

    def tear(self, step: Step, choose: Callable[[], bool]) -> None:
        """Some sectors of a write arrived."""
        for start in range(0, len(step.data), SECTOR):
            if choose():
                self._overwrite(step.inode, step.offset + start, step.data[start : start + SECTOR])

    def _overwrite(self, inode: int, offset: int, data: bytes) -> None:
        content = self.contents.setdefault(inode, bytearray())
        if len(content) < offset:
            content += bytes(offset - len(content))
        content[offset : offset + len(data)] = data

    def make(self, target: str) -> None:
        """Make it real in a directory that does not exist."""
        for directory in sorted(self.directories):
            if directory == "." or os.path.isdir(os.path.dirname(f"{target}/{directory}")):
                os.mkdir(target if directory == "." else f"{target}/{directory}")
        for fifo in self._fifos:
            os.mkfifo(f"{target}/{fifo}")
        made: dict[int, str] = {}
        for name, inode in self.names.items():
            path = f"{target}/{name}"
            if not os.path.isdir(os.path.dirname(path)):
                continue
            if inode in made:
                os.link(made[inode], path)
                continue
            made[inode] = path
            with open(path, "wb") as stream:
                stream.write(self.contents.get(inode, b""))
            if inode in self.times:
                os.utime(path, (self.times[inode], self.times[inode]))


def cuts(
    recorder: Recorder, seed: int, luck: int = 3, moments: Iterable[int] | None = None
) -> Iterator[tuple[int, State]]:
    """Every moment with everything, with nothing, and with `luck` random parts of what was not durable."""
    dice = random.Random(seed)
    for length in range(len(recorder.steps) + 1) if moments is None else moments:
        yield length, recorder.after_cut(length, lambda: True)
        yield length, recorder.after_cut(length, None)
        for _ in range(luck):
            bias = dice.choice((0.2, 0.5, 0.8))
            yield length, recorder.after_cut(length, lambda bias=bias: dice.random() < bias)
