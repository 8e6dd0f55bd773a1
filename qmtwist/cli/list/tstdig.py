"""ezmlm-tstdig - whether it is time for a digest of a mailing list

    ezmlm-tstdig [-k KILOBYTES] [-m MESSAGES] [-t HOURS] DIR

Succeeds if since the last digest of the list in DIR (which ezmlm-get(1) makes)

    as many kilobytes of text have been posted: DIR/digsize, or 64
    or as many messages: DIR/digcount, or 30
    or as many hours have passed: DIR/digtime, or 48.

0 switches one of them off. If all options that are given are 0 it succeeds whatever has been posted. In the .qmail file
of a list, below ezmlm-send:

    |ezmlm-tstdig DIR || exit 99
    |ezmlm-get DIR || exit 0

There it succeeds once an hour or until a digest has been made: messages that come while one is made start no other. By
cron, so that digests go out though nobody writes:

    0 * * * * ezmlm-tstdig /home/joe/friends && ezmlm-get /home/joe/friends

In a -default file, above ezmlm-get, it lets everything pass that does not ask for a digest.

Environment: LOCAL and DEFAULT, from qmail-local; without LOCAL it was not started by it.

Files: DIR/num, DIR/dignum; DIR/tstdig, when it last succeeded in the .qmail file.

Exit status: 0 it is time; 99 it is not; 100 wrong use; 111 that cannot be told now.
"""

from __future__ import annotations

import os
import time

from qmtwist.cli.options import UsageError
from qmtwist.mail.errors import Permanent
from qmtwist.rules.lists.due import Limits, is_due
from qmtwist.store.lists.digests import Digested, Digests
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import Lock

from .common import Line, carry_out, enter, take

_NAME = b"ezmlm-tstdig"
_HOUR_S = 3600
_LIMITS = ((b"k", "digsize", 64), (b"m", "digcount", 30), (b"t", "digtime", 48))


def main(arguments: list[bytes], home: str) -> int:
    """Tell."""

    def work() -> int:
        line = take(arguments, b"k:m:t:")
        if len(line.words) != 1 or not all(value.isdigit() and len(value) < 10 for value in line.values.values()):
            raise UsageError(b"")
        enter(line.words[0])
        local, default = (os.environb.get(name, b"") for name in (b"LOCAL", b"DEFAULT"))
        if local and default and not _asks(default.lower()):
            return 0
        return 0 if _tell(line, int(time.time()), bool(local) and not default) else 99

    return carry_out(_NAME, b"[-k kbytes] [-m messages] [-t hours] dir", work)


def _asks(action: bytes) -> bool:
    return action.startswith(b"dig") and not action.startswith(b"digest-")


def _tell(line: Line, now: int, is_editor: bool) -> bool:
    place, digests = ListDirectory(os.curdir), Digests(os.curdir)
    if not place.has("num"):
        return False
    digested = digests.digested() or Digested()
    limits = Limits(*[_limit(place, line, *names) for names in _LIMITS])
    is_always = bool(line.values) and not any(map(int, line.values.values()))
    if not (is_always or is_due(limits, place.number(), digested, now)):
        return False
    if not is_editor:
        return True
    with Lock("lock"):
        tested = digests.tested()
        if 0 <= now - tested <= _HOUR_S and tested > digested.when:
            return False
        digests.note_test(now)
    return True


def _limit(place: ListDirectory, line: Line, letter: bytes, name: str, usual: int) -> int:
    """:raises Permanent: the file says something else than a number."""
    text = line.values.get(letter) or place.optional_line(name) or b"%d" % usual
    if not text.isdigit() or len(text) > 9:
        raise Permanent(f"{name} is not a number")
    return int(text)
