"""Twisted's own events in the foreground log: only what is wrong, one line each."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import provider

from .writer import to_stderr

_LOUD = (LogLevel.warn, LogLevel.error, LogLevel.critical)


def observer() -> ILogObserver:
    """The observer that `twistd -n qmtwist` uses (twistd --logger)."""
    chosen: ILogObserver = observe
    return chosen


@provider(ILogObserver)
def observe(event: LogEvent) -> None:
    """Write failures and warnings to standard error; leave the rest out."""
    level = event.get("log_level")
    if level not in _LOUD:
        return
    text = formatEvent(event)
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback()
    for line in text.splitlines():
        if line.strip():
            to_stderr(b"alert: %s" % line.encode("utf-8", "backslashreplace"))
