"""qmtwist stats - what the log says about deliveries, hosts and senders

    qmtwist stats [--format text|json|html] [--output FILE] [--top N] [--pending FILE] [LOG...]

Reads logs of the queue manager and shows what they add up to: messages, deliveries and their delays, deliveries over
time, reasons for failure and deferral, the hosts, recipients and senders with the most mail. It is what matchup and the
reports of qmailanalog tell, in one pass.

LOG is a file, or a directory of multilog, of which all files are read; `-` or none is standard input. Files may be
compressed (gzip, xz, bzip2), and are read in the order of the instants they begin with: `qmail.log*` will do. All the
forms of lines are known that matchup knows. On a terminal a bar shows how far a long input is read.

    --format text    tables for a terminal, the default
    --format json    one object; times in seconds, sizes in bytes
    --format html    one page with plots that needs no other file, and no script
    --output FILE    write there, not to standard output; an old file stays until the new one is whole
    --top N          so many rows of each table at most; default 15
    --pending FILE   read it first if it exists, and leave in it what has not ended for the next run

    qmtwist stats --format html --output /var/www/html/mail.html /var/log/qmail

Times of day are those of UTC. Reasons that differ in addresses only are counted together; zfailures and zdeferrals tell
them apart.

Exit status: 0; 100 for a wrong call; 111 if a file cannot be read, or not to its end (what could be read is shown), or
something cannot be written.

See also: matchup, zoverall
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.log.files import STANDARD_INPUT, Logs, Unreadable, found_at
from qmtwist.cli.chain import fatal, say
from qmtwist.logbook.analysis.matchup import Matchup
from qmtwist.logbook.analysis.summary import Summary, Values
from qmtwist.mail.shapes import Iterator
from qmtwist.store import durable

NAME = b"qmtwist stats"
FORMATS = ("text", "json", "html")
_MOST_ROWS = 100_000
_BAR_PERIOD_S = 0.2
_BAR_WIDTH = 40
_COLUMNS = 79


def main(arguments: list[bytes], home: str) -> int:
    """Read the logs and show them."""
    from qmtwist.cli.control.arguments import Parser

    parser = Parser("qmtwist stats", __doc__)
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--output")
    parser.add_argument("--top", type=int, default=15)
    parser.add_argument("--pending")
    parser.add_argument("logs", nargs="*", default=[STANDARD_INPUT])
    read = parser.parse_args([os.fsdecode(word) for word in arguments])
    if not 1 <= read.top <= _MOST_ROWS:
        parser.error(f"--top is a number from 1 to {_MOST_ROWS}")
    bar = _Bar() if os.isatty(2) else None
    summary, matchup = Summary(), Matchup()
    try:
        before = durable.read(read.pending).split(b"\n") if read.pending and os.path.exists(read.pending) else []
        logs = Logs(found_at(read.logs), bar)
        _count(summary, matchup, iter([before[:-1]]), 0)
        _count(summary, matchup, iter(logs), 1)
    except Unreadable as error:
        return _failed(os.fsencode(str(error)), bar)
    except OSError as error:
        return fatal(NAME, b"unable to read input", error)
    if bar is not None:
        bar.wipe()
    return _show(summary.values(read.top, matchup.open_messages), read.format, read.output) or _end(
        matchup, read.pending, logs
    )


def _count(summary: Summary, matchup: Matchup, blocks: Iterator[list[bytes]], is_counted: int) -> None:
    for lines in blocks:
        summary.lines += len(lines) * is_counted
        for line in lines:
            summary.take(matchup.take(line))


def _show(values: Values, form: str, output: str | None) -> int:
    try:
        text = _worded(values, form)
        if output is None:
            durable.write_all(1, text)
        else:
            durable.replace(output, text)
    except OSError as error:
        return fatal(NAME, b"unable to write " + os.fsencode(output or "output"), error)
    return 0


def _worded(values: Values, form: str) -> bytes:
    if form == "json":
        import json

        return json.dumps(values, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    if form == "html":
        from qmtwist.logbook.analysis.page import page

        return page(values, time.time()).encode("utf-8", "backslashreplace")
    from qmtwist.logbook.analysis.tables import tables

    return tables(values).encode("utf-8", "backslashreplace")


def _end(matchup: Matchup, pending: str | None, logs: Logs) -> int:
    """Keep what is open; say what could not be read."""
    try:
        if pending is not None:
            durable.replace(pending, b"".join([line + b"\n" for line in matchup.pending()]))
    except OSError as error:
        return fatal(NAME, b"unable to write " + os.fsencode(pending or ""), error)
    for damage in logs.damage:
        say(NAME + b": warning: " + os.fsencode(str(damage)))
    return 111 if logs.damage else 0


def _failed(text: bytes, bar: _Bar | None) -> int:
    if bar is not None:
        bar.wipe()
    say(NAME + b": fatal: " + text)
    return 111


class _Bar:
    """Shows on the terminal how far we are, from the moment that it takes longer than a blink."""

    def __init__(self) -> None:
        self._shown = time.monotonic()
        self._is_there = False

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._shown < _BAR_PERIOD_S:
            return
        self._shown, self._is_there = now, True
        if not total:
            os.write(2, b"\rreading...")
            return
        part = min(done / total, 1.0)
        full = int(part * _BAR_WIDTH)
        text = f"\r[{'#' * full}{'.' * (_BAR_WIDTH - full)}] {part:4.0%} of {total / 1e6:,.1f} MB"
        os.write(2, text.encode())

    def wipe(self) -> None:
        """Leave the line empty."""
        if self._is_there:
            os.write(2, b"\r" + b" " * _COLUMNS + b"\r")
