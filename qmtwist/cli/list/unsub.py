"""ezmlm-unsub - take addresses off a mailing list

    ezmlm-unsub [-n] DIR [PART] [ADDRESS [NAME]]...

Unsubscribes each address from the list in DIR, whose path begins with a slash. Upper and lower case do not matter, and
that one is not there is no error. Without addresses they are read from standard input, one a line; empty lines and
those that begin with # do not count. What was done is written into DIR/Log.

With PART, such as digest, allow, deny or mod, the same is done to the list of that name in DIR.

-n: each address is followed by a name, which does not matter.
-m, -M: accepted from ezmlm-idx; subscribers are always in files. Its -h is not.

Called by root it leaves the files to the owner of the list.

Exit status: 0; 100 wrong use or no address; 111 the list cannot be changed now, and any of them may be unsubscribed.
"""

from __future__ import annotations

from .changing import change


def main(arguments: list[bytes], home: str) -> int:
    """Unsubscribe."""
    return change(b"ezmlm-unsub", arguments, False)
