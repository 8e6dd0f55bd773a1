"""How long does it take to decide what a client may do, with 5,000 rules?

Run: python -m bench.rules [RULES]

The rules are half addresses and dotted prefixes, a quarter blocks of ten lengths, and a quarter host names; clients hit
some of them and miss most. Also: reading the rules again, as the service does when the file has changed, and one look
into the cdb, as a program of one connection does it.

Last run (2-core virtual machine, Python 3.11.2, other work beside it):

    5000 rules
    read the text                                      40.8 ms
    longest hold of the daemon while it reads           1.1 ms
    read the cdb                                       20.7 ms
    longest hold while it reads the cdb                 0.6 ms
    decide, IPv4, in the daemon                         2.8 us
    decide, IPv4 and a name                             3.3 us
    decide, IPv6, in the daemon                         4.9 us
    decide, IPv4, by a cdb                            108.0 us
"""

from __future__ import annotations

import gc
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from qmtwist.control import rulesfiles
from qmtwist.rules import peers, tcprules
from qmtwist.services.door.peerrules import SLICE
from qmtwist.store import cdb

CLIENTS = 20_000


def rules_text(count: int, chance: random.Random) -> bytes:
    """So many rules."""
    lines = []
    for number in range(count):
        ip = IPv4Address(chance.randrange(1 << 24, 224 << 24))
        match number % 8:
            case 0 | 1 | 2:
                address = str(ip)
            case 3:
                address = str(ip).rpartition(".")[0] + "."
            case 4:
                bits = chance.randrange(16, 26)
                address = f"{IPv4Address(int(ip) >> (32 - bits) << (32 - bits))}/{bits}"
            case 5:
                address = f"[2001:db8:{number:x}::/48]"
            case _:
                address = f"=host{number}.example"
        lines.append(f'{address}:allow,RELAYCLIENT=""\n')
    return "".join(lines).encode() + b":allow\n"


def measured(words: str, work: Callable[[], object], times: int) -> None:
    """Print how long it takes once."""
    began = time.perf_counter()
    work()
    took = (time.perf_counter() - began) / times
    value, unit = (took * 1e3, "ms") if took > 1e-3 else (took * 1e6, "us")
    print(f"{words:48} {value:6.1f} {unit}")


def print_slices(words: str, path: str) -> None:
    """Print how long the longest of the slices takes in which the daemon reads a file: CPU time, for other work on the
    machine is not its doing.
    """
    gc.freeze()  # what this program has made itself
    steps, longest, is_over = rulesfiles.reading(path), 0.0, False
    while not is_over:
        began = time.process_time()
        is_over = len(list(itertools.islice(steps, SLICE))) < SLICE
        longest = max(longest, time.process_time() - began)
    print(f"{words:48} {longest * 1e3:6.1f} ms")


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    chance = random.Random(1)
    text = rules_text(count, chance)
    print(f"{count} rules")
    rules = peers.parse(text)
    listed = [ip for ip in rules.records if ip[:1].isdigit() and ip[-1:] != b"."]
    clients = [
        chance.choice(listed) if number % 10 == 0 else str(IPv4Address(chance.randrange(1 << 24, 224 << 24))).encode()
        for number in range(CLIENTS)
    ]
    six = [str(IPv6Address((0x20010DB8 << 96) + chance.randrange(count << 80))).encode() for _ in range(CLIENTS)]
    measured("read the text", lambda: peers.parse(text), 1)
    with tempfile.TemporaryDirectory() as directory:
        with open(f"{directory}/tcprules", "wb") as stream:
            stream.write(text)
        print_slices("longest hold of the daemon while it reads", f"{directory}/tcprules")
        path = f"{directory}/rules.cdb"
        cdb.write(path, path + ".tmp", [(key, tcprules.encode(r)) for r in tcprules.read(text) for key in r.keys])
        with cdb.Reader(path) as reader:
            measured("read the cdb", lambda: peers.from_records(reader.records()), 1)
            print_slices("longest hold while it reads the cdb", path)
            measured(
                "decide, IPv4, in the daemon", lambda: [peers.lookup(rules, ip, None, None) for ip in clients], CLIENTS
            )
            name, few = b"client.host7.example", clients[:2000]
            measured(
                "decide, IPv4 and a name", lambda: [peers.lookup(rules, ip, name, None) for ip in clients], CLIENTS
            )
            measured(
                "decide, IPv6, in the daemon", lambda: [peers.lookup(rules, ip, None, None) for ip in six], CLIENTS
            )
            measured(
                "decide, IPv4, by a cdb", lambda: [peers.decide(reader.get, ip, None, None) for ip in few], len(few)
            )


if __name__ == "__main__":
    main()
