"""The lines of the queue manager matched into deliveries and messages. (qmailanalog's matchup)

Time and memory: one look-up per line, and what is held are the messages and deliveries that have not ended.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, Iterator

from .histories import DEFERRAL, FAILURE, SUCCESS, Delivery, History, Message, word
from .stamps import is_instant, plain

Found = History | bytes | None
Action = Callable[[bytes, list[bytes]], Found]
_KINDS = {b"success:": SUCCESS, b"failure:": FAILURE, b"deferral:": DEFERRAL}
_PLACES = {SUCCESS: 0, DEFERRAL: 1, FAILURE: 2}
_UNKNOWN = b"?"
_NOTHING = (0, 0, 0)
_OTHER_FORMS = (b"@", b"{")  # no line with an instant begins so


class Matchup:
    """Made for one run; take lines in order, then `pending` is what the next run needs first."""

    def __init__(self) -> None:
        # in one value what is told of a message (birth, size, sender, qp, uid): a day has many
        self._messages: dict[bytes, bytes] = {}
        self._counts: dict[bytes, tuple[int, int, int]] = {}  # successes, deferrals, failures, if there are any
        self._deliveries: dict[bytes, tuple[bytes, bytes, bytes]] = {}  # number to start, message, recipient
        self._actions: dict[bytes, Action] = {
            b"new": self._new,
            b"info": self._info,
            b"starting": self._starting,
            b"delivery": self._ended,
            b"end": self._gone,
            b"extra": self._extra,
            b"running": self._restarted,
            b"exiting": self._restarted,
            b"status:": self._status,
            **dict.fromkeys((b"number", b"local", b"remote"), self._ignored),
            **dict.fromkeys((b"warning:", b"alert:"), self._copied),
        }

    @property
    def open_messages(self) -> int:
        """How many messages have not ended."""
        return len(self._messages)

    def take(self, line: bytes) -> Found:
        """What a line (without its LF) completes, a line to copy, or nothing.

        A line that does not belong to a log of the queue manager comes back with `? ` in front.
        """
        fields = line.split() if line[:1] not in _OTHER_FORMS else []
        action = self._action(fields)
        if action is None:
            other = plain(line)  # the form may be that of syslog, multilog or JSON
            if other is not None:
                fields = other.split()
                action = self._action(fields)
            if action is None or other is None:
                return b"? " + line
            line = other
        try:
            return action(line, fields)
        except IndexError:  # the line is cut off
            return b"? " + line

    def _action(self, fields: list[bytes]) -> Action | None:
        if len(fields) < 2 or not is_instant(fields[0]):
            return None
        return self._actions.get(fields[1])

    def pending(self) -> Iterator[bytes]:
        """Lines (without LF) that say again what has not ended; they go in front of the next log."""
        for number, told in self._messages.items():
            birth, size, sender, qp, uid = told.split(b" ")
            yield b"%b info msg %b: bytes %b from %b qp %b uid %b" % (birth, number, size, sender, qp, uid)
            yield b"%b extra %b %d %d %d" % (birth, number, *self._counts.get(number, _NOTHING))
        for number, (start, of_message, recipient) in self._deliveries.items():
            channel, _, address = recipient.partition(b".")
            yield b"%b starting delivery %b: msg %b to %b %b" % (start, number, of_message, channel, address)

    def _ignored(self, line: bytes, fields: list[bytes]) -> None:
        pass

    def _copied(self, line: bytes, fields: list[bytes]) -> bytes:
        return line

    def _status(self, line: bytes, fields: list[bytes]) -> None:
        if fields[2] == b"exiting":  # cleanly, so nothing is under way; numbers begin again
            self._deliveries.clear()

    def _restarted(self, line: bytes, fields: list[bytes]) -> None:
        self._deliveries.clear()

    def _new(self, line: bytes, fields: list[bytes]) -> None:
        self._messages.pop(fields[3], None)
        self._counts.pop(fields[3], None)

    def _info(self, line: bytes, fields: list[bytes]) -> None:
        sender = b"_".join(fields[7:-4]) if len(fields) > 12 else fields[7]
        number = fields[3].rstrip(b":")
        self._messages[number] = b" ".join((fields[0], fields[5], sender.lower(), fields[-3], fields[-1]))
        self._counts.pop(number, None)

    def _extra(self, line: bytes, fields: list[bytes]) -> None:
        is_told = all(count.isdigit() and len(count) < 20 for count in fields[3:6])
        if fields[2] in self._messages and is_told:
            self._counts[fields[2]] = (int(fields[3]), int(fields[4]), int(fields[5]))

    def _starting(self, line: bytes, fields: list[bytes]) -> None:
        address = b"_".join(fields[8:]) if len(fields) > 9 else fields[8]
        self._deliveries[fields[3].rstrip(b":")] = (fields[0], fields[5], fields[7] + b"." + address.lower())

    def _ended(self, line: bytes, fields: list[bytes]) -> Found:
        result = fields[3]
        opened = self._deliveries.pop(fields[2].rstrip(b":"), None)
        if opened is None:
            return None
        start, number, recipient = opened
        if result == b"report":
            kind, reason = DEFERRAL, b"report_mangled"
        else:
            kind, reason = _KINDS.get(result, b""), b"_".join(fields[4:])
        told = self._messages.get(number)
        birth, size, sender, qp, uid = told.split(b" ") if told else (start, b"0", _UNKNOWN, _UNKNOWN, _UNKNOWN)
        rest = (birth, start, fields[0], size, sender, recipient, qp, uid)
        if not kind:
            return b"?" + b" ".join((*rest, b""))
        if told:
            self._counts[number] = _one_more(self._counts.get(number, _NOTHING), _PLACES[kind])
        return Delivery(kind, *rest, reason)

    def _gone(self, line: bytes, fields: list[bytes]) -> Found:
        told = self._messages.pop(fields[3], None)
        if told is None:
            return None
        counts = self._counts.pop(fields[3], _NOTHING)
        successes, deferrals, failures = (b"%d" % count for count in counts)
        birth, size, sender, qp, uid = told.split(b" ")
        return Message(birth, fields[0], size, successes, failures, deferrals, sender, qp, uid)


def _one_more(counts: tuple[int, int, int], place: int) -> tuple[int, int, int]:
    first, second, third = counts
    return (first + (place == 0), second + (place == 1), third + (place == 2))


def matched(matchup: Matchup, lines: list[bytes]) -> bytes:
    """The output of matchup for some lines, with line ends."""
    found = [matchup.take(line) for line in lines]
    return b"".join([(item if isinstance(item, bytes) else word(item)) + b"\n" for item in found if item is not None])
