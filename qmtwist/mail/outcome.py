"""How a delivery ended."""

from __future__ import annotations

from .shapes import Enum, NamedTuple


class Verdict(Enum):
    """The letter that every spawner report begins with. (qmail-send(8), spawn protocol)"""

    SUCCESS = b"K"
    DEFERRAL = b"Z"
    FAILURE = b"D"


class Outcome(NamedTuple):
    """A verdict and the text for log and bounce (bytes as the program wrote them, LF line ends)."""

    verdict: Verdict
    text: bytes


def parse_report(report: bytes) -> Outcome | None:
    """Letter and text of a spawner report; None if it is mangled.

    >>> parse_report(b"Kdid 1+0+0\\n").verdict.name, parse_report(b"?")
    ('SUCCESS', None)
    """
    try:
        return Outcome(Verdict(report[:1]), report[1:])
    except ValueError:
        return None
