"""ezmlm-list - print the subscribers of a mailing list

    ezmlm-list [-n] DIR [PART]

Prints the addresses on the list in DIR, whose path begins with a slash, one a line, in the order in which postings go
out, or those of a list in DIR, such as digest or mod. With -n only how many they are.

-m, -M: accepted from ezmlm-idx; subscribers are always in files.

Exit status: 0; 100 wrong use; 111 the list cannot be read now.
"""

from __future__ import annotations

from qmtwist.cli.options import UsageError
from qmtwist.mail.errors import Temporary
from qmtwist.store.durable import write_all
from qmtwist.store.lists.subscribers import Subscribers

from .common import carry_out, enter, part_of, take

_NAME = b"ezmlm-list"


def main(arguments: list[bytes], home: str) -> int:
    """Print them."""

    def work() -> int:
        line = take(arguments, b"mMn")
        enter(line.words[0])
        part, rest = part_of(line.words[1:])
        if rest:
            raise UsageError(b"")
        people = list(Subscribers(part))
        text = b"%d\n" % len(people) if b"n" in line.values else b"".join([address + b"\n" for address in people])
        try:
            write_all(1, text)
        except OSError as error:
            raise Temporary("unable to write output") from error
        return 0

    return carry_out(_NAME, b"[-mMn] dir [part]", work)
