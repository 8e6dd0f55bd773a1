"""The command line of sendmail: what today's programs pass, and what of it means something here."""

from __future__ import annotations

from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.shapes import NamedTuple

# What the original has, Postfix and sendmail 8 have more, and what only they have is at the end.
_OPTIONS = b"imte:f:p:o:B:F:EJxb:vr:N:R:V:h:A:C:D:L:M:O:X:GInUcdq"
_REST_OF_WORD = b"EJdq"
_NOTIFICATIONS = (b"success", b"failure", b"delay")
_RETURNS = (b"full", b"hdrs")
_MODES = {
    b"m": "deliver",
    b"p": "list",
    b"s": "smtp",
    b"i": "aliases",
    b"v": "verify",
}
_AT_ONCE = ("list", "smtp")  # later options are not looked at
_NO_SERVER = b"the server is started with `twistd qmtwist`, see its unit or service directory, and not by sendmail -b"
_NOT_HERE = {
    b"d": _NO_SERVER + b"d",
    b"D": _NO_SERVER + b"D",
    b"t": b"there are no rewriting rules to test; sendmail -bv ADDRESS tells where its mail goes",
    b"h": b"there is no host status; qmail-tcpto lists hosts that did not answer",
    b"H": b"there is no host status; qmail-tcpok forgets hosts that did not answer",
}
_NO_INTERVAL = b"the server tries mail again by its own timetable; sendmail -q makes all of it due now"


class NotHere(Exception):
    """A way to use sendmail that qmtwist has not; `complaint` says what there is instead."""

    def __init__(self, complaint: bytes) -> None:
        super().__init__(complaint)
        self.complaint = complaint


class Wanted(NamedTuple):
    """What a command line asks for. `mode` is deliver, list, smtp, aliases, verify or flush.

    `sender` and `name` are the values of -f and -F, None without them; `strategy` is -a or -H, for qmail-inject.
    """

    mode: str = "deliver"
    strategy: bytes = b"-a"
    sender: bytes | None = None
    name: bytes | None = None
    words: tuple[bytes, ...] = ()


def read(arguments: list[bytes]) -> Wanted:
    """What is asked for.

    :raises UsageError: an option, or its value, that no sendmail has; an empty complaint is one for the usage alone.
    :raises NotHere: something that is done otherwise here.
    """
    wanted = Wanted()
    options = Options(arguments, _OPTIONS, _REST_OF_WORD)
    for letter, value in options:
        if letter == b"t":
            wanted = wanted._replace(strategy=b"-H")
        elif letter in b"fr":
            wanted = wanted._replace(sender=_without_brackets(value))
        elif letter == b"F":
            wanted = wanted._replace(name=value)
        elif letter in b"bIq":
            wanted = wanted._replace(mode=_mode(letter, value))
            if wanted.mode in _AT_ONCE:
                return wanted
        elif not _is_usable(letter, value):
            raise UsageError(b"illegal value for option %s -- %s" % (letter, value))
    return wanted._replace(words=tuple(map(_without_brackets, options.rest)))


def _mode(letter: bytes, value: bytes) -> str:
    if letter == b"I":
        return "aliases"
    if letter == b"q":
        if value[:1].isdigit():
            raise NotHere(_NO_INTERVAL)
        return "flush"
    if value in _NOT_HERE:
        raise NotHere(_NOT_HERE[value])
    if value not in _MODES:
        raise UsageError(b"")
    return _MODES[value]


def _is_usable(letter: bytes, value: bytes) -> bool:
    """Whether a value that changes nothing could be meant so; what is not may be an address that went astray."""
    if letter == b"N":
        return value.lower() == b"never" or all(word in _NOTIFICATIONS for word in value.lower().split(b","))
    if letter == b"R":
        return value.lower() in _RETURNS
    if letter == b"A":
        return value in (b"c", b"m")
    return letter != b"h" or value.isdigit()


def _without_brackets(address: bytes) -> bytes:
    """`<joe@host>` and `<>`, as Dovecot and many scripts write it, name the address inside."""
    return address[1:-1] if address[:1] == b"<" and address[-1:] == b">" else address
