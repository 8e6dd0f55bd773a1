"""ezmlm-checksub - refuse messages of those who are not on a mailing list, or of those who are

    |ezmlm-checksub [-nN] [-m TEXT] DIR [LIST]...

In the .qmail file of a list, above ezmlm-send: refuses a message unless its sender is a subscriber of one of the lists
in the directories LIST, or of DIR itself without them. A relative LIST is a directory in DIR, and one that is not there
has no subscribers. A sender is easily forged: this keeps out mistakes and most spam, not somebody who means it.

    |ezmlm-checksub /home/joe/friends . digest allow mod
    |ezmlm-checksub -n /home/joe/friends deny

-n: the other way round, who is on one of the lists is refused. -N: as without.
-m TEXT: what they are told.

ezmlm-issubn(1) does the same without refusing anything.

Environment: SENDER, from qmail-local.

Exit status: 0; 100 the message is refused; 111 a list cannot be read now.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-checksub"


def main(arguments: list[bytes], home: str) -> int:
    """Look for the sender."""

    def work() -> int:
        line = take(arguments, b"nNm:")
        sender = variable(b"SENDER")
        enter(line.words[0])
        is_excluding = [letter for letter in line.values if letter in (b"n", b"N")][-1:] == [b"n"]
        is_there = any(_is_on(os.fsdecode(directory), sender) for directory in line.words[1:] or [b"."])
        if is_there == is_excluding:
            text = os.fsdecode(line.values.get(b"m", b""))
            raise Permanent(text or _text(is_excluding), "5.7.2")
        return 0

    return carry_out(_NAME, b"[-nN] [-m text] dir [list ...]", work)


def _is_on(directory: str, sender: bytes) -> bool:
    with suppress(Malformed):
        return Subscribers(directory).has(sender)
    return False


def _text(is_excluding: bool) -> str:
    place = ListDirectory(".")
    owner = os.fsdecode(place.optional_line("outlocal") + b"-owner@" + place.optional_line("outhost"))
    if is_excluding:
        return f"Sorry, your messages are not wanted here. If you have questions write to {owner}"
    return f"Sorry, only subscribers may write here. If you are one with another address write to {owner}"
