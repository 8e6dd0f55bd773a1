"""What a user's program sees in its environment: the delivery, and next to nothing of ours. (qmail-command(8))"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.shapes import Mapping
from qmtwist.rules.loop import delivered_to
from qmtwist.rules.mboxquote import from_line

_SEARCH_PATH = b"/usr/bin:/bin"
_KEPT = (b"QMAILQUEUE", b"TZ", b"LANG", b"LC_ALL")


def clean(inherited: Mapping[bytes, bytes], mail_home: bytes) -> dict[bytes, bytes]:
    """The part of the server's environment that programs may have; its secrets stay here.

    PATH begins with the mail home's bin, so that `|forward ...` finds our programs. QMAILQUEUE is kept for whatever
    queues mail, TZ, LANG and LC_ALL for whoever prints.

    >>> clean({b"PATH": b"/bin", b"SECRET": b"x"}, b"/var/qmail")[b"PATH"]
    b'/var/qmail/bin:/bin'
    """
    path = inherited.get(b"PATH") or _SEARCH_PATH
    own = mail_home + b"/bin"
    if own not in path.split(b":"):
        path = own + b":" + path
    kept = {name: inherited[name] for name in _KEPT if name in inherited}
    return {b"PATH": path, b"QMTWIST_HOME": mail_home, **kept}


def return_path(sender: bytes) -> bytes:
    r"""The line that keeps the envelope sender in a mailbox, with its line end.

    >>> return_path(b"a b@host")
    b'Return-Path: <"a b"@host>\n'
    """
    return b"Return-Path: <" + quote(sender).replace(b"\n", b"_") + b">\n"


def delivery(
    *,
    user: bytes,
    home: bytes,
    local: bytes,
    ext: bytes,
    host: bytes,
    sender: bytes,
    new_sender: bytes,
    default: bytes | None,
    now: int,
) -> dict[bytes, bytes]:
    """The variables that describe one delivery. Values are raw: a command must put them in double quotes.

    `default` None leaves DEFAULT unset; `now` is POSIX seconds.
    """
    variables = {
        b"SENDER": sender,
        b"NEWSENDER": new_sender,
        b"RECIPIENT": local + b"@" + host,
        b"USER": user,
        b"HOME": home,
        b"LOCAL": local,
        b"HOST": host,
        b"EXT": ext,
        b"DTLINE": delivered_to(local, host),
        b"RPLINE": return_path(sender),
        b"UFLINE": from_line(sender, now),
    }
    if default is not None:
        variables[b"DEFAULT"] = default
    for number in (b"2", b"3", b"4"):
        ext = ext.partition(b"-")[2]
        # Without another dot the value stays: HOST a.b has a for HOST2, HOST3 and HOST4.
        host = host.rpartition(b".")[0] if b"." in host else host
        variables[b"EXT" + number] = ext
        variables[b"HOST" + number] = host
    return variables
