"""One question on its way through the DNS. (RFC 1035, 2308, 6891)

`Lookup` is a pure state machine: it says what to send where, and by when an answer must have come. Two shells carry
it: services/dns.py on Twisted and agents/dns.py with blocking sockets. dnspython, which costs more to import than
Python itself, comes in with `dnsmessage` when the first query is made, never before.
"""

from __future__ import annotations

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status

__all__ = ["TROUBLE", "Answer", "Kind", "Question", "Status"]
