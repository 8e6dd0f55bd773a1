"""What does it cost to fill in a subscriber's own link where a posting is handed to an agent?

Run: python -m bench.one_click

For each kind of message the queue manager's step from the message to what an agent gets, 20,000 recipients; processor
time for each. A delivery to another host takes some hundred times as long.

Last run (2-core virtual machine, Python 3.11.2, other work beside it):

    one sender for all              0.6 us
    a sender for each, no mark      1.1 us
    a posting of 5 KB              22.8 us
    a posting of 100 KB            28.3 us
"""

from __future__ import annotations

import tempfile
import time
from typing import Any, cast

from qmtwist.mail.envelope import Envelope
from qmtwist.rules.lists import oneclick
from qmtwist.rules.routing import Routes
from qmtwist.services.send.mail import JournalMail
from qmtwist.services.send.personal import Personal
from qmtwist.store.journal.records import JournalMessage
from qmtwist.store.journal.writer import Place

RECIPIENTS = 20_000
LINE = b"Received: (qmail 1 invoked by uid 1000); 21 Nov 2026 05:13:49 -0000\n"
POSTING = b"list-return-7-@h.example-@[]"
MARK = oneclick.mark(b"5" * 64, 7)
KINDS = {
    "one sender for all": (b"joe@h.example", b"", 5_000),
    "a sender for each, no mark": (POSTING, b"", 5_000),
    "a posting of 5 KB": (POSTING, MARK, 5_000),
    "a posting of 100 KB": (POSTING, MARK, 100_000),
}


def cost_us(personal: Personal, sender: bytes, mark: bytes, size: int) -> float:
    """Microseconds for each recipient."""
    content = LINE + mark + b"Subject: x\n\n" + b"x" * size
    entry = JournalMessage(1, 1000, 1, 0, Envelope(sender, ()), content)
    mail = JournalMail(entry, cast(Place, cast(Any, None)), 0, [])
    began = time.process_time()
    for number in range(RECIPIENTS):
        personal.content(mail, b"user%d@far.example" % number)
    return (time.process_time() - began) / RECIPIENTS * 1e6


def main() -> None:
    """Measure and print."""
    routes = Routes((), {}, (), b"h.example")
    with tempfile.TemporaryDirectory() as directory:
        personal = Personal(directory, f"{directory}/secret", lambda: routes, print)
        personal.url = b"https://lists.example.org/leave"
        for name, kind in KINDS.items():
            print(f"{name:30} {cost_us(personal, *kind):5.1f} us")


if __name__ == "__main__":
    main()
