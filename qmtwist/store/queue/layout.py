"""Where message 457 lives. (qmail-send FILENAMES)"""

from __future__ import annotations

import os

SPLIT = 23
DIRECTORIES = ("bounce", "info", "intd", "local", "lock", "mess", "pid", "remote", "todo")
SPLIT_DIRECTORIES = ("info", "local", "mess", "remote")
CHANNELS = ("local", "remote")


class Layout:
    """The paths of one queue directory. Made by whoever knows the home; immutable."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.trigger = f"{queue}/lock/trigger"
        self.sendmutex = f"{queue}/lock/sendmutex"
        self.tcpto = f"{queue}/lock/tcpto"
        self.numbers = f"{queue}/lock/numbers"
        self.socket = f"{queue}/lock/injection"
        self.oneclick = f"{queue}/lock/oneclick"
        self.journal = f"{queue}/journal"
        self.pid = f"{queue}/pid"

    def mess(self, number: int) -> str:
        """The message itself, with the Received line that queueing added."""
        return f"{self.queue}/mess/{number % SPLIT}/{number}"

    def info(self, number: int) -> str:
        """The sender; the file's mtime is the message's birth."""
        return f"{self.queue}/info/{number % SPLIT}/{number}"

    def channel(self, channel: str, number: int) -> str:
        """The recipients of one channel, `local` or `remote`."""
        return f"{self.queue}/{channel}/{number % SPLIT}/{number}"

    def bounce(self, number: int) -> str:
        """The failure paragraphs gathered so far."""
        return f"{self.queue}/bounce/{number}"

    def intd(self, number: int) -> str:
        """The envelope under construction."""
        return f"{self.queue}/intd/{number}"

    def todo(self, number: int) -> str:
        """The complete envelope: from this link on the message is queued."""
        return f"{self.queue}/todo/{number}"


def split_name(number: int) -> str:
    """The name by which spawners know a message: `S/ID`."""
    return f"{number % SPLIT}/{number}"


def missing(queue: str) -> list[str]:
    """The directories that a queue needs and this one lacks."""
    wanted = list(DIRECTORIES)
    wanted += [f"{name}/{part}" for name in SPLIT_DIRECTORIES for part in range(SPLIT)]
    return [name for name in wanted if not os.path.isdir(f"{queue}/{name}")]
