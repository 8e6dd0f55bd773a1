"""Moderators who decide about subscribers, and administer a list by mail: ezmlm-manage."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.modlist import ANN, EVA, TOM, allow, answer, asked, directory, events, make, people, refused, write


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return make(tmp_path)


def test_a_moderator_agrees_before_somebody_joins(place: FilterHome) -> None:
    allow(place, "modsub")
    first = asked(place, ANN, "subscribe")
    assert first.recipients == [b"ann@x.y"] and answer(first).startswith("sc.")
    assert b"a moderator decides whether you join" in first.body
    second = asked(place, ANN, answer(first))
    assert sorted(second.recipients) == [b"eva@x.y", b"tom@x.y"] and people(place) == []
    assert "\nSubject: CONFIRM subscribe to list@h.dom\n" in second.header and answer(second).startswith("tc.")
    assert b"\n   ann@x.y\n" in second.body and "\nTo: list-owner@h.dom\n" in second.header
    welcome = asked(place, TOM, answer(second))
    assert welcome.recipients == [b"ann@x.y"] and people(place) == [ANN] and events(place) == ["+"]
    assert "\nSubject: WELCOME to list@h.dom\n" in welcome.header
    assert b"A moderator of the list list@h.dom has" in welcome.body and b"tom" not in welcome.message
    assert b"moderators.example" not in welcome.message
    assert write(place, EVA, answer(second)) == []  # the other one is too late, and nothing happens


def test_moderators_are_not_flooded(place: FilterHome) -> None:
    allow(place, "modsub")
    confirmation = answer(asked(place, ANN, "subscribe"))
    assert len(write(place, ANN, confirmation)) == 1 and write(place, ANN, confirmation) == []


def test_nobody_makes_up_what_a_moderator_says(place: FilterHome) -> None:
    allow(place, "modsub", "remote")
    confirmation = answer(asked(place, ANN, answer(asked(place, ANN, "subscribe"))))
    good = answer(asked(place, ANN, "subscribe"))
    for forged in (
        good.replace("sc.", "tc."),
        good.replace("sc.", "rc."),
        confirmation.replace("ann", "bob"),
        confirmation.replace("tc.", "vc."),
    ):
        assert b"I do not know this address (#5.1.1)" in refused(place, ANN, forged)
    again = asked(place, TOM, confirmation.replace("ann", "bob"))  # a moderator may try again
    assert again.recipients == [b"tom@x.y"] and people(place) == []


def test_without_moderators_nobody_is_lost(place: FilterHome) -> None:
    allow(place, "modsub")
    confirmation = answer(asked(place, ANN, "subscribe"))
    place.run("ezmlm-unsub", f"{directory(place)}/mod", TOM, EVA)
    ended = place.run("ezmlm-manage", directory(place), LOCAL=f"list-{confirmation}", SENDER=ANN)
    assert ended[0] == 111 and b"there are no moderators" in ended[2]


def test_a_moderator_joins_without_another(place: FilterHome) -> None:
    allow(place, "modsub")
    asked(place, TOM, answer(asked(place, TOM, "subscribe")))
    assert people(place) == [TOM]


def test_leaving_is_moderated_only_if_that_is_wanted(place: FilterHome) -> None:
    allow(place, "modsub")
    place.run("ezmlm-sub", directory(place), ANN, "bob@x.y")
    asked(place, "bob@x.y", answer(asked(place, "bob@x.y", "unsubscribe")))
    assert people(place) == [ANN]
    letter = asked(place, ANN, answer(asked(place, ANN, "unsubscribe", "-m")), "-m")
    assert sorted(letter.recipients) == [b"eva@x.y", b"tom@x.y"] and people(place) == [ANN]
    assert "\nSubject: CONFIRM unsubscribe from list@h.dom\n" in letter.header
    goodbye = asked(place, TOM, answer(letter), "-m")
    assert goodbye.recipients == [b"ann@x.y"] and people(place) == []
    assert write(place, EVA, answer(letter), "-m") == []


def test_a_moderator_joins_and_leaves_for_others(place: FilterHome) -> None:
    allow(place, "remote")
    for action, kind, subject in (("subscribe", "rc.", "WELCOME to"), ("unsubscribe", "wc.", "GOODBYE from")):
        letter = asked(place, "TOM@X.Y", f"{action}-ann=x.y")
        assert letter.recipients == [b"tom@x.y"] and answer(letter).startswith(kind)
        told = asked(place, TOM, answer(letter))
        assert told.recipients == [b"ann@x.y"] and f"\nSubject: {subject} list@h.dom\n" in told.header
        assert b"tom@x.y" not in told.message
        nothing = asked(place, TOM, answer(letter))  # it was so already: the moderator should know
        assert nothing.recipients == [b"tom@x.y"]
        assert b"on the list already" in nothing.body or b"not on the list" in nothing.body
        assert write(place, ANN, answer(letter)) == []
    assert events(place) == ["+mod", "-mod"]


def test_others_do_not(place: FilterHome) -> None:
    allow(place, "modsub")  # without remote a moderator is nobody special
    letter = asked(place, TOM, "subscribe-ann=x.y")
    assert letter.recipients == [b"ann@x.y"] and answer(letter).startswith("sc.")
    allow(place, "remote")
    letter = asked(place, "bob@x.y", "subscribe-carl=x.y")
    assert letter.recipients == [b"carl@x.y"] and answer(letter).startswith("sc.")
    # The moderator who answers in Carl's place does not agree by that.
    assert answer(asked(place, TOM, answer(letter))).startswith("tc.") and people(place) == []


def test_nobody_hears_what_moderators_do_if_that_is_wanted(place: FilterHome) -> None:
    allow(place, "remote")
    assert write(place, TOM, answer(asked(place, TOM, "subscribe-ann=x.y")), "-N") == []
    assert people(place) == [ANN]
    (letter,) = write(place, TOM, answer(asked(place, TOM, "unsubscribe-ann=x.y")), "-NQQ")
    assert letter.recipients == [b"list-owner@h.dom"] and people(place) == []


def test_the_owner_hears_what_they_want_to(place: FilterHome) -> None:
    joins = answer(asked(place, ANN, "subscribe"))
    assert asked(place, ANN, joins, "-QQ").recipients == [b"ann@x.y", b"list-owner@h.dom"]
    assert asked(place, ANN, joins, "-Q").recipients == [b"ann@x.y"]
    leaves = answer(asked(place, "bob@x.y", "unsubscribe"))
    assert asked(place, "bob@x.y", leaves, "-Q").recipients == [b"bob@x.y", b"list-owner@h.dom"]
    assert asked(place, "bob@x.y", leaves, "-QQq").recipients == [b"bob@x.y"]


def test_a_list_that_asks_for_no_confirmation(place: FilterHome) -> None:
    allow(place, "nosubconfirm", "nounsubconfirm")
    assert b"on the list now" in asked(place, ANN, "subscribe").body and people(place) == [ANN]
    assert answer(asked(place, ANN, "unsubscribe", "-u")).startswith("uc.")
    asked(place, ANN, "unsubscribe")
    assert people(place) == []
    allow(place, "modsub")
    assert answer(asked(place, ANN, "subscribe")).startswith("tc.")


def test_who_is_on_the_list_is_for_moderators(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), ANN, "bob@x.y")
    for allowed in ((), ("modsub",)):
        allow(place, *allowed)
        assert len(write(place, ANN, "list")) == (not allowed)  # to a subscriber it is nonsense, once a day
        assert write(place, "carl@x.y", "list") == []
    assert b"not set up for that (#5.7.2)" in refused(place, TOM, "list")
    allow(place, "modcanlist")
    letter = asked(place, TOM, "list")
    assert letter.recipients == [b"tom@x.y"] and b"\nann@x.y\nbob@x.y\n\n  ======> 2\n" in letter.body
    assert b"bob@x.y\n" not in asked(place, TOM, "listn").body
    assert b"not set up for that" in refused(place, TOM, "log")  # without remote
    # Whoever asks, it goes to the moderator, and not often.
    assert asked(place, "carl@x.y", "list-tom=x.y").recipients == [b"tom@x.y"]
    assert write(place, "carl@x.y", "list-tom=x.y") == []
    assert write(place, TOM, "list-carl=x.y") == []


def test_who_came_and_went(place: FilterHome) -> None:
    allow(place, "remote")
    place.run("ezmlm-sub", directory(place), ANN, "bob@x.y")
    place.run("ezmlm-unsub", directory(place), "bob@x.y")
    whole = asked(place, TOM, "log", "-l").body
    now = time.strftime("%Y", time.gmtime()).encode()
    assert re.search(rb"\n\d+ \w+ %s \d\d:\d\d:\d\d -0000 \+manual ann@x\.y\n" % now, whole)
    found = asked(place, TOM, "log.bob_x.y", "-l").body
    assert b" -manual bob@x.y\n" in found and b"ann@x.y" not in found.partition(b"Return-Path")[0]
    os.unlink(f"{directory(place)}/Log")
    assert b"manual" not in asked(place, TOM, "log", "-l").body


def test_whether_somebody_is_on_the_list(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), ANN)
    assert b"was on the list already" in asked(place, ANN, "query").body
    assert b"is not on the list" in asked(place, "bob@x.y", "query").body
    other = asked(place, "bob@x.y", "query-ann=x.y")
    assert other.recipients == [b"ann@x.y"] and write(place, "bob@x.y", "query-ann=x.y") == []
    allow(place, "remote")
    assert asked(place, TOM, "query-ann=x.y").recipients == [b"tom@x.y"]


@pytest.mark.parametrize("part", ["allow", "deny"])
def test_the_lists_beside_the_list(place: FilterHome, part: str) -> None:
    allow(place, "remote", "modcanlist")
    letter = asked(place, TOM, f"{part}-subscribe-ann=x.y")
    assert letter.recipients == [b"tom@x.y"] and f"\nSubject: CONFIRM subscribe to list-{part}@h.dom\n" in letter.header
    confirmation = answer(letter)
    assert confirmation.startswith(f"{part}-rc.") and letter.sender == b"list-return-@h.dom"
    # It is for no other list.
    assert write(place, TOM, confirmation.removeprefix(f"{part}-"))[0].recipients == [b"tom@x.y"]
    assert people(place) == people(place, f"/{part}") == []
    assert write(place, TOM, confirmation) == []
    assert people(place, f"/{part}") == [ANN] and people(place) == [] and events(place, f"/{part}") == ["+mod"]
    assert b"\nann@x.y\n\n  ======> 1\n" in asked(place, TOM, f"{part}-list").body
    assert b"+mod ann@x.y" in asked(place, TOM, f"{part}-log").body
    assert b"on the list already" in asked(place, TOM, f"{part}-query-ann=x.y").body
    assert write(place, TOM, answer(asked(place, TOM, f"{part}-unsubscribe-ann=x.y"))) == []
    assert people(place, f"/{part}") == []


def test_the_digest_has_subscribers_of_its_own(place: FilterHome) -> None:
    allow(place, "modsub")
    os.makedirs(f"{directory(place)}/digest")
    second = asked(place, ANN, answer(asked(place, ANN, "digest-subscribe")))
    assert answer(second).startswith("digest-tc.") and len(second.recipients) == 2
    welcome = asked(place, TOM, answer(second))
    assert "\nSubject: WELCOME to list-digest@h.dom\n" in welcome.header and welcome.sender == b"list-return-@h.dom"
    assert people(place, "/digest") == [ANN] and people(place) == []
    goodbye = asked(place, ANN, answer(asked(place, ANN, "digest-unsubscribe")))
    assert "\nSubject: GOODBYE from list-digest@h.dom\n" in goodbye.header and people(place, "/digest") == []


def test_who_is_denied_is_for_moderators_only(place: FilterHome) -> None:
    allow(place, "modcanlist", "modsub")
    for sender in (ANN, TOM):
        for action in ("deny-subscribe", "deny-query", "deny-unsubscribe-bob=x.y", "deny-list"):
            assert write(place, sender, action) == []
    assert answer(asked(place, ANN, "allow-subscribe")).startswith("allow-sc.")
    os.rmdir(f"{directory(place)}/allow")
    assert write(place, ANN, "allow-subscribe") == []


def test_a_private_list_listens_to_its_moderators(place: FilterHome) -> None:
    os.unlink(f"{directory(place)}/public")
    allow(place, "remote")
    assert b"told to reject all requests" in refused(place, ANN, "subscribe")
    assert b"told to reject all requests" in refused(place, ANN, "query")
    assert b"-subscribe@" in asked(place, ANN, "help").body
    asked(place, TOM, answer(asked(place, TOM, "subscribe-ann=x.y")))
    assert people(place) == [ANN]
    os.unlink(f"{directory(place)}/remote")
    assert b"told to reject all requests" in refused(place, TOM, "subscribe-ann=x.y")


def test_help_for_moderators(place: FilterHome) -> None:
    assert b"You are a moderator" not in asked(place, TOM, "help").body
    allow(place, "remote")
    letter = asked(place, TOM, "help")
    assert b"You are a moderator" in letter.body and b"list-subscribe-mary=host.example@h.dom" in letter.body
    assert b"You are a moderator" not in asked(place, ANN, "help").body


@pytest.mark.parametrize("name", ["info", "faq"])
def test_texts_that_everybody_may_read(place: FilterHome, name: str) -> None:
    Path(f"{directory(place)}/text/{name}").write_text("friends of <#l#>@<#h#>\n")
    letter = asked(place, ANN, f"{name}-bob=x.y")
    assert letter.recipients == [b"ann@x.y"] and b"\nfriends of list@h.dom\n" in letter.body


def test_moderators_of_another_directory(place: FilterHome) -> None:
    os.rename(f"{directory(place)}/mod/subscribers", f"{place.user}/subscribers")
    Path(f"{directory(place)}/remote").write_text(f"{place.user}\n")
    assert answer(asked(place, TOM, "subscribe-ann=x.y")).startswith("rc.")
    os.makedirs(f"{directory(place)}/admins")
    place.run("ezmlm-sub", f"{directory(place)}/admins", "max@x.y")
    Path(f"{directory(place)}/modsub").write_text("admins\n")
    assert answer(asked(place, "max@x.y", "subscribe-ann=x.y")).startswith("rc.")
    assert answer(asked(place, TOM, "subscribe-bob=x.y")).startswith("sc.")


def test_messages_are_not_sent_if_that_is_not_wanted(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), ANN)
    assert b"no such message" in asked(place, ANN, "get.1").body
    assert b"no such message" not in asked(place, ANN, "get.1", "-C").body


def test_answers_without_instructions(place: FilterHome) -> None:
    allow(place, "omitbottom")
    short, long = asked(place, ANN, "help").body, asked(place, ANN, "help", "-b").body
    assert b"Return-Path" not in short and b"What I can do" not in short and long.startswith(short)
