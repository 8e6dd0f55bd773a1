"""docs/reference, printed from the code: the programs by their docstrings, the log by its facts."""

from __future__ import annotations

import importlib

from qmtwist.cli.registry import PROGRAMS
from qmtwist.logbook import facts, leaving, lines, outtls, pop3, qmtp, smtp

_PROGRAMS_HEAD = """# Programs

Every program of `HOME/bin`, as `qmtwist help NAME` and `NAME --help` print it.
"""

_LOG_HEAD = """# The log

The server writes one line per fact. The lines of the queue manager are qmail-log(5)'s, to the letter; those of the
services are our own. Foreign bytes are escaped, so that nobody else's bytes can look like a line of ours.
With `--log-format json` each is an object: `time`, `event` (the name in the first column) and the fields in the
second; a line of a service has the event `Line` and the field `text`.

Lines go to standard output, with `--log-to multilog:DIR:size=BYTES:number=FILES` into a log directory of multilog's
form, each behind its TAI64N stamp, with `--log-to journal` to the journal of systemd. An entry there has the fields
`MESSAGE`, `PRIORITY` (1 for an alert, 4 for a warning, else 6), `SYSLOG_FACILITY` (2, mail) and `SYSLOG_IDENTIFIER`
(qmtwist). See [start at boot](../howto/start-at-boot.md#where-the-log-goes).

A log that is not read in time never holds up mail: what is beyond 16 megabytes is dropped, and
`warning: the log was not read in time: 417 lines were lost` stands where it was.

## The queue manager

| event | fields | line |
|---|---|---|
"""

_EXAMPLES: tuple[facts.Fact, ...] = (
    facts.NewMessage(10000000042),
    facts.MessageInfo(10000000042, 1830, b"joe@example.org", 10000000042, 1000),
    facts.DeliveryStarted(7, 10000000042, "local", b"ann@example.org"),
    facts.DeliveryEnded(7, "success", b"did 1+0+0\n"),
    facts.DeliveryEnded(8, "deferral", b"Unable to chdir to maildir. (#4.2.1)\n"),
    facts.DeliveryEnded(9, "failure", b"Sorry, no mailbox here by that name. (#5.1.1)\n"),
    facts.ReportMangled(7),
    facts.Status(1, 10, 0, 20, False),
    facts.Status(1, 10, 0, 20, True),
    facts.Bounced(10000000042, 10000000043),
    facts.TripleBounce(10000000042),
    facts.MessageEnded(10000000042),
    facts.Notice("warning", "unable to open lock/trigger: Permission denied"),
    facts.Exiting(),
)


def program_reference() -> str:
    """docs/reference/programs.md: every program's text, in the order of their names."""
    texts = [_PROGRAMS_HEAD]
    for name in sorted(PROGRAMS):
        text = importlib.import_module("qmtwist.cli." + PROGRAMS[name]).__doc__ or ""
        texts.append(f"\n## {name}\n\n```\n{text.strip()}\n```\n")
    return "".join(texts)


def log_reference() -> str:
    """docs/reference/log.md: every line there can be, by example."""
    rows = []
    for fact in _EXAMPLES:
        names = ", ".join(fact._fields) or "none"
        rows.append(f"| {type(fact).__name__} | {names} | `{lines.word(fact).decode()}` |\n")
    services = [
        _service("The SMTP service", smtp.__doc__),
        _service("The POP3 service", pop3.__doc__),
        _service("The QMTP and QMQP services", qmtp.__doc__),
        _service("The service for leaving lists", leaving.__doc__),
        _service("TLS towards other hosts", outtls.__doc__),
    ]
    return _LOG_HEAD + "".join(rows) + "".join(services)


def _service(title: str, text: str | None) -> str:
    return f"\n## {title}\n\n```\n{(text or '').strip()}\n```\n"
