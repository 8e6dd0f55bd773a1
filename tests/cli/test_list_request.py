"""Commands in the subject: ezmlm-request."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists import request
from tests.support.filterhome import FilterHome
from tests.support.modlist import ANN, asked, directory, make, people


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return make(tmp_path)


def ask(place: FilterHome, text: bytes, local: str = "list-request") -> int:
    return place.run("ezmlm-request", directory(place), text=text, LOCAL=local, SENDER=ANN)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Subject: subscribe\n\n", "\nReply-To: list-sc."),
        (b"Subject: Subscribe list@h.dom bob@x.y\n\n", "-bob=x.y@h.dom\n"),
        (b"Subject: \n\n  unsubscribe\n-- \nhelp\n", "\nReply-To: list-uc."),
        (b"\n123\nunsubscribe list@h.dom\n", "\nReply-To: list-uc."),
        (b"Subject: LIST-help@H.dom\n\n", "\nTo: ann@x.y\n"),
        (b"Subject: query\n\n", "\nTo: ann@x.y\n"),
        (b"Subject: get 12\n\n", "\nTo: ann@x.y\n"),
    ],
)
def test_a_command_in_a_message_is_one_in_an_address(place: FilterHome, text: bytes, expected: str) -> None:
    assert ask(place, text) == 99
    (letter,) = place.queued
    assert expected in letter.header and b"Return-Path: <ann@x.y>\n" in letter.body


def test_somebody_joins_by_subjects(place: FilterHome) -> None:
    ask(place, b"Subject: subscribe\n\n")
    (letter,) = place.queued
    confirmation = letter.header.partition("\nReply-To: list-")[2].partition("@h.dom\n")[0]
    asked(place, ANN, confirmation)
    assert people(place) == [ANN]


@pytest.mark.parametrize(
    "text", [b"Subject: hello\n\n", b"Subject: subscribe other@h.dom\n\n", b"\n", b"Subject: ?\n\n"]
)
def test_nonsense_is_not_answered_to_strangers(place: FilterHome, text: bytes) -> None:
    assert ask(place, text) == 99 and place.queued == []


def test_other_addresses_are_for_other_programs(place: FilterHome) -> None:
    assert ask(place, b"Subject: subscribe\n\n", "list-help") == 0 and place.queued == []
    assert ask(place, b"Subject: subscribe\n\n", "other-request") == 100


def test_without_the_program_the_address_works_as_well(place: FilterHome) -> None:
    assert "\nReply-To: list-sc." in asked(place, ANN, "Request", text=b"Subject: subscribe\n\n").header
    assert asked(place, ANN, "request", text=b"Subject: help\n\n").recipients == [b"ann@x.y"]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_message_is_some_command_or_none(subject: bytes, body: bytes) -> None:
    found = request.action(request.said(subject, body), b"l", b"h")
    assert b"\n" not in found and b" " not in found
