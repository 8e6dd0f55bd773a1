"""ezmlm-reject - refuse messages without a subject, and commands that were sent to a mailing list

    |ezmlm-reject [-cCqQsST] [DIR]

In the .qmail file of a list, above ezmlm-send: refuses a message that has no Subject, or one whose Subject is `help`,
`subscribe` or `unsubscribe` and nothing else: it was meant for another address.

-S: a message need not have a subject. -s: it must (as without).
-C: such a subject is accepted. -c: it is not (as without).
-q: such a message is dropped, without a word to its sender. -Q: it is refused (as without).
-t, -T and DIR are accepted from ezmlm-idx: whether the list is named in To or Cc does not matter.

Exit status: 0; 99 with -q; 100 the message is refused; 111 it cannot be read now.
"""

from __future__ import annotations

from qmtwist.agents.lists.incoming import Incoming
from qmtwist.mail.errors import Permanent
from qmtwist.rules.lists.subject import check

from .common import carry_out, take

_NAME = b"ezmlm-reject"


def main(arguments: list[bytes], home: str) -> int:
    """Look at the header."""

    def work() -> int:
        line = take(arguments, b"cCsSqQtT", 0)
        given = list(line.values)  # of two that contradict each other the last one counts
        empty, command, quiet = ([letter for letter in given if letter.lower() == kind] for kind in (b"s", b"c", b"q"))
        fields = Incoming().fields
        try:
            check(fields, empty[-1:] == [b"S"], command[-1:] == [b"C"])
        except Permanent:
            if quiet[-1:] == [b"q"]:
                return 99
            raise
        return 0

    return carry_out(_NAME, b"[-cCqQsST] [dir]", work)
