"""Lists of client addresses in the DNS: whom to ask, and what the answers mean. (rblsmtpd 0.88; RFC 5782)

The same rules serve rblsmtpd and the daemon. Lists count in the order in which they were named, and the first that says
something decides; a flag holds for the lists behind it. A list is written

    zone                  rblsmtpd's: an -r list counts when it has a text (TXT), an -a list when it has an address (A)
    zone=CODES            the address must be one of CODES: `127.0.0.2`, `127.0.0.2-11`, `127.0.0-255.1-3,127.0.1.2`
    zone:TEXT             an -r list counts when it has an address; TEXT is said instead of the list's own words
    zone=CODES:TEXT       both; `%IP%` in TEXT is the client's address

An address that is not in 127.0.0.0/8 is no answer of a list but of somebody who has taken over its name, and one in
127.255.255.0/24 means that the list refuses to answer us, which counts as a failed lookup: both for the last three.
"""

from __future__ import annotations

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.mail.errors import Malformed
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import Mapping, NamedTuple, Sequence

TEXT_BYTES = 200  # of what a list says
TIMEOUT_S = 60
TIMEOUT_LIMIT_S = 2**31
LOOKUP_ERROR = b"temporary RBL lookup error"

Range = tuple[int, int]
Code = tuple[Range, ...]  # four: the lowest and the highest of each number of an address


class List(NamedTuple):
    """One list. `codes` None: any address counts; `text` None: the list's own is said."""

    zone: bytes
    is_allowing: bool = False  # -a: who is in it is let in
    is_permanent: bool = False  # -b: 553
    is_failing_closed: bool = False  # -c: a failed lookup keeps the client out for now
    codes: tuple[Code, ...] | None = None
    text: bytes | None = None


class Verdict(NamedTuple):
    """What becomes of a client: `code` is 451 or 553, or 0 for one that is let in.

    `text` is ready to be said; `source` is the list that decided (empty: none), `failed` those that could not be asked.
    """

    code: int = 0
    text: bytes = b""
    source: bytes = b""
    failed: tuple[bytes, ...] = ()

    @property
    def is_listed(self) -> bool:
        """Whether a list, or the postmaster, has something against the client; not merely that a lookup failed."""
        return self.code != 0 and self.source not in self.failed


class Plan(NamedTuple):
    """Lists in their order, and a limit: of the conversation in rblsmtpd, of the lookups in the daemon."""

    lists: tuple[List, ...] = ()
    timeout_s: int = TIMEOUT_S


# -- what was asked for


class Options:
    """rblsmtpd's options, taken one after the other."""

    def __init__(self, timeout_s: int = TIMEOUT_S) -> None:
        self._lists: list[List] = []
        self._timeout_s = timeout_s
        self._is_permanent = self._is_failing_closed = False

    def take(self, letter: bytes, value: bytes) -> None:
        """One option: b, B, c, C, or t, r, a with a value.

        :raises Malformed: what stands behind a zone makes no sense.
        """
        if letter in (b"b", b"B"):
            self._is_permanent = letter == b"b"
        elif letter in (b"c", b"C"):
            self._is_failing_closed = letter == b"c"
        elif letter == b"t":
            self._timeout_s = _leading_number(value)
        else:
            zone, codes, text = _parse_zone(value)
            is_allowing = letter == b"a"
            self._lists.append(List(zone, is_allowing, self._is_permanent, self._is_failing_closed, codes, text))

    @property
    def plan(self) -> Plan:
        """What they amount to."""
        return Plan(tuple(self._lists), self._timeout_s)


