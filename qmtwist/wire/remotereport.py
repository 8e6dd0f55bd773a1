"""What a qmail-remote run amounts to: its NUL-ended records combined into one report. (qmail-rspawn; qmail-remote(8))

Each recipient gives a record `r` accepted, `h` refused for good or `s` for now, then the message a record `K`, `Z` or
`D`. One run has one recipient, so the first record decides about it.
"""

from __future__ import annotations

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.mail.shapes import NamedTuple

_RANK = {b"K": 1, b"Z": 0, b"D": -1}
_VERDICTS = {rank: Verdict(letter) for letter, rank in _RANK.items()}
_RECIPIENT_RANK = {b"s": 0, b"h": -1}


class Result(NamedTuple):
    r"""How a transaction with another host ended.

    `recipients` has a letter (`r` `h` `s`) and a text for each recipient in order, perhaps for fewer than there were;
    `letter` (`K` `Z` `D`) and `text` are the message's. Texts are as qmail-remote writes them, without a NUL.

    >>> Result(((b"r", b""),), b"K", b"192.0.2.1 accepted message.\n").records()
    b'r\x00K192.0.2.1 accepted message.\n\x00'
    """

    recipients: tuple[tuple[bytes, bytes], ...]
    letter: bytes
    text: bytes

    def records(self) -> bytes:
        """What qmail-remote writes to its standard output."""
        return b"".join([b"%s%s\0" % record for record in (*self.recipients, (self.letter, self.text))])

    def outcomes(self, count: int) -> tuple[Outcome, ...]:
        """One for each of `count` recipients: what qmail-rspawn makes of its record and the message's.

        A recipient without a record has the message's outcome, but it has not succeeded.
        """
        recipients = self.recipients[:count]
        whole = [self._outcome(letter, text) for letter, text in recipients]
        if len(whole) < count:
            verdict = Verdict.DEFERRAL if self.letter == b"K" else Verdict(self.letter)
            whole += [Outcome(verdict, self.text)] * (count - len(whole))
        return tuple(whole)

    def _outcome(self, letter: bytes, text: bytes) -> Outcome:
        result = _RANK[self.letter]
        rank = _RECIPIENT_RANK.get(letter, result)
        return Outcome(_VERDICTS[rank], text + self.text if result <= rank else text)


def crashed() -> Outcome:
    """The program was killed by a signal."""
    return Outcome(Verdict.DEFERRAL, b"qmail-remote crashed.\n")


def combine(exit_code: int, output: bytes) -> Outcome:
    r"""The report of a run that ended by itself.

    The message record's text follows the recipient's only if it is no better than the verdict.

    >>> combine(0, b"hno such user.\n\0DGiving up.\n\0")
    Outcome(verdict=<Verdict.FAILURE: b'D'>, text=b'no such user.\nGiving up.\n')
    """
    if exit_code:
        return Outcome(Verdict.DEFERRAL if exit_code == 111 else Verdict.FAILURE, b"Unable to run qmail-remote.\n")
    if not output:
        return Outcome(Verdict.DEFERRAL, b"qmail-remote produced no output.\n")
    result = _message_rank(output)
    rank = _RECIPIENT_RANK.get(output[:1], result)
    text, ended, rest = output[1:].partition(b"\0")
    if not ended:
        return Outcome(_VERDICTS[rank], b"")
    if result <= rank and rest[:1] in _RANK:
        text += rest[1:].partition(b"\0")[0]
    return Outcome(_VERDICTS[rank], text)


def _message_rank(output: bytes) -> int:
    """The first complete record about the message; without one the worst is assumed, as qmail does."""
    for record in output.split(b"\0")[:-1]:
        if record[:1] in _RANK:
            return _RANK[record[:1]]
    return -1


# -- qmail-remote's texts that several sessions write; an address is the other host's, as bytes


def died(address: bytes, may_be_duplicate: bool) -> bytes:
    """The connection ended before its time."""
    return b"Connected to %s but connection died. %s(#4.4.2)\n" % (
        address,
        b"Possible duplicate! " if may_be_duplicate else b"",
    )


def giving_up(address: bytes) -> bytes:
    """No recipient was accepted."""
    return b"Giving up on %s.\n" % address


def accepted(address: bytes, said: bytes) -> bytes:
    """The message is theirs now. `said` is the answer, with its LF."""
    return b"%s accepted message.\nRemote host said: %s" % (address, said)


def disliked(address: bytes, said: bytes) -> bytes:
    """A recipient was not accepted."""
    return b"%s does not like recipient.\nRemote host said: %s" % (address, said)
