"""Several hosts in front of one store of maildirs, as over NFS (Life with qmail, 5.7): two servers, one directory."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.daemon import Home, running
from tests.support.network import private_network
from tests.support.privately import _libc
from tests.support.remote import Station, station, wait_until
from tests.support.town import Office, Town, town
from tests.support.zone import Zone

pytestmark = pytest.mark.system

H = "test.example"
NEW_HOST_NAME = 0x04000000  # CLONE_NEWUTS
COUNT = 60
HOSTS = ("mx1", "mx2", "mx3")


def named(name: str, before: Callable[[], None]) -> Callable[[], None]:
    """What a process does first: be on a host of this name (root), then `before`."""

    def enter() -> None:
        if os.geteuid() == 0 and not _libc.unshare(NEW_HOST_NAME):
            _libc.sethostname(ctypes.c_char_p(name.encode()), len(name))
        before()

    return enter


class Mx(Office):
    """The server of a host that has a name and, maybe, an address of its own."""

    def __init__(self, made: Town, name: str, address: str = "") -> None:
        super().__init__(made)
        self.name, self.address = name, address
        self.before_exec = named(name, self.before_exec)

    def command(self) -> list[str]:
        """Listening for SMTP there, too."""
        more = ["--listen", f"smtp=tcp:25:interface={self.address}"] if self.address else []
        return [*super().command(), *more]


@contextmanager
def hosts(*names: str, addresses: tuple[str, ...] = ()) -> Iterator[list[Mx]]:
    """Servers that deliver joe's mail into one directory, the first one's."""
    with ExitStack() as stack:
        servers: list[Mx] = []
        for place, name in enumerate(names):
            first = servers[0].town if servers else None
            made = stack.enter_context(town("joe", "ann", prepare=lambda made, first=first: share(made, first)))
            servers.append(Mx(made, name, addresses[place] if addresses else ""))
        for server in servers:
            stack.enter_context(running(server))
        yield servers


def share(made: Town, first: Town | None) -> None:
    """joe's maildir is where the first host has it, as a mounted directory would be."""
    if first is not None:
        shutil.rmtree(made.maildir("joe"))
        os.symlink(first.maildir("joe"), made.maildir("joe"))


def send(server: Office, numbers: range) -> None:
    """Messages for joe down one connection."""
    with server.smtp() as client:
        for number in numbers:
            client.sendmail("s@far.example", [f"joe@{H}"], f"Subject: {number}\r\n\r\nbody\r\n")


def in_threads(*jobs: Callable[[], None]) -> None:
    """All at once; an error of any is raised."""
    errors: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def subjects(home: Home) -> list[int]:
    found = [re.search(rb"^Subject: (\d+)$", text, re.M) for text in home.messages("joe")]
    return sorted(int(match[1]) for match in found if match)


def names_in(home: Home) -> list[str]:
    return [name for part in ("new", "cur") for name in os.listdir(f"{home.maildir('joe')}/{part}")]


def host_names(home: Home) -> Counter[str]:
    """How many messages each host has delivered, by what it put at the end of the names."""
    return Counter(name.partition(":")[0].split(".", 2)[2] for name in names_in(home))


def test_two_hosts_deliver_into_one_maildir() -> None:
    """S141, S149: no name is used twice, nothing is lost or left in tmp; each host signs what it delivered."""
    with hosts("alpha", "beta") as servers:
        parts = [range(start, start + COUNT // 4) for start in range(0, COUNT, COUNT // 4)]
        in_threads(
            *(lambda part=part, server=servers[place % 2]: send(server, part) for place, part in enumerate(parts))
        )
        servers[0].wait_for_messages("joe", COUNT)
        assert subjects(servers[0].town) == list(range(COUNT))
        assert len(set(names_in(servers[0].town))) == COUNT
        assert os.listdir(f"{servers[0].town.maildir('joe')}/tmp") == []
        if os.geteuid() == 0:
            assert host_names(servers[0].town) == {"alpha": COUNT // 2, "beta": COUNT // 2}


def test_a_host_that_dies_in_the_middle_leaves_whole_messages_only() -> None:
    """LWQ 5.7.1: the other goes on, and what the dead one had queued is delivered when it is back."""
    with hosts("alpha", "beta") as servers:
        in_threads(lambda: send(servers[0], range(20)), lambda: send(servers[1], range(100, 120)))
        servers[1].kill()
        send(servers[0], range(20, 30))
        servers[1].start()
        wait_until(lambda: len(set(subjects(servers[0].town))) == 50, lambda: subjects(servers[0].town))
        assert set(subjects(servers[0].town)) == {*range(30), *range(100, 120)}
        assert all(text.endswith(b"\n\nbody\n") for text in servers[0].town.messages("joe"))


def test_a_host_that_cannot_reach_the_store_waits() -> None:
    """LWQ 5.7.1: an unmounted directory is no reason to bounce."""
    with hosts("alpha", "beta") as servers:
        link = servers[1].town.maildir("joe")
        os.rename(link, f"{link}.away")
        assert ": deferral: " in servers[1].deliver(f"joe@{H}")
        assert ": success: " in servers[0].deliver(f"joe@{H}")
        os.rename(f"{link}.away", link)
        servers[1].signal(14)
        servers[0].wait_for_messages("joe", 2)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network of its own")
def test_equal_mail_exchangers_share_the_work_and_stand_in_for_each_other() -> None:
    """LWQ 5.7.1: MX records of one preference, one store of maildirs behind them."""
    addresses = tuple(f"192.0.2.{number}" for number in (11, 12, 13))
    records = "".join(
        f"{H}. MX 10 {name}.{H}.\n{name}.{H}. A {at}\n" for name, at in zip(HOSTS, addresses, strict=True)
    )
    with private_network(), Zone(records) as zone, hosts(*HOSTS, addresses=addresses) as servers:
        store = servers[0].town
        with station(host="sender.example", nameservers=zone.nameserver + "\n") as sender:
            spread(sender, store)
            servers[1].kill()
            for number in range(COUNT, COUNT + 12):
                sender.send(f"joe@{H}", message=b"Subject: %d\n\nbody\n" % number)
            wait_until(lambda: len(store.messages("joe")) == COUNT + 12, lambda: sender.log[-20:])
            servers[1].start()
        # what the dead host had delivered but not crossed off is there twice; see docs/explanation/queue.md
        assert set(subjects(store)) == set(range(COUNT + 12))


def spread(sender: Station, store: Home) -> None:
    """Every host gets some of many messages."""
    for number in range(COUNT):
        sender.send(f"joe@{H}", message=b"Subject: %d\n\nbody\n" % number)
    wait_until(lambda: len(store.messages("joe")) == COUNT, lambda: sender.log[-20:])
    delivered = host_names(store)
    assert set(delivered) == set(HOSTS), delivered
    assert sum(delivered.values()) == COUNT
