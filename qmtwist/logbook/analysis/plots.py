"""Plots in SVG: strings without any outside reference. Colours are classes of the page's style sheet."""

from __future__ import annotations

from math import log10

from qmtwist.mail.shapes import Iterator, Sequence

from .words import moment, span

WIDTH, HEIGHT = 920, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_BAR_HEIGHT, _BAR_GAP, _LABEL_WIDTH, _NUMBER_WIDTH = 20, 8, 330, 90
_LABEL_LETTERS = 50
_DAY_S = 86400
KINDS = ("success", "deferral", "failure")
_DELAY_TICKS = (0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400,
                172800, 604800)  # fmt: skip
_TICK_ROOM, _LABEL_ROOM = 60, 90


def escaped(text: str) -> str:
    """Text that is no mark-up; what XML cannot hold is shown as a number.

    >>> escaped('<a@b> & "c"'), escaped(chr(27))
    ('&lt;a@b&gt; &amp; &quot;c&quot;', '\\\\x1b')
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def ceiling(highest: float) -> float:
    """The end of an axis: the next 1, 2 or 5 times a power of ten.

    >>> ceiling(37), ceiling(1), ceiling(0)
    (50, 1, 1)
    """
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= highest:
                return factor * step
        step *= 10


def over_time(length: int, steps: Sequence[Sequence[int]]) -> str:
    """Columns of successes, deferrals and failures, one per step of `length` seconds."""
    top = ceiling(max(sum(step[1:4]) for step in steps))
    width = _INNER_WIDTH / len(steps)
    gap = min(2.0, width / 5)
    parts = list(_rows(top))
    for place, step in enumerate(steps):
        x, y = _LEFT + place * width, float(_TOP + _INNER_HEIGHT)
        title = f"{moment(step[0])} UTC: " + ", ".join(
            f"{count:,} {kind}" for count, kind in zip(step[1:4], KINDS, strict=True)
        )
        parts.append(f"<g><title>{title}</title>")
        for count, kind in zip(step[1:4], KINDS, strict=True):
            height = count / top * _INNER_HEIGHT
            y -= height
            if count:
                parts.append(_box(x, y, max(width - gap, 0.5), height, kind))
        parts.append("</g>")
    parts += _times(length, steps, width)
    return _picture("Deliveries over time", HEIGHT, parts)


def _rows(top: float, unit: str = "") -> Iterator[str]:
    """Lines across with their values: four steps of the axis at the left."""
    for quarter in range(5):
        value = top * quarter / 4
        y = _TOP + _INNER_HEIGHT * (1 - quarter / 4)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        if value == int(value) or top < 4:
            yield _text(_LEFT - 8, y + 4, f"{value:,.0f}{unit}" if value == int(value) else "", "end")


def _times(length: int, steps: Sequence[Sequence[int]], width: float) -> Iterator[str]:
    """A label for about every eighth of the axis, with dates if it is longer than a day or two."""
    whole = length * len(steps)
    form = (
        "%d %b" if whole > 8 * _DAY_S else "%d %b %H:%M" if whole > _DAY_S else "%H:%M" if length >= 60 else "%H:%M:%S"
    )
    every = max(1, -(-len(steps) // 8))
    for place in range(0, len(steps), every):
        x, words = _LEFT + place * width, moment(steps[place][0], form)
        is_last = x > WIDTH - _LABEL_ROOM
        yield _text(WIDTH - _RIGHT if is_last else x, HEIGHT - 8, words, "end" if is_last else "start")


def delays(curve: Sequence[tuple[float, float]]) -> str:
    """How many per cent of the successes had happened within a time, which is shown as its logarithm."""
    lowest = max(min(seconds for seconds, _ in curve), 0.001)
    highest = max(max(seconds for seconds, _ in curve), lowest * 10)
    first, last = log10(lowest), log10(highest)

    def across(seconds: float) -> float:
        return _LEFT + (log10(max(seconds, lowest)) - first) / (last - first) * _INNER_WIDTH

    parts = list(_rows(100, " %"))
    free = 0.0
    for tick in _DELAY_TICKS:
        x = across(tick)
        if lowest <= tick <= highest and x >= free:
            free = x + _TICK_ROOM
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_TOP + _INNER_HEIGHT}"/>')
            parts.append(_text(x, HEIGHT - 8, span(tick).replace(".0", ""), "middle"))
    points = [(across(seconds), _TOP + _INNER_HEIGHT * (1 - done / 100)) for seconds, done in curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    floor = _TOP + _INNER_HEIGHT
    parts.append(f'<polygon class="area" points="{points[0][0]:.1f},{floor} {line} {points[-1][0]:.1f},{floor}"/>')
    parts.append(f'<polyline class="curve" points="{line}"/>')
    for (x, y), (seconds, done) in zip(points, curve, strict=True):
        title = f"{done:g} % within {span(seconds)}"
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{title}</title></circle>')
    return _picture("How soon successful deliveries had happened", HEIGHT, parts)


def bars(title: str, rows: Sequence[tuple[str, float, str]], kind: str) -> str:
    """Lying bars: a label, a value, and the value in words behind the bar."""
    highest = max(value for _, value, _ in rows) or 1
    room = WIDTH - _LABEL_WIDTH - _NUMBER_WIDTH
    parts = []
    for place, (label, value, words) in enumerate(rows):
        y = place * (_BAR_HEIGHT + _BAR_GAP) + _BAR_GAP
        short = label if len(label) <= _LABEL_LETTERS else label[: _LABEL_LETTERS - 1] + "…"
        width = max(value / highest * room, 1.0)
        parts.append(f"<g><title>{escaped(label)}: {escaped(words)}</title>")
        parts.append(_text(_LABEL_WIDTH - 10, y + 15, escaped(short), "end"))
        parts.append(_box(_LABEL_WIDTH, y, width, _BAR_HEIGHT, kind))
        parts.append(_text(_LABEL_WIDTH + width + 8, y + 15, escaped(words), "start") + "</g>")
    return _picture(title, len(rows) * (_BAR_HEIGHT + _BAR_GAP) + _BAR_GAP, parts)


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _picture(title: str, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escaped(title)}">\n{body}\n</svg>'
