"""ezmlm-archive - sort the archive of a mailing list by subjects and authors

    ezmlm-archive [-cCFsST] [-f FROM] [-t TO] DIR

Brings up to date what programs that show an archive look things up in, such as ezmlm-cgi of ezmlm-idx: for the messages
that came since its last run. In the .qmail file of a list, DIR/editor, it follows ezmlm-send:

    |ezmlm-archive '/home/joe/friends' || exit 0

DIR begins with a slash. It reads archive/N/index, and those messages that the index does not have. `qmtwist archive`,
which makes pages for a browser, does not need these files.

-c: from the first message on. What is there is written anew; files of messages that are gone stay.
-f FROM, -t TO: from the hundred that message FROM is in, to message TO. The next run goes on behind TO.
-C, -F, -T: not so (as without). -s, -S: no difference; everything is on disk when this ends.

Files: archive/threads/YYYYMM has the subjects of a month, each with the number of its messages; archive/subjects/XX/...
the messages of a subject, and archive/authors/XX/... those of an author. They are named after the hashes in the index.
DIR/archnum has the number of the last message in them.

Exit status: 0; 100 there are no messages, or wrong use; 111 try again later, nothing is lost.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists.sorting import Range, sort_archive
from qmtwist.cli.options import UsageError

from .common import carry_out, enter, take

_NAME = b"ezmlm-archive"


def main(arguments: list[bytes], home: str) -> int:
    """Sort it."""

    def work() -> int:
        line = take(arguments, b"cCf:FsSt:T")
        numbers = [line.values.get(letter) for letter in (b"f", b"t")]
        if any(text is not None and not (text.isdigit() and len(text) < 10) for text in numbers):
            raise UsageError(b"")
        first, last = (None if text is None else int(text) for text in numbers)
        os.umask(0o022)
        enter(line.words[0])
        sort_archive(os.curdir, Range(0 if b"c" in line.values and first is None else first, last or None))
        return 0

    return carry_out(_NAME, b"[-cCFsST] [-f from] [-t to] dir", work)
