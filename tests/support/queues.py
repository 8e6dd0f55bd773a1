"""Queue directories for tests."""

from __future__ import annotations

import os

from qmtwist.store.queue.layout import DIRECTORIES, SPLIT, SPLIT_DIRECTORIES, Layout


def make_queue(queue: str) -> Layout:
    """An empty queue with its trigger."""
    for name in DIRECTORIES:
        os.makedirs(f"{queue}/{name}")
    for name in SPLIT_DIRECTORIES:
        for part in range(SPLIT):
            os.mkdir(f"{queue}/{name}/{part}")
    os.mkfifo(f"{queue}/lock/trigger")
    return Layout(queue)


def files(layout: Layout) -> dict[str, bytes]:
    """Every file but those in lock/, by its name below the queue."""
    found = {}
    for directory, _, names in os.walk(layout.queue):
        for name in names:
            path = os.path.join(directory, name)
            shown = os.path.relpath(path, layout.queue)
            if not shown.startswith("lock/"):
                with open(path, "rb") as stream:
                    found[shown] = stream.read()
    return found


def put(path: str, data: bytes = b"", age_s: float = 0, now: float = 0) -> None:
    """A file; with `now` its times are `age_s` before that."""
    with open(path, "wb") as stream:
        stream.write(data)
    if now:
        os.utime(path, (now - age_s, now - age_s))
