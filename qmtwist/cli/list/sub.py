"""ezmlm-sub - put addresses on a mailing list

    ezmlm-sub [-n] DIR [PART] [ADDRESS [NAME]]...

Subscribes each address to the list in DIR, whose path begins with a slash. The part behind the @ is kept in lower case;
an address that is there already, in upper or lower case, is left as it is. Without addresses they are read from
standard input, one a line; empty lines and those that begin with # do not count. Many at once cost little more than
one. What was done is written into DIR/Log.

With PART, such as digest, allow, deny or mod, the same is done to the list of that name in DIR.

-n: each address is followed by a name, which is not kept.
-m, -M: accepted from ezmlm-idx; subscribers are always in files. Its -h is not.

Called by root it leaves the files to the owner of the list.

Exit status: 0; 100 wrong use or no address; 111 the list cannot be changed now, and any of them may be subscribed.
"""

from __future__ import annotations

from .changing import change


def main(arguments: list[bytes], home: str) -> int:
    """Subscribe."""
    return change(b"ezmlm-sub", arguments, True)