def parse_line(options: Options, line: bytes) -> None:
    """A line of control/rbldns: the options of rblsmtpd, several in a line if you like. A TEXT ends with its line.

    :raises Malformed: something else, or a zone that is no domain name.

    >>> options = Options()
    >>> parse_line(options, b"-b -r sbl.example=127.0.0.2:Blocked, see http://sbl.example/?%IP%")
    >>> options.plan.lists[0].text
    b'Blocked, see http://sbl.example/?%IP%'
    """
    rest = line.strip(b" \t")
    while rest:
        dash, letter, rest = rest[:1], rest[1:2], rest[2:]
        if dash != b"-" or not letter or letter not in b"bBcCtra":
            raise Malformed("write -r LIST, -a LIST, -b, -B, -c, -C or -t SECONDS")
        if letter in b"bBcC":
            if rest[:1] not in (b"", b" ", b"\t"):
                rest = b"-" + rest  # a cluster, -bc
        else:
            value, rest = _value(rest.lstrip(b" \t"))
            _check_value(letter, value)
            options.take(letter, value)
            rest = rest.lstrip(b" \t")
            continue
        options.take(letter, b"")
        rest = rest.lstrip(b" \t")


def parse_lines(lines: Sequence[bytes], timeout_s: int) -> Plan:
    """The lines of control/rbldns, which have been checked; `timeout_s` counts if they have no -t.

    :raises Malformed: see `parse_line`.
    """
    options = Options(timeout_s)
    for line in lines:
        parse_line(options, line)
    return options.plan


def _value(text: bytes) -> tuple[bytes, bytes]:
    """The word that begins the text, and what follows; a word with a colon goes on to the end."""
    words = text.split(None, 1)
    if not words:
        raise Malformed("an option's value is missing")
    return (text, b"") if b":" in words[0] else (words[0], words[1] if len(words) > 1 else b"")


def _check_value(letter: bytes, value: bytes) -> None:
    """A control file is read once, so it may be read strictly."""
    if letter == b"t":
        if not value.isdigit() or not 0 < _leading_number(value) <= 300:
            raise Malformed("-t takes 1 to 300 seconds")
        return
    zone = _parse_zone(value)[0].removesuffix(b".")
    labels = zone.split(b".")
    if len(zone) > 180 or not all(0 < len(label) < 64 and not label.translate(None, _LABEL) for label in labels):
        raise Malformed("a list is a domain name, perhaps with =CODES and :TEXT")


_LABEL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def _parse_zone(value: bytes) -> tuple[bytes, tuple[Code, ...] | None, bytes | None]:
    rest, colon, text = value.partition(b":")
    zone, equals, codes = rest.partition(b"=")
    parsed = tuple(_parse_code(code) for code in codes.split(b",")) if equals else None
    return zone, parsed, text.strip() if colon else None


def _parse_code(text: bytes) -> Code:
    parts = text.strip().split(b".")
    ranges = []
    for part in parts:
        low, dash, high = part.partition(b"-")
        if not low.isdigit() or (dash and not high.isdigit()) or len(part) > 7:
            break
        ranges.append((int(low), int(high) if dash else int(low)))
    if len(parts) != 4 or len(ranges) != 4 or not all(low <= high <= 255 for low, high in ranges):
        raise Malformed("codes are addresses such as 127.0.0.2 or 127.0.0.4-7, with commas between them")
    return tuple(ranges)


def _leading_number(text: bytes) -> int:
    """As scan_ulong reads it: the digits in front, if any.

    >>> _leading_number(b"12x"), _leading_number(b"x")
    (12, 0)
    """
    digits = text[: len(text) - len(text.lstrip(b"0123456789"))]
    return min(int(digits[:12] or b"0"), TIMEOUT_LIMIT_S)


# -- questions and answers


def reversed_address(ip: bytes) -> bytes:
    """What stands before the zone in a question, its final dot included; nothing for a client without an address.

    >>> reversed_address(b"192.0.2.7"), reversed_address(b"2001:db8::1")[:8], reversed_address(b"")
    (b'7.2.0.192.', b'1.0.0.0.', b'')
    """
    if b":" in ip:
        address = parse_address(ip.partition(b"%")[0])
        if address is not None and ":" in address:
            from ipaddress import IPv6Address  # seldom needed

            # RFC 5782 §2.4: nibbles, the last first
            return b"".join(b"%c." % nibble for nibble in reversed(IPv6Address(address).packed.hex().encode()))
        ip = ip if address is None else address.encode("ascii")
    numbers = ip.split(b".")
    if not numbers[0]:
        del numbers[0]
    return b"".join([number + b"." for number in reversed(numbers)])


