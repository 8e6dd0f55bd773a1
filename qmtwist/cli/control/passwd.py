"""qmtwist passwd - set the password of a mailbox

usage: qmtwist passwd [--home DIR] [--stdin | --delete] USER

Asks for a new password twice, without showing it, and stores a hash of it in DIR/users/passwords, where the POP3
service looks. It is in force at once. USER is the name that the mail program logs in with: a local part, or a whole
address of one of the server's domains.

--home DIR   the mail home; otherwise QMTWIST_HOME, or the home of this program, or /var/qmail
--stdin      read the password from standard input, one line, instead
--delete     remove the password: nobody can log in as USER any more

The file belongs to qmailq, as whom the daemon runs (without such an account: to you), and can be read by nobody else.
Only root or its owner can change it.

Exit status: 0; 1 if the passwords typed differ; 100 for wrong usage, a name or password that cannot be; 111 if the file
could not be written, nothing has changed then.
"""

from __future__ import annotations

import os
import sys

from qmtwist.control.passwords import remove_password, set_password
from qmtwist.mail.errors import Permanent
from qmtwist.mail.shapes import NamedTuple


class _Wish(NamedTuple):
    home: str
    user: bytes
    is_stdin: bool
    is_removal: bool


def main(arguments: list[bytes], home: str) -> int:
    """Set, or remove, one password."""
    wish = _parse(arguments, home)
    if wish is None:
        return _complain(100, "usage: qmtwist passwd [--home DIR] [--stdin | --delete] USER")
    try:
        return _fulfil(wish)
    except Permanent as error:
        return _complain(100, error.text)
    except OSError as error:
        return _complain(111, f"{error.filename or wish.home}: {error.strerror}")


def _parse(arguments: list[bytes], home: str) -> _Wish | None:
    flags: set[bytes] = set()
    words: list[bytes] = []
    rest = iter(arguments)
    for word in rest:
        if word == b"--home":
            home = os.fsdecode(next(rest, b""))
        elif word.startswith(b"--home="):
            home = os.fsdecode(word[7:])
        elif word in (b"--stdin", b"--delete"):
            flags.add(word)
        elif word.startswith(b"-"):
            return None
        else:
            words.append(word)
    if len(words) != 1 or len(flags) > 1 or not home:
        return None
    return _Wish(home, words[0], b"--stdin" in flags, b"--delete" in flags)


def _fulfil(wish: _Wish) -> int:
    shown = wish.user.decode("utf-8", "backslashreplace")
    if wish.is_removal:
        if not remove_password(wish.home, wish.user):
            return _complain(100, f"{shown} has no password")
        print(f"password of {shown} removed")
        return 0
    secret = _read_line() if wish.is_stdin else _ask(shown)
    if secret is None:
        return _complain(1, "the passwords differ; nothing has changed")
    set_password(wish.home, wish.user, secret)
    print(f"password of {shown} set")
    return 0


def _read_line() -> bytes:
    """The first line of standard input without its end."""
    return sys.stdin.buffer.readline(4096).removesuffix(b"\n").removesuffix(b"\r")


def _ask(shown: str) -> bytes | None:
    """A password typed twice; None: the two differ."""
    from getpass import getpass

    first = getpass(f"New password of {shown}: ")
    return os.fsencode(first) if first == getpass("Once more: ") else None


def _complain(status: int, text: str) -> int:
    print(f"qmtwist passwd: {text}", file=sys.stderr)
    return status
