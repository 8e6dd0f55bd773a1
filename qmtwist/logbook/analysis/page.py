"""One page of HTML with everything in it: style, plots, tables. It needs no network and runs no script."""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator, Sequence

from .plots import bars, delays, escaped, over_time
from .summary import Values
from .words import moment, part, size, span

_PLOTTED = 12  # bars of one plot
_STYLE = """\
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5d6b7a; --paper: #f4f6f8; --card: #fff; --rule: #dfe4ea;
  --success: #2f78b7; --deferral: #e3a32b; --failure: #c8443c; --neutral: #6a7fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9aa7b5; --paper: #14191f; --card: #1d242c;
  --rule: #323c47; --success: #5aa2dd; --deferral: #e9b754; --failure: #e0675f; --neutral: #8ea3c4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 17px; margin: 0 0 12px; }
.when, footer, .note { color: var(--soft); } .when { margin: 2px 0 22px; } footer { font-size: 13px; margin-top: 26px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin-bottom: 18px; }
.card, section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.card { padding: 12px 16px; } .card b { display: block; font-size: 23px; line-height: 1.3; }
.card span { color: var(--soft); font-size: 13px; }
section { padding: 18px 20px; margin-bottom: 18px; overflow-x: auto; }
svg { width: 100%; min-width: 560px; height: auto; display: block; } svg text { font-size: 12px; fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; } .success { fill: var(--success); } .deferral { fill: var(--deferral); }
.failure { fill: var(--failure); } .neutral { fill: var(--neutral); } .area { fill: var(--success); opacity: .15; }
.curve { fill: none; stroke: var(--success); stroke-width: 2.5; } .point { fill: var(--success); }
.legend { color: var(--soft); font-size: 13px; margin: 8px 0 0; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin: 0 6px 0 14px; }
.legend i:first-child { margin-left: 0; }
.legend .success { background: var(--success); } .legend .deferral { background: var(--deferral); }
.legend .failure { background: var(--failure); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 600; text-align: right; } td { text-align: right; }
td { border-top: 1px solid var(--rule); }
th, td { padding: 4px 24px 4px 0; white-space: nowrap; width: 1%; }
th:last-child, td:last-child { text-align: left; white-space: normal; overflow-wrap: anywhere; width: auto; }
pre { white-space: pre-wrap; margin: 0; }
"""
_LEGEND = (
    '<p class="legend"><i class="success"></i>success<i class="deferral"></i>deferral<i class="failure"></i>failure</p>'
)


def page(values: Values, now: float) -> str:
    """The whole page; `now` is when it is made, in POSIX seconds."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Mail deliveries</title><style>\n{_STYLE}</style></head><body><main>",
        "<h1>Mail deliveries</h1>",
        f'<p class="when">{_period(values)}</p>',
        *_cards(values),
        *_plots(values),
        *_tables(values),
        *_notices(values),
        f"<footer>{values['lines']:,} lines of log read by qmtwist stats, {moment(now)} UTC</footer>",
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _period(values: Values) -> str:
    if values["first"] is None:
        return "No line of the log says with a time what became of a message."
    return f"{moment(values['first'])} to {moment(values['last'])} UTC, {span(values['last'] - values['first'])}"


def _cards(values: Values) -> Iterator[str]:
    messages, deliveries = values["messages"], values["deliveries"]
    soon = {row["percent"]: span(row["seconds"]) for row in values["delays"]}
    cards = [
        (f"{messages['completed']:,}", f"messages, {messages['open']:,} not ended"),
        (f"{deliveries['attempts']:,}", f"deliveries, {span(deliveries['average_xdelay'])} each"),
        (part(deliveries["successes"], deliveries["attempts"]), f"successes: {deliveries['successes']:,}"),
        (part(deliveries["deferrals"], deliveries["attempts"]), f"deferrals: {deliveries['deferrals']:,}"),
        (part(deliveries["failures"], deliveries["attempts"]), f"failures: {deliveries['failures']:,}"),
        (size(messages["bytes_delivered"]), f"delivered of {size(messages['bytes'])} sent"),
        (soon.get(50, "-"), f"half delivered by then; 95 %: {soon.get(95, '-')}"),
        (f"{deliveries['average_concurrency']:.2f}", "deliveries at a time, on average"),
    ]
    yield '<div class="cards">'
    for figure, words in cards:
        yield f'<div class="card"><b>{figure}</b><span>{words}</span></div>'
    yield "</div>"


def _plots(values: Values) -> Iterator[str]:
    steps, length = values["timeline"]["steps"], values["timeline"]["step"]
    if steps:
        words = f'<p class="note">{span(length)} a column, times of UTC</p>'
        yield _section("Deliveries over time", over_time(length, steps) + _LEGEND + words)
    if values["delays"]:
        curve = [(row["seconds"], row["percent"]) for row in values["delays"]]
        yield _section("How soon successful deliveries had happened", delays(curve))
    for name, title, kind in (
        ("failures", "Failures by reason", "failure"),
        ("deferrals", "Deferrals by reason", "deferral"),
    ):
        rows = [(row["reason"], row["deliveries"], f"{row['deliveries']:,}") for row in values[name][:_PLOTTED]]
        yield from _bars(title, rows, kind)
    hosts = [(row["host"], row["tries"], f"{row['tries']:,}") for row in values["hosts"][:_PLOTTED]]
    yield from _bars("Hosts with the most attempts", hosts, "success")
    senders = [(row["sender"], row["messages"], f"{row['messages']:,}") for row in values["senders"][:_PLOTTED]]
    yield from _bars("Senders with the most messages", senders, "neutral")


def _bars(title: str, rows: Sequence[tuple[str, float, str]], kind: str) -> Iterator[str]:
    if rows:
        yield _section(title, bars(title, rows, kind))


def _tables(values: Values) -> Iterator[str]:
    for name, title in (("failures", "Failures"), ("deferrals", "Deferrals"), ("successes", "Successes")):
        rows = [[f"{row['deliveries']:,}", span(row["seconds"]), row["reason"]] for row in values[name]]
        yield from _table(title, ("number", "time", "reason"), rows)
    for name, title in (("hosts", "Hosts"), ("recipients", "Recipients")):
        key = name[:-1]
        rows = [
            [
                f"{row['tries']:,}",
                f"{row['ended']:,}",
                size(row["bytes"]),
                span(row["seconds"] / row["tries"]),
                row[key],
            ]
            for row in values[name]
        ]
        yield from _table(title, ("attempts", "ended", "delivered", "time each", key), rows)
    for name, title in (("senders", "Senders"), ("uids", "Uids")):
        key = name[:-1]
        rows = [
            [
                f"{row['messages']:,}",
                f"{row['recipients']:,}",
                size(row["bytes"]),
                size(row["bytes_delivered"]),
                row[key],
            ]
            for row in values[name]
        ]
        yield from _table(title, ("messages", "recipients", "sent", "delivered", key), rows)


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    yield _section(title, f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>")


def _notices(values: Values) -> Iterator[str]:
    notices = values["notices"]
    if notices["count"]:
        lines = "\n".join(escaped(line) for line in notices["last"])
        yield _section(f"Warnings and alerts: {notices['count']:,}", f"<pre>{lines}</pre>")


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escaped(title)}</h2>\n{body}\n</section>"
