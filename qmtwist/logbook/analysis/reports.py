"""The reports of qmailanalog: histories in, text out. Rows are in the order of xdelay, but of avg in zrxdelay."""

from __future__ import annotations

from array import array

from qmtwist.mail.shapes import Callable, Iterable, Protocol

from . import headings
from .figures import columns, number, shown
from .histories import DEFERRAL, FAILURE, SUCCESS, Delivery, History
from .sums import Overall, Reasons, Recipients, Senders, distribution, host, sender_of_uid

_DAY_S = 86400
_STATES = {SUCCESS: b"Sent", FAILURE: b"Failed", DEFERRAL: b"Deferred"}
Rows = dict[bytes, list[float]]


class Report(Protocol):
    """Takes histories one by one, then says what they add up to."""

    def add(self, history: History) -> None:
        """Count one."""

    def text(self) -> bytes:
        """Heading and table."""


class OverallReport:
    """zoverall."""

    def __init__(self) -> None:
        self._sums = Overall()
        self.add = self._sums.add

    def text(self) -> bytes:
        """The heading, what is known of messages that are gone, and of deliveries."""
        sums = self._sums
        lines = [(b"Completed messages", shown(sums.messages))]
        if sums.messages:
            lines += [
                (b"Recipients for completed messages", shown(sums.recipients)),
                (b"Total delivery attempts for completed messages", shown(sums.tries)),
                (b"Average delivery attempts per completed message", shown(sums.tries / sums.messages)),
                (b"Bytes in completed messages", shown(sums.size)),
                (b"Bytes weighted by success", shown(sums.weighted)),
                (b"Average message qtime (s)", shown(sums.qtime / sums.messages)),
            ]
        parts = [b"%b: %b\n" % line for line in lines]
        parts += [b"\n", b"Total delivery attempts: %d\n" % sums.attempts]
        parts += [b"%b: %b\n" % line for line in self._deliveries()]
        return headings.OVERALL + b"".join(parts)

    def _deliveries(self) -> list[tuple[bytes, bytes]]:
        sums = self._sums
        if not sums.attempts:
            return []
        done = sums.kinds[SUCCESS]
        lines = [
            (b"  success", b"%d" % done),
            (b"  failure", b"%d" % sums.kinds[FAILURE]),
            (b"  deferral", b"%d" % sums.kinds[DEFERRAL]),
            (b"Total ddelay (s)", b"%.6f" % sums.ddelay),
        ]
        if done:
            lines += [(b"Average ddelay per success (s)", b"%.6f" % (sums.ddelay / done))]
        lines += [
            (b"Total xdelay (s)", b"%.6f" % sums.xdelay),
            (b"Average xdelay per delivery attempt (s)", b"%.6f" % (sums.xdelay / sums.attempts)),
            (b"Time span (days)", b"%.6f" % (sums.span / _DAY_S)),
        ]
        if sums.span:
            lines += [(b"Average concurrency", shown(sums.xdelay / sums.span))]
        return lines


class DistributionReport:
    """zddist."""

    def __init__(self) -> None:
        self._delays = array("d")

    def add(self, history: History) -> None:
        """Count a success."""
        if isinstance(history, Delivery) and history.kind == SUCCESS:
            # six figures are kept, as between the two programs that the original is made of
            self._delays.append(float(b"%.6g" % (number(history.end) - number(history.birth))))

    def text(self) -> bytes:
        """A line per per cent."""
        rows = [[b"%.2f" % by, b"%.2f" % average, b"%d" % part] for by, average, part in distribution(self._delays)]
        return headings.DISTRIBUTION + columns([[b"doneby", b"avg", b"pct"], *rows])


class _Table:
    """A report that is one table; `sums` counts, and `cells` makes the text of a row."""

    def __init__(
        self,
        sums: Reasons | Recipients | Senders,
        heading: bytes,
        names: bytes,
        cells: Callable[[list[float]], list[bytes]],
        order: Callable[[list[float]], float],
    ) -> None:
        self._sums, self._heading, self._names, self._cells, self._order = sums, heading, names, cells, order
        self.add = sums.add

    def text(self) -> bytes:
        """A line per key."""
        rows = sorted(self._sums.rows.items(), key=lambda row: (self._order(row[1]), row[0]))
        table = columns([self._names.split(), *([*self._cells(row), key] for key, row in rows)])
        return self._heading + table


class _Words(_Table):
    """A table of reasons, which are sentences."""

    def text(self) -> bytes:
        """A line per reason, with blanks for `_`."""
        return super().text().replace(b"_", b" ")


def _reasons(kind: bytes, heading: bytes) -> Report:
    return _Words(
        Reasons(kind), heading, b"del xdelay reason", lambda row: [b"%d" % row[0], b"%.2f" % row[1]], lambda row: row[1]
    )


def _recipients(sums: Recipients, heading: bytes, key: bytes) -> Report:
    return _Table(
        sums,
        heading,
        b"sbytes mess tries xdelay " + key,
        lambda row: [*map(shown, row[:3]), b"%.2f" % row[3]],
        lambda row: row[3],
    )


def _senders(sums: Senders, heading: bytes, key: bytes) -> Report:
    return _Table(
        sums,
        heading,
        b"mess bytes sbytes rbytes recips tries xdelay " + key,
        lambda row: [*map(shown, row[:6]), b"%.6f" % row[6]],
        lambda row: row[6],
    )


def _order() -> Report:
    return _Table(
        Recipients(),
        headings.ORDER,
        b"avg tries recipient",
        lambda row: [b"%.2f" % (row[3] / row[2]), shown(row[2])],
        lambda row: row[3] / row[2],
    )


REPORTS: dict[bytes, Callable[[], Report]] = {
    b"zoverall": OverallReport,
    b"zddist": DistributionReport,
    b"zdeferrals": lambda: _reasons(DEFERRAL, headings.DEFERRALS),
    b"zfailures": lambda: _reasons(FAILURE, headings.FAILURES),
    b"zsuccesses": lambda: _reasons(SUCCESS, headings.SUCCESSES),
    b"zrecipients": lambda: _recipients(Recipients(), headings.RECIPIENTS, b"recipient"),
    b"zrhosts": lambda: _recipients(Recipients(host), headings.HOSTS, b"host"),
    b"zrxdelay": _order,
    b"zsenders": lambda: _senders(Senders(sender_of_uid), headings.SENDERS, b"sender"),
    b"zsuids": lambda: _senders(Senders(lambda history: history.uid), headings.UIDS, b"uid"),
}


def as_sendmail(history: History) -> bytes:
    """One line (without LF) like sendmail's: what zsendmail prints."""
    birth, end = number(history.birth), number(history.end)
    start = b"%b qp %b: " % (history.end, history.qp)
    if isinstance(history, Delivery):
        state = _STATES.get(history.kind, b"Unknown")
        return start + b"to=%b, uid=%b, ddelay=%.6f, xdelay=%.6f, stat=%b (%b)" % (
            history.recipient, history.uid, end - birth, end - number(history.start), state, history.reason,
        )  # fmt: skip
    recipients = number(history.successes) + number(history.failures)
    return start + b"from=%b, uid=%b, size=%b, nrcpts=%d, deferrals=%b, qtime=%.6f" % (
        history.sender, history.uid, history.size, recipients, history.deferrals, end - birth,
    )  # fmt: skip


def add_all(report: Report, histories: Iterable[History]) -> Report:
    """The report, with these counted."""
    for history in histories:
        report.add(history)
    return report
