"""How long does a mailing list take to hand a posting to the queue?

Run: python -m bench.lists [SUBSCRIBERS]

A server takes a message for a list and runs its .qmail file: from the injection of the message to the end of the
delivery, when the posting is in the queue on disk. No copies go out meanwhile: concurrencyremote is 0. Three postings;
beside them ezmlm-sub reading all addresses, and adding one more.

Last run (2-core virtual machine, Python 3.11.2, other work beside it):

    ezmlm-sub, 20,000 addresses   0.25 s
    ezmlm-sub, one more           0.02 s
    posting to 20,000             0.13 to 0.20 s (1.0 s with eight busy programs beside it)
"""

from __future__ import annotations

import sys
import time

from tests.support.daemon import running
from tests.support.town import HOST, Office, Town, town

POSTINGS = 3


def shell(made: Town, text: str) -> float:
    """Let joe do this; seconds."""
    home = made.directory("joe")
    began = time.perf_counter()
    made.run("/bin/sh", "-c", f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; cd\n{text}", user="joe")
    return time.perf_counter() - began


def posting(office: Office) -> float:
    """Write to the list; seconds until it is queued."""
    began = time.perf_counter()
    report = office.deliver(f"joe-list@{HOST}", f"joe@{HOST}")
    assert "success" in report, report
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with town("joe") as made:
        made.write("control/concurrencyremote", "0\n")
        made.file("joe", "addresses", "".join(f"user{number}@host{number % 500}.example\n" for number in range(count)))
        with running(Office(made)) as office:
            shell(made, f"ezmlm-make ~/list ~/.qmail-list joe-list {HOST}")
            print(f"ezmlm-sub, {count:,} addresses   {shell(made, 'ezmlm-sub ~/list <addresses'):.2f} s")
            print(f"ezmlm-sub, one more           {shell(made, 'ezmlm-sub ~/list more@x.example'):.2f} s")
            for _ in range(POSTINGS):
                print(f"posting to {count:,}             {posting(office):.2f} s")


if __name__ == "__main__":
    main()
