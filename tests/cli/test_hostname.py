"""cli/control/hostname: which names a host has."""

from __future__ import annotations

import time

import pytest

from qmtwist.cli.control import hostname


def test_the_canonical_name_wins_and_every_confirmed_name_is_ours() -> None:
    found = hostname.choose(
        "dolphin", "dolphin.example.com", {"127.0.0.1": "localhost", "192.0.2.7": "WWW.example.com."}
    )
    assert found is not None
    assert (found.me, found.all) == ("dolphin.example.com", ["dolphin.example.com", "localhost", "www.example.com"])
    assert found.lines == ["127.0.0.1: adding localhost", "192.0.2.7: adding www.example.com"]


def test_without_a_canonical_name_an_address_gives_it() -> None:
    found = hostname.choose("dolphin", "dolphin", {"192.0.2.7": "", "192.0.2.8": "mx.example.com"})
    assert found is not None
    assert (found.me, found.all) == ("mx.example.com", ["mx.example.com"])
    assert found.lines[0] == "192.0.2.7: no name in DNS"


@pytest.mark.parametrize("canonical", ["", "dolphin", "localhost.localdomain", "bad name.example", "..."])
def test_no_full_name_is_no_answer(canonical: str) -> None:
    assert hostname.choose("dolphin", canonical, {"127.0.0.1": "localhost"}) is None


def test_a_resolver_that_does_not_answer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostname, "_look_up", lambda: time.sleep(9))
    start = time.monotonic()
    assert hostname.ask(0.05) is None
    assert time.monotonic() - start < 8


@pytest.mark.parametrize(
    ("host", "domain", "plus"),
    [
        ("dolphin.example.com", "example.com", "example.com"),
        ("a.b.c.d", "b.c.d", "c.d"),
        ("a.b", "a.b", "a.b"),
        ("mash", "mash", "mash"),
    ],
)
def test_domains_are_cut_as_config_fast_does(host: str, domain: str, plus: str) -> None:
    assert (hostname.default_domain(host), hostname.plus_domain(host)) == (domain, plus)
