"""maildirmake - make a maildir

    maildirmake NAME

Makes the directory NAME with tmp, new and cur in it, readable by you alone. To have your mail delivered there, write
`./NAME/` into ~/.qmail. Mail is delivered by your own account, so make the maildir as the user whose it is.

Exit status: 0; 100 if no name is given; 111 if a directory cannot be made, for example because it exists.
"""

from __future__ import annotations

import os

from qmtwist.mail.reasons import reason


def main(arguments: list[bytes], home: str) -> int:
    """Make the four directories, the outer one first."""
    if not arguments:
        os.write(2, b"maildirmake: usage: maildirmake name\n")
        return 100
    os.umask(0o077)
    name = arguments[0]
    for path in (name, name + b"/tmp", name + b"/new", name + b"/cur"):
        try:
            os.mkdir(path, 0o700)
        except OSError as trouble:
            os.write(2, b"maildirmake: fatal: unable to mkdir " + path + b": " + reason(trouble) + b"\n")
            return 111
    return 0
