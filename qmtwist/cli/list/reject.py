"""ezmlm-reject - refuse messages without a subject, and commands that were sent to a mailing list

    |ezmlm-reject [-cCsST] [DIR]

In the .qmail file of a list, above ezmlm-send: refuses a message that has no Subject, or one whose Subject is `help`,
`subscribe` or `unsubscribe` and nothing else: it was meant for another address.

-S: a message need not have a subject. -s: it must (as without).
-C: such a subject is accepted. -c: it is not (as without).
-T and DIR are accepted from ezmlm-idx: whether the list is named in To or Cc does not matter.

Exit status: 0; 100 the message is refused; 111 it cannot be read now.
"""

from __future__ import annotations

from qmtwist.agents.lists.incoming import Incoming
from qmtwist.rules.lists.subject import check

from .common import carry_out, take

_NAME = b"ezmlm-reject"


def main(arguments: list[bytes], home: str) -> int:
    """Look at the header."""

    def work() -> int:
        line = take(arguments, b"cCsST", 0)
        given = list(line.values)  # of two that contradict each other the last one counts
        empty, command = ([letter for letter in given if letter.lower() == kind] for kind in (b"s", b"c"))
        check(Incoming().fields, empty[-1:] == [b"S"], command[-1:] == [b"C"])
        return 0

    return carry_out(_NAME, b"[-cCsST] [dir]", work)
