"""Log lines of every origin as matchup knows them: `SECONDS.FRACTION text`.

    @4000000037c219bf2ef02e94 status: local 0/10 remote 0/20             multilog, tai64n
    Jun  9 10:22:03 host qmail: 928923723.963558 new msg 53              splogger
    2026-11-21T15:10:05.120034+00:00 host qmail[71]: new msg 53          syslog, journalctl -o short-iso-precise
    1795273805.120034 host qmtwist[71]: new msg 53                       journalctl -o short-unix
    {"time": 1795273805.120034, "event": "NewMessage", "number": 53}     our own with --log-format json
    {"__REALTIME_TIMESTAMP": "1795273805120034", "MESSAGE": "new msg 53"}   journalctl -o json

A date without a year tells no instant; such a line counts only if the text behind it begins with a stamp.
"""

from __future__ import annotations

from qmtwist.logbook import facts, tai64
from qmtwist.logbook.lines import word
from qmtwist.mail.shapes import Any

_HEAD_WORDS = 5  # "Jun 9 10:22:03 host qmail: "
_JSON_BYTES = 1 << 20


def is_instant(text: bytes) -> bool:
    """Is it POSIX seconds with decimals, or without?

    >>> is_instant(b"928923723.963558"), is_instant(b"1.2.3"), is_instant(b".")
    (True, False, False)
    """
    return text[:1].isdigit() and text.replace(b".", b"", 1).isdigit()


def plain(line: bytes) -> bytes | None:
    """The line with an instant in front that matchup reads; None if it tells none."""
    if line[:1] == b"@":
        found = tai64.split(line)
        instant = tai64.fraction(found[0], found[1]) if found else None
        return instant + found[2] if found and instant else None
    if line[:1] == b"{":
        return _from_json(line)
    return _from_syslog(line)


def _from_syslog(line: bytes) -> bytes | None:
    """What stands behind the program's name; if that has no instant, the one at the start of the line.

    What is in front must have the form of syslog or the journal: text that somebody has sent us is never looked into.
    """
    head, colon, text = line.partition(b": ")
    words = head.split(None, _HEAD_WORDS)
    if not colon or not words:
        return None
    instant = None
    if is_instant(words[0]):
        if len(words) != 3 or words[2][-1:] != b"]":
            return None
        instant = words[0]
    elif words[0][:1].isdigit() or words[0][:1] == b"<":
        instant = _from_iso(words[0])
    if len(words) not in ((3,) if instant else (1, _HEAD_WORDS)):
        return None
    if text[:1] in (b"@", b"{"):
        return plain(text)
    if b"." in text[:20] and is_instant(text.partition(b" ")[0]):
        return text
    return instant + b" " + text if instant else None


def _from_iso(text: bytes) -> bytes | None:
    """An ISO date with time and zone as POSIX seconds."""
    text = text[text.find(b">") + 1 :]
    if text[4:5] != b"-" or text[10:11] != b"T":
        return None
    from datetime import UTC, datetime, timedelta

    try:
        instant = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    if instant.tzinfo is None:
        return None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return b"%d.%06d" % (since // timedelta(seconds=1), since.microseconds)


def _from_json(line: bytes) -> bytes | None:
    """A line of our own daemon's JSON, or of the journal of systemd."""
    import json

    try:
        values = json.loads(line.decode("utf-8", "surrogateescape")) if len(line) <= _JSON_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    try:
        return _from_journal(values) if "MESSAGE" in values else _from_event(values)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return None


def _from_journal(values: dict[str, Any]) -> bytes | None:
    message = values["MESSAGE"]  # a list of numbers, if it is not UTF-8
    text = bytes(message) if isinstance(message, list) else str(message).encode("utf-8", "surrogateescape")
    if text[:1] in (b"@", b"{"):
        return plain(text)
    if is_instant(text.partition(b" ")[0]):
        return text
    seconds, micros = divmod(int(values["__REALTIME_TIMESTAMP"]), 1_000_000)
    return b"%d.%06d " % (seconds, micros) + text.replace(b"\n", b"/")


def _from_event(values: dict[str, Any]) -> bytes | None:
    instant = b"%.6f " % values.pop("time")
    event = values.pop("event")
    if event == "Line":
        return instant + str(values["text"]).encode("utf-8", "surrogateescape").replace(b"\n", b"/")
    if event == "Status":  # the most frequent one, and nobody asks what it says
        return instant + b"status: local"
    kind: Any = getattr(facts, event)
    return instant + word(kind(*[_as_fact_has_it(event, name, values[name]) for name in kind._fields]))


def _as_fact_has_it(event: str, name: str, value: object) -> object:
    """The fields that JSON holds as text are bytes in a fact, except for fixed words."""
    is_word = name in ("kind", "channel", "level") or event == "Notice"
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) and not is_word else value
