"""A table for people, then a JSON line per row for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence

Row = dict[str, str | float]


def machine() -> str:
    """What it ran on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = platform.release().split("-")[0]
    return f"{os.cpu_count()} cores, {memory_gb:.0f} GB, Linux {kernel}, Python {platform.python_version()}"


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def shown(value: str | float) -> str:
    """A cell: three figures that matter."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """A markdown table; the first row names the columns.

    >>> print(table([{"peer": "a", "rate": 1234.5}]))
    | peer | rate |
    |---|---:|
    | a | 1,234 |
    """
    names = list(rows[0])
    marks = ["---" if isinstance(rows[0][name], str) else "---:" for name in names]
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join(marks)}|"]
    lines += [f"| {' | '.join(shown(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def publish(title: str, place: str, rows: Sequence[Row]) -> None:
    """Print it all."""
    print(f"\n## {title}\n\n{machine()}; {place}\n")
    print(table(rows))
    print()
    for row in rows:
        print(json.dumps({"bench": title, **row}))