def questions(entry: List, ip: bytes) -> tuple[Question, ...]:
    """What to ask a list about a client."""
    name = reversed_address(ip) + entry.zone
    if entry.is_allowing or entry.text is not None:
        return (Question(name, Kind.A),)
    if entry.codes is None:
        return (Question(name, Kind.TXT),)
    return Question(name, Kind.A), Question(name, Kind.TXT)


def decide(lists: Sequence[List], ip: bytes, answers: Sequence[tuple[Answer, ...] | None]) -> Verdict | None:
    """The verdict, given the answers to the questions of each list; None: it depends on one that is not there yet.

    A list that does not stand in `answers`, or has None there, is not there yet.
    """
    failed: tuple[bytes, ...] = ()
    for place, entry in enumerate(lists):
        answer = answers[place] if place < len(answers) else None
        if answer is None:
            return None
        words = _words(entry, ip, answer)
        if words is None:
            failed = (*failed, entry.zone)
            if entry.is_allowing and not entry.is_failing_closed:
                return Verdict(0, b"", entry.zone, failed)
            if not entry.is_allowing and entry.is_failing_closed:
                return Verdict(451, LOOKUP_ERROR, entry.zone, failed)
        elif words:
            if entry.is_allowing:
                return Verdict(0, b"", entry.zone, failed)
            # after a failure nobody is turned away for good: the list that failed might have let him in
            return Verdict(553 if entry.is_permanent and not failed else 451, clean(words), entry.zone, failed)
    return Verdict(failed=failed)


def _words(entry: List, ip: bytes, answers: tuple[Answer, ...]) -> bytes | None:
    """What is said about a client that is in the list; empty: it is not in it; None: nobody knows."""
    first = answers[0] if answers else TROUBLE
    if first.status is Status.TROUBLE:
        return None
    if not entry.is_allowing and entry.codes is None and entry.text is None:
        return b"".join(_texts(first))
    codes = [code for record in first.records if isinstance(record, str) and (code := _quad(record))]
    if entry.is_allowing and entry.codes is None:
        return b"listed" if codes else b""
    if not any(_is_listing(entry.codes, code) for code in codes):
        return None if any(code[:3] == (127, 255, 255) for code in codes) else b""
    own = entry.text.replace(b"%IP%", ip) if entry.text is not None else b"".join(_texts(answers[-1]))
    return own or b"%s is listed in %s" % (ip, entry.zone)


def _is_listing(codes: tuple[Code, ...] | None, found: tuple[int, ...]) -> bool:
    if codes is None:
        return found[0] == 127 and found[:3] != (127, 255, 255)
    return any(all(low <= number <= high for number, (low, high) in zip(found, code, strict=True)) for code in codes)


def _texts(answer: Answer) -> list[bytes]:
    return [record for record in answer.records if isinstance(record, bytes)]


def _quad(address: str) -> tuple[int, ...] | None:
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return None
    return tuple(map(int, parts))


def clean(text: bytes) -> bytes:
    r"""A text as it is said: cut, and a `?` for each byte that cannot be printed.

    >>> clean(b"a\tb" + b"x" * 300)[:4], len(clean(b"x" * 300))
    (b'a?bx', 200)
    """
    return text[:TEXT_BYTES].translate(_PRINTABLE)


_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))


def told(variables: Mapping[bytes, bytes]) -> Verdict | None:
    """What the variable RBLSMTPD says, which counts before all lists; None: it is not set.

    >>> told({b"RBLSMTPD": b"-go away"}).code, told({b"RBLSMTPD": b""}).code, told({})
    (553, 0, None)
    """
    value = variables.get(b"RBLSMTPD")
    if value is None:
        return None
    if not value:
        return Verdict(source=b"RBLSMTPD")
    is_permanent = value[:1] == b"-"
    return Verdict(553 if is_permanent else 451, clean(value[is_permanent:]), b"RBLSMTPD")
