"""datemail: send a mail message with the local time in it

    datemail [ option ... ] [ recip ... ]

Does what sendmail does, with a Date field in the local time zone in front of the message; without it qmail-inject
writes the time of Greenwich. The zone is that of TZ, else of /etc/localtime. A message that has a Date field already
has two afterwards, as with qmail. For mail readers: `set sendmail=/var/qmail/bin/datemail`.

Exit status: as for sendmail.

See also: sendmail, predate
"""

from __future__ import annotations

from qmtwist.cli.localdate import date_field

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """The arguments are those of sendmail."""
    return run(b"sendmail", arguments, home, date_field())
