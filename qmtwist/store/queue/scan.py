"""The whole queue at a glance, for start-up and for the tools: directory entries and times, no file is opened."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Iterator

from .layout import SPLIT, Layout


def scan_numbers(directory: str) -> Iterator[tuple[int, str]]:
    """Number and path of every entry of one directory whose name is a message number.

    :raises OSError: the directory cannot be read.
    """
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            if name.isdigit() and name.isascii() and (name[0] != "0" or name == "0"):
                yield int(name), entry.path


def scan_todo(layout: Layout) -> Iterator[int]:
    """The messages that wait to be preprocessed (S4).

    :raises OSError: the directory cannot be read.
    """
    for number, _ in scan_numbers(f"{layout.queue}/todo"):
        yield number


def scan_mess(layout: Layout) -> Iterator[int]:
    """Every message there is, in whatever state.

    :raises OSError: a directory cannot be read.
    """
    for number, _ in _scan_split(layout, "mess"):
        yield number


def scan_info(layout: Layout) -> Iterator[tuple[int, int]]:
    """Number and birth (POSIX seconds, the file's mtime) of every preprocessed message (S5, or S4 being made S5).

    :raises OSError: a directory cannot be read.
    """
    return _scan_times(layout, "info")


def scan_channel(layout: Layout, channel: str) -> Iterator[tuple[int, int]]:
    """Number and due time (POSIX seconds, the file's mtime) of every message of a channel, `local` or `remote`.

    :raises OSError: a directory cannot be read.
    """
    return _scan_times(layout, channel)


def _scan_times(layout: Layout, name: str) -> Iterator[tuple[int, int]]:
    for number, path in _scan_split(layout, name):
        try:
            yield number, int(os.stat(path, follow_symlinks=False).st_mtime)
        except FileNotFoundError:  # gone since its name was read
            continue


def _scan_split(layout: Layout, name: str) -> Iterator[tuple[int, str]]:
    """A number in the wrong one of the 23 directories is nobody's: its other files would not be found."""
    for part in range(SPLIT):
        for number, path in scan_numbers(f"{layout.queue}/{name}/{part}"):
            if number % SPLIT == part:
                yield number, path
