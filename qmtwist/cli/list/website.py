"""qmtwist archive - make the archive of a mailing list into pages for a browser

    qmtwist archive [--title TEXT] [--date-field | --no-date-field] [--all] LISTDIR OUTDIR

Makes pages of the messages that the list in LISTDIR has kept (see ezmlm-send), or adds those of new messages. OUTDIR is
a directory for them alone that some web server shows, or that people open as files: threads, months, authors, a page
for each letter, and a search that runs in the browser. The pages need no program on the server. They are complete in
themselves, and load nothing from elsewhere.

In the .qmail file of a list, LISTDIR/editor, it follows ezmlm-send:

    |/var/qmail/bin/qmtwist archive '/home/joe/friends' '/home/joe/public_html/friends' || exit 0

or it runs by cron. A run adds what is new and takes a moment; one that is cut off is completed by the next.

Addresses are shown without their hosts, but for those of the list. Letters in HTML are shown as text. Of what is
attached, images (PNG, JPEG, GIF, WebP), PDF and text become files; anything else is named, and people get it by mail.
A letter with the field `X-No-Archive: yes` or `Archive: no` is left out.

    --title TEXT    what the archive is called; else the list's address
    --date-field    months by the Date field of the letters; else by the day they came. For letters brought from
                    another archive
    --no-date-field no, by the day they came after all
    --all           make every page anew, and remove those of letters that are not in the list's archive any more

The first two are remembered: later runs need not say them. Another title, and a version of qmtwist with other pages,
make all of them anew without being told. Run by root it goes on as the owner of LISTDIR.

Files: OUTDIR/.known says what has been made.

Exit status: 0; 100 wrong use, or OUTDIR has files that are not ours, or those of another list; 111 try again later.

See also: ezmlm-send, ezmlm-archive
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import say

from .common import carry_out, enter

_NAME = b"qmtwist archive"


def main(arguments: list[bytes], home: str) -> int:
    """Make them."""
    import argparse

    from qmtwist.cli.control.arguments import Parser

    parser = Parser("qmtwist archive", __doc__)
    parser.add_argument("--title")
    parser.add_argument("--date-field", action=argparse.BooleanOptionalAction)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("listdir")
    parser.add_argument("outdir")
    read = parser.parse_args([os.fsdecode(word) for word in arguments])
    title = read.title and read.title.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def work() -> int:
        from qmtwist.agents.lists.website import Wishes, publish

        out = os.path.abspath(read.outdir)
        os.umask(0o022)
        enter(os.fsencode(os.path.abspath(read.listdir)))
        done = publish(os.curdir, out, Wishes(title, read.date_field, read.all))
        say(b"qmtwist archive: info: %d of %d letters are new" % done)
        return 0

    return carry_out(_NAME, b"[--title text] [--date-field | --no-date-field] [--all] listdir outdir", work)
