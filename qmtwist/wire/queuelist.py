"""The queue as qmail-qread(8) shows it: a line for each message, one for each recipient."""

from __future__ import annotations

from qmtwist.mail.date import rfc822
from qmtwist.mail.shapes import Iterable, NamedTuple

_SAFE = bytes(byte if 32 <= byte <= 126 else 95 for byte in range(256))


class ListedRecipient(NamedTuple):
    """One recipient of a queued message."""

    channel: bytes  # `local` or `remote`
    is_done: bool
    address: bytes


def listing(
    number: int, birth: int, size_bytes: int, sender: bytes, is_bouncing: bool, recipients: Iterable[ListedRecipient]
) -> bytes:
    r"""The paragraph of one message; `birth` in POSIX seconds. Bytes that a terminal might obey become `_`.

    >>> listing(49, 1000000000, 120, b"s@x", False, [ListedRecipient(b"local", True, b"b@h")])
    b'9 Sep 2001 01:46:40 GMT  #49  120  <s@x> \n  done\tlocal\tb@h\n'
    """
    date = rfc822(birth).removesuffix(b"-0000") + b"GMT"
    state = b" bouncing" if is_bouncing else b""
    lines = [b"%s  #%d  %d  <%s> %s\n" % (date, number, size_bytes, sender.translate(_SAFE), state)]
    for recipient in recipients:
        done = b"  done" if recipient.is_done else b""
        lines.append(b"%s\t%s\t%s\n" % (done, recipient.channel, recipient.address.translate(_SAFE)))
    return b"".join(lines)


def message_number(paragraph: bytes) -> int:
    r"""The number of the message that a paragraph is about.

    :raises ValueError: it is no such paragraph.

    >>> message_number(b"9 Sep 2001 01:46:40 GMT  #49  120  <s@x> \n")
    49
    """
    return int(paragraph[paragraph.index(b"#") + 1 :].split(b" ", 1)[0])
