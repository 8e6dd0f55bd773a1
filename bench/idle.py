"""How much memory do sessions take?

    .venv/bin/python -m bench.idle [--idle 2000]

Proportional set size of the daemon with all its agents and workers: at rest, with 100 busy sessions (the highest of
many looks), with so many connections that say nothing after EHLO, and after they have gone.
"""

from __future__ import annotations

import argparse
import threading
import time

from bench.conversation import Conversation, allow_many_descriptors
from bench.load import Load, empty, send, wait_for
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.report import Row, publish
from tests.support.processes import proportional_kb, tree

LOAD = Load(100, 10_000)


def state(name: str, peak_kb: int, peer: Qmtwist) -> Row:
    """A row of the table."""
    return {"state": name, "PSS MB": peak_kb / 1024, "processes": float(len(tree(peer.pid)))}


def busy(peer: Qmtwist) -> int:
    """The highest PSS in kB while 100 sessions send."""
    empty(peer.maildir)
    sender = threading.Thread(target=send, args=(peer, LOAD))
    sender.start()
    peak = 0
    while sender.is_alive():
        peak = max(peak, proportional_kb(peer.pid))
        time.sleep(0.05)
    wait_for(peer.maildir, LOAD.messages)
    return peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=2000)
    options = parser.parse_args()
    allow_many_descriptors()
    with open_place() as place:
        peer = Qmtwist(place)
        peer.start()
        try:
            rows = [state("at rest, just started", proportional_kb(peer.pid), peer)]
            conversations = []
            for _ in range(options.idle):
                conversation = Conversation(peer.port)
                conversation.answer()
                conversation.say(b"EHLO idle.example\r\n", b"250")
                conversations.append(conversation)
            rows.append(state(f"{options.idle:,} idle connections", proportional_kb(peer.pid), peer))
            for conversation in conversations:
                conversation.close()
            time.sleep(1)
            rows.append(state("after they have gone", proportional_kb(peer.pid), peer))
            rows.append(state("100 busy sessions, highest", busy(peer), peer))
        finally:
            peer.stop()
        publish("Memory of sessions", place.description, rows)


if __name__ == "__main__":
    main()
