"""All that a log tells, in one pass: what `qmtwist stats` shows."""

from __future__ import annotations

from array import array

from qmtwist.mail.shapes import Any, deque

from .figures import number
from .histories import DEFERRAL, FAILURE, SUCCESS, Delivery
from .matchup import Found
from .sums import Overall, Reasons, Recipients, Senders, host
from .timeline import Timeline

Values = dict[str, Any]
PARTS = (1, 5, 10, 25, 50, 75, 90, 95, 99, 100)  # per cent of deliveries whose delay is told
_NOTICES = 20
_GIST_BYTES = 100
_SAID = b"Remote_host_said:_"
_DAY_S = 86400


def gist(reason: bytes) -> bytes:
    r"""What reasons have in common: their first line, with `host` for addresses, and the code of the other side.

    >>> gist(b"192.0.2.1_does_not_like_recipient./Remote_host_said:_550_no_such_user/Giving_up_on_192.0.2.1./")
    b'host_does_not_like_recipient._550'
    """
    first, _, rest = reason.partition(b"/")
    words = [b"host" if _is_address(word) else word for word in first.split(b"_")]
    _, said, answer = rest.partition(_SAID)
    code = answer[:3]
    if said and code.isdigit() and code[:1] in b"45":
        words.append(code)
    return b"_".join(words)[:_GIST_BYTES]


def _is_address(word: bytes) -> bool:
    word = word.strip(b"[]().,:;")
    if word.count(b".") == 3:
        return word.replace(b".", b"").isdigit()
    return word.count(b":") > 1 and not word.strip(b"0123456789abcdefABCDEF:.")


class Summary:
    """Made once per analysis; `take` what matchup finds, then `values`."""

    def __init__(self) -> None:
        self.overall = Overall()
        self.lines = self.others = self.notices = 0
        self._delays = array("d")
        self._timeline = Timeline()
        self._reasons = {kind: Reasons(kind) for kind in (SUCCESS, DEFERRAL, FAILURE)}
        self._gists: dict[bytes, bytes] = {}
        self._hosts, self._recipients = Recipients(host), Recipients()
        self._senders, self._uids = Senders(lambda history: history.sender), Senders(lambda history: history.uid)
        self._last_notices: deque[bytes] = deque(maxlen=_NOTICES)

    def take(self, found: Found) -> None:
        """Count what a line gave."""
        if found is None:
            return
        if isinstance(found, bytes):
            if found[:1] == b"?":
                self.others += 1
            else:
                self.notices += 1
                self._last_notices.append(found)
            return
        self.overall.add(found)
        self._senders.add(found)
        self._uids.add(found)
        if isinstance(found, Delivery):
            self._take_delivery(found)

    def _take_delivery(self, delivery: Delivery) -> None:
        end = number(delivery.end)
        if delivery.kind == SUCCESS:
            self._delays.append(end - number(delivery.birth))
        self._timeline.add(end, delivery.kind)
        self._hosts.add(delivery)
        self._recipients.add(delivery)
        self._reasons[delivery.kind].add(delivery._replace(reason=self._gist(delivery.reason)))

    def _gist(self, reason: bytes) -> bytes:
        """The same bytes for the same gist, so that a log of a million reasons holds few."""
        found = gist(reason)
        return self._gists.setdefault(found, found)

    def values(self, top: int, open_messages: int) -> Values:
        """Everything as text, numbers, lists and dicts; at most `top` rows of each table. Times in seconds."""
        sums = self.overall
        is_known = bool(sums.attempts or sums.messages)
        length, steps = self._timeline.steps()
        return {
            "lines": self.lines,
            "other_lines": self.others,
            "first": round(sums.first, 6) if is_known else None,
            "last": round(sums.last, 6) if is_known else None,
            "days": round(sums.span / _DAY_S, 6),
            "messages": self._messages(open_messages),
            "deliveries": self._deliveries(),
            "delays": self._delays_in_order(),
            "timeline": {"step": length, "steps": [list(step) for step in steps]},
            "failures": _reasons(self._reasons[FAILURE], top),
            "deferrals": _reasons(self._reasons[DEFERRAL], top),
            "successes": _reasons(self._reasons[SUCCESS], top),
            "hosts": _recipients(self._hosts, "host", top),
            "recipients": _recipients(self._recipients, "recipient", top),
            "senders": _senders(self._senders, "sender", top),
            "uids": _senders(self._uids, "uid", top),
            "notices": {"count": self.notices, "last": [_text(line) for line in self._last_notices]},
        }

    def _messages(self, open_messages: int) -> Values:
        sums = self.overall
        return {
            "completed": int(sums.messages),
            "open": open_messages,
            "recipients": int(sums.recipients),
            "tries": int(sums.tries),
            "bytes": int(sums.size),
            "bytes_delivered": int(sums.weighted),
            "average_qtime": round(sums.qtime / sums.messages, 6) if sums.messages else 0,
        }

    def _deliveries(self) -> Values:
        sums = self.overall
        return {
            "attempts": sums.attempts,
            "successes": sums.kinds[SUCCESS],
            "failures": sums.kinds[FAILURE],
            "deferrals": sums.kinds[DEFERRAL],
            "average_ddelay": round(sums.ddelay / sums.kinds[SUCCESS], 6) if sums.kinds[SUCCESS] else 0,
            "average_xdelay": round(sums.xdelay / sums.attempts, 6) if sums.attempts else 0,
            "average_concurrency": round(sums.xdelay / sums.span, 6) if sums.span else 0,
        }

    def _delays_in_order(self) -> list[Values]:
        """By when so many per cent had happened."""
        ordered = sorted(self._delays)
        if not ordered:
            return []
        found = []
        for part in PARTS:
            last = max(-(-len(ordered) * part // 100), 1) - 1
            found.append({"percent": part, "seconds": round(ordered[last], 6)})
        return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _first(rows: dict[bytes, list[float]], place: int, top: int) -> list[tuple[bytes, list[float]]]:
    """The largest by one column."""
    return sorted(rows.items(), key=lambda row: (-row[1][place], row[0]))[:top]


def _reasons(sums: Reasons, top: int) -> list[Values]:
    return [
        {"reason": _text(key.replace(b"_", b" ")), "deliveries": int(row[0]), "seconds": round(row[1], 6)}
        for key, row in _first(sums.rows, 0, top)
    ]


def _recipients(sums: Recipients, name: str, top: int) -> list[Values]:
    return [
        {
            name: _text(key),
            "bytes": int(row[0]),
            "ended": int(row[1]),
            "tries": int(row[2]),
            "seconds": round(row[3], 6),
        }
        for key, row in _first(sums.rows, 2, top)
    ]


def _senders(sums: Senders, name: str, top: int) -> list[Values]:
    names = ("messages", "bytes", "bytes_delivered", "bytes_by_recipients", "recipients", "tries")
    return [
        {name: _text(key), **{column: int(row[at]) for at, column in enumerate(names)}, "seconds": round(row[6], 6)}
        for key, row in _first(sums.rows, 0, top)
    ]
