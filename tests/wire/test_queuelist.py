"""The queue as qmail-qread shows it."""

from __future__ import annotations

from qmtwist.wire.queuelist import ListedRecipient, listing


def test_a_paragraph_has_a_line_for_the_message_and_one_for_each_recipient() -> None:
    recipients = [ListedRecipient(b"local", False, b"ann@h"), ListedRecipient(b"remote", True, b"c@d")]
    assert listing(49, 1000000000, 1, b"", True, recipients) == (
        b"9 Sep 2001 01:46:40 GMT  #49  1  <>  bouncing\n\tlocal\tann@h\n  done\tremote\tc@d\n"
    )


def test_bytes_that_a_terminal_might_obey_are_hidden() -> None:
    shown = listing(1, 0, 0, b"a\x1b[2J\n\xff@x", False, [ListedRecipient(b"local", False, b"\x07@h")])
    assert b"<a_[2J__@x>" in shown and b"\tlocal\t_@h\n" in shown
