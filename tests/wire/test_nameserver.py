"""wire/nameserver.py: whom to ask, as files and experience say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.nameserver import (
    DOWN_S,
    PLAIN_S,
    Health,
    NameService,
    Server,
    candidates,
    parse_resolv_conf,
    parse_server,
)

ONE, TWO, THREE = (Server(f"192.0.2.{number}") for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("line", "server"),
    [
        (b"192.0.2.1", ONE),
        (b" 192.0.2.1\t5353 ", Server("192.0.2.1", 5353)),
        (b"192.0.2.1:5353", Server("192.0.2.1", 5353)),
        (b"::1", Server("::1")),
        (b"2001:DB8::0:1 54", Server("2001:db8::1", 54)),
        (b"[::1]:5353", Server("::1", 5353)),
        (b"[::1]", Server("::1")),
        (b"fe80::1%eth0", Server("fe80::1%eth0")),
        (b"[fe80::1%br-lan.5]:54", Server("fe80::1%br-lan.5", 54)),
    ],
)
def test_a_server_can_be_written_in_several_ways(line: bytes, server: Server) -> None:
    assert parse_server(line) == server


@pytest.mark.parametrize(
    "line",
    [b"", b"ns.example.org", b"192.0.2.1 0", b"192.0.2.1 65536", b"192.0.2.1 x", b"192.0.2.1 53 53", b"192.0.2.1%eth0",
     b"fe80::1%", b"fe80::1%a/b", b"[::1", b"[::1]:", b"[::1] 53 1", b"::1]:53", b"192.0.2.1:"],
)  # fmt: skip
def test_what_is_no_server_is_none(line: bytes) -> None:
    assert parse_server(line) is None


@given(st.binary())
def test_no_file_does_harm(text: bytes) -> None:
    parse_server(text)
    service = parse_resolv_conf(text)
    assert service.servers and service.attempts and service.timeout_s


def test_resolv_conf_is_read_as_the_c_library_reads_it() -> None:
    service = parse_resolv_conf(
        b"# generated\n; so is this\ndomain old.example\nsearch A.example. b.example\nnameserver 192.0.2.1\n"
        b"nameserver nonsense\nnameserver 192.0.2.2 # the other one\nnameserver 192.0.2.1\n"
        b"options timeout:2 attempts:99 ndots:3 rotate edns0 timeout:x\nsortlist 1.2.3.4\nnameserver"
    )
    assert service == NameService((ONE, TWO), 2, 5, (b"a.example", b"b.example"), 3)


def test_without_a_server_the_one_on_this_host_is_meant() -> None:
    assert parse_resolv_conf(b"search a.example\n").servers == (Server("127.0.0.1"), Server("::1"))


def test_the_search_list_comes_first_for_short_names_and_last_for_long_ones() -> None:
    service = NameService(search=(b"a.example", b"b.example"), ndots=2)
    assert candidates(b"x.y", service) == [b"x.y.a.example", b"x.y.b.example", b"x.y"]
    assert candidates(b"x.y.z", service) == [b"x.y.z", b"x.y.z.a.example", b"x.y.z.b.example"]
    assert candidates(b"x.", service) == [b"x"]


def test_a_silent_server_is_asked_last_for_a_while() -> None:
    health = Health()
    health.silent(ONE, 100)
    assert health.order([ONE, TWO, THREE], 100) == [TWO, THREE, ONE]
    assert health.order([ONE, TWO, THREE], 100 + DOWN_S) == [ONE, TWO, THREE]
    health.silent(ONE, 200)
    health.answered(ONE)
    assert health.order([ONE, TWO], 200) == [ONE, TWO]


def test_a_server_that_cannot_read_edns_is_spared_it_for_a_while() -> None:
    health = Health()
    assert health.has_edns(ONE, 0)
    health.cannot_edns(ONE, 0)
    assert [health.has_edns(ONE, 1), health.has_edns(TWO, 1), health.has_edns(ONE, PLAIN_S)] == [False, True, True]
