"""What `qmtwist stats` prints on a terminal."""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator, Sequence

from .summary import Values
from .words import moment, part, size, span

_BAR_WIDTH = 40
_STEPS = 24  # rows of deliveries over time, at most
_MARKS = "#=-"  # success, deferral, failure
_NAME_WIDTH = 60


def tables(values: Values) -> str:
    """All of it as text, a line for each row."""
    sections = [list(_overall(values))]
    if values["deliveries"]["attempts"]:
        sections += [list(_over_time(values)), list(_delays(values))]
        sections += [list(_reasons(values, kind)) for kind in ("failures", "deferrals")]
        sections += [list(_recipients(values, kind)) for kind in ("hosts", "recipients")]
    if values["senders"]:
        sections += [list(_senders(values, kind)) for kind in ("senders", "uids")]
    sections.append(list(_notices(values)))
    return "\n".join("\n".join(section) + "\n" for section in sections if section)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Cells to the right, the last column as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join([*cells[:-1], row[-1]])


def _overall(values: Values) -> Iterator[str]:
    messages, deliveries = values["messages"], values["deliveries"]
    attempts = deliveries["attempts"]
    if values["first"] is None:
        yield f"{values['lines']:,} lines, and none of them says with a time what became of a message"
        return
    yield f"Deliveries from {moment(values['first'])} to {moment(values['last'])} UTC"
    yield ""
    yield f"messages       {messages['completed']:>12,}  and {messages['open']:,} not ended"
    yield f"  bytes        {size(messages['bytes']):>12}  {size(messages['bytes_delivered'])} delivered"
    yield f"  in the queue {span(messages['average_qtime']):>12}  on average"
    yield f"deliveries     {attempts:>12,}  {span(deliveries['average_xdelay'])} each on average"
    for kind in ("successes", "deferrals", "failures"):
        yield f"  {kind:12} {deliveries[kind]:>12,}  {part(deliveries[kind], attempts)}"
    yield f"concurrency    {deliveries['average_concurrency']:>12.2f}  on average"


def _over_time(values: Values) -> Iterator[str]:
    """Bars: steps are put together until they fit."""
    length, steps = values["timeline"]["step"], values["timeline"]["steps"]
    together = -(-len(steps) // _STEPS)
    merged = [
        (steps[at][0], [sum(step[place] for step in steps[at : at + together]) for place in (1, 2, 3)])
        for at in range(0, len(steps), together)
    ]
    highest = max(sum(counts) for _, counts in merged)
    yield f"Deliveries over time, {span(length * together)} a line (# success, = deferral, - failure)"
    yield ""
    for start, counts in merged:
        ends = [sum(counts[: place + 1]) * _BAR_WIDTH // highest for place in range(3)]
        bar = "".join(mark * (end - begin) for mark, begin, end in zip(_MARKS, [0, *ends], ends, strict=False))
        yield f"{moment(start, '%m-%d %H:%M:%S')} {sum(counts):>9,}  {bar}".rstrip()


def _delays(values: Values) -> Iterator[str]:
    if not values["delays"]:
        return
    yield "How soon successful deliveries had happened"
    yield ""
    yield from aligned([[f"{row['percent']} %", f"within {span(row['seconds'])}"] for row in values["delays"]])


def _reasons(values: Values, kind: str) -> Iterator[str]:
    if not values[kind]:
        return
    yield f"Reasons for {kind}"
    yield ""
    rows = [[f"{row['deliveries']:,}", span(row["seconds"]), row["reason"]] for row in values[kind]]
    yield from aligned([["number", "time", "reason"], *rows])


def _recipients(values: Values, kind: str) -> Iterator[str]:
    name = kind[:-1]
    yield f"{kind.capitalize()} with the most attempts"
    yield ""
    rows = [
        [f"{row['tries']:,}", f"{row['ended']:,}", size(row["bytes"]), span(row["seconds"] / row["tries"]), row[name]]
        for row in values[kind]
    ]
    yield from aligned([["attempts", "ended", "delivered", "time each", name], *rows])


def _senders(values: Values, kind: str) -> Iterator[str]:
    name = kind[:-1]
    yield f"{'Uids' if kind == 'uids' else 'Senders'} with the most messages"
    yield ""
    rows = [
        [f"{row['messages']:,}", f"{row['recipients']:,}", size(row["bytes"]), size(row["bytes_delivered"]), row[name]]
        for row in values[kind]
    ]
    yield from aligned([["messages", "recipients", "sent", "delivered", name], *rows])


def _notices(values: Values) -> Iterator[str]:
    notices = values["notices"]
    if notices["count"]:
        yield f"Warnings and alerts: {notices['count']:,}" + (", the last of them:" if notices["last"] else "")
        yield ""
        yield from notices["last"]
