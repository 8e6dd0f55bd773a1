"""rules/machine/ports.py: the kernel's tables, endpoints, and who is in whose way."""

from __future__ import annotations

import pytest

from qmtwist.rules.machine.ports import Claim, Listener, claim, colliding, is_local_only, listeners

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = HEAD + (
    "   0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 501 1 0 100 0 0 10 0\n"
    "   1: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1005        0 502 1 0 100 0 0 10 0\n"
    "   2: 0100007F:A0F2 0100007F:0019 01 00000000:00000000 00:00000000 00000000     0        0 503 1 0 20 4 30 10 -1\n"
)
TCP6 = HEAD + (
    "   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000     0        0 504 1 0 100 0 0 10 0\n"
    "   1: B80D0120000000000000000001000000:006E 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000     7        0 505 1 0 100 0 0 10 0\n"
)


def test_only_listening_sockets_are_read() -> None:
    assert listeners(TCP) == [Listener("0.0.0.0", 25, 0, 501), Listener("127.0.0.1", 631, 1005, 502)]
    assert listeners(TCP6) == [Listener("::1", 25, 0, 504), Listener("2001:db8::1", 110, 7, 505)]
    assert listeners("") == listeners(HEAD) == []


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp:25", Claim("0.0.0.0", 25)),
        ("tcp:2525:interface=127.0.0.1", Claim("127.0.0.1", 2525)),
        ("tcp:interface=192.0.2.1:port=25:backlog=5", Claim("192.0.2.1", 25)),
        ("tcp6:25", Claim("::", 25)),
        (r"tcp6:25:interface=2001\:db8\:\:1", Claim("2001:db8::1", 25)),
        ("ssl:995:privateKey=/etc/key", Claim("0.0.0.0", 995)),
        ("unix:/run/qmqp:mode=660", None),
        ("systemd:domain=INET:index=0", None),
        ("tcp:smtp", None),
        ("tcp:0", None),
        ("tcp:70000", None),
        ("tcp", None),
    ],
)
def test_an_endpoint_claims_an_address_and_a_port(endpoint: str, expected: Claim | None) -> None:
    assert claim(endpoint) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "collides"),
    [
        ("0.0.0.0", "0.0.0.0", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "::", True),
        ("::", "127.0.0.1", True),
        ("::", "::1", True),
        ("::1", "::", True),
        ("0.0.0.0", "::1", False),
        ("127.0.0.1", "::1", False),
        ("127.0.0.1", "192.0.2.1", False),
        ("::1", "2001:db8::1", False),
    ],
)
def test_addresses_meet_if_one_takes_in_the_other(ours: str, theirs: str, collides: bool) -> None:
    there = [Listener(theirs, 25, 0, 1), Listener(theirs, 26, 0, 2)]
    assert colliding(Claim(ours, 25), there) == there[: int(collides)]


def test_a_trial_that_listens_on_the_loopback_alone_is_known() -> None:
    local = [Claim("127.0.0.1", 2525), Claim("::1", 2525)]
    assert is_local_only(local)
    assert not is_local_only([*local, Claim("0.0.0.0", 25)]) and not is_local_only([])
