"""bounce/N: the failure paragraphs of a message, gathered until all its recipients are finished."""

from __future__ import annotations

from qmtwist.store import durable

from .layout import Layout


def append_note(layout: Layout, number: int, paragraph: bytes) -> None:
    """Add a paragraph, durably; qmail syncs neither the file nor its directory.

    :raises OSError: the disk refused; the recipient must stay undone.
    """
    durable.append(layout.bounce(number), paragraph, 0o600)
    durable.sync_directory(f"{layout.queue}/bounce")


def remove_notes(layout: Layout, number: int) -> None:
    """The bounce is queued, or nobody is to be told.

    :raises OSError: the file is there and cannot be removed.
    """
    durable.unlink_quietly(layout.bounce(number))
