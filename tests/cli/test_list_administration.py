"""Moderators who decide about subscribers, and administer a list by mail: ezmlm-manage."""

from __future__ import annotations

import base64
import os
import quopri
import re
import time
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued

TEXT = b"Received: from moderators.example\nFrom: tom@x.y\nSubject: hi\n\nbody\n"
ANN, TOM, EVA = "ann@x.y", "tom@x.y", "eva@x.y"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    """A list with two moderators, whose owner has not said yet what for."""
    made = FilterHome(tmp_path)
    made.environ |= {"SENDER": ANN}
    assert made.run("ezmlm-make", "-m", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")[0] == 0
    made.run("ezmlm-sub", f"{directory(made)}/mod", TOM, EVA)
    for part in ("allow", "deny"):
        os.makedirs(f"{directory(made)}/{part}")
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def allow(place: FilterHome, *names: str) -> None:
    for name in names:
        Path(f"{directory(place)}/{name}").touch()


def write(place: FilterHome, sender: str, action: str, *options: str, text: bytes = TEXT) -> list[Queued]:
    """What the list queues when somebody writes to one of its addresses."""
    before = [letter.message for letter in place.queued]
    words = (*options, directory(place))
    status, _, errors = place.run("ezmlm-manage", *words, text=text, LOCAL=f"list-{action}", SENDER=sender)
    assert status == 0, errors
    return [letter for letter in place.queued if letter.message not in before and letter.recipients]


def asked(place: FilterHome, sender: str, action: str, *options: str, text: bytes = TEXT) -> Queued:
    """The only letter that comes of it."""
    (letter,) = write(place, sender, action, *options, text=text)
    return letter


def answer(letter: Queued) -> str:
    """The address that a letter asks to be answered to, without the list."""
    found = re.search(r"^Reply-To: list-(.*)@h\.dom$", letter.header, re.M)
    assert found is not None, letter.header
    return found[1]


def refused(place: FilterHome, sender: str, action: str, text: bytes = TEXT) -> bytes:
    status, _, errors = place.run("ezmlm-manage", directory(place), text=text, LOCAL=f"list-{action}", SENDER=sender)
    assert status == 100
    return errors


def people(place: FilterHome, part: str = "") -> list[str]:
    return place.run("ezmlm-list", f"{directory(place)}{part}")[1].decode().split()


def events(place: FilterHome, part: str = "") -> list[str]:
    return [line.split()[1] for line in Path(f"{directory(place)}{part}/Log").read_text().splitlines()]


def test_a_moderator_agrees_before_somebody_joins(place: FilterHome) -> None:
    allow(place, "modsub")
    first = asked(place, ANN, "subscribe")
    assert first.recipients == [b"ann@x.y"] and answer(first).startswith("sc.")
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


# -- texts that are edited by mail


def editable(place: FilterHome, name: str) -> tuple[str, bytes]:
    """Where a text is to be sent, and the text."""
    letter = asked(place, TOM, f"edit.{name}", "-e")
    assert letter.recipients == [b"tom@x.y"]
    text = letter.body.partition(b"%%% START OF TEXT FILE\n")[2].partition(b"%%% END OF TEXT FILE\n")[0]
    return answer(letter), text


def framed(text: bytes) -> bytes:
    return b"%%% START OF TEXT FILE\n" + text + b"%%% END OF TEXT FILE\n"


def test_a_text_is_edited(place: FilterHome) -> None:
    allow(place, "remote")
    path = Path(f"{directory(place)}/text/sub-ok")
    names = asked(place, TOM, "edit", "-e")
    assert b"\nsub_ok " in names.body and names.recipients == [b"tom@x.y"]
    address, text = editable(place, "sub_ok")
    assert text == path.read_bytes()
    done = asked(place, TOM, address, "-e", text=TEXT + framed(b"Servus, <#h#>!\n\n!A\n"))
    assert done.recipients == [b"tom@x.y"] and "\nSubject: Changed sub-ok of list@h.dom\n" in done.header
    assert path.read_bytes() == b"Servus, <#h#>!\n\n!A\n"
    assert b"\nServus, h.dom!\n\n   ann@x.y\n" in asked(place, ANN, answer(asked(place, ANN, "subscribe"))).body
    assert b"has been changed since" in refused_edit(place, address, framed(b"again\n"))
    assert path.read_bytes().startswith(b"Servus")


def refused_edit(place: FilterHome, address: str, body: bytes, sender: str = TOM) -> bytes:
    text = b"Subject: re\n\n" + body
    ended = place.run("ezmlm-manage", "-e", directory(place), text=text, LOCAL=f"list-{address}", SENDER=sender)
    assert ended[0] == 100
    return ended[2]


def test_an_answer_that_could_not_be_queued_is_given_again(place: FilterHome) -> None:
    allow(place, "remote")
    address, _ = editable(place, "top")
    place.refuse(53)
    words = ("ezmlm-manage", "-e", directory(place))
    assert place.run(*words, text=TEXT + framed(b"new\n"), LOCAL=f"list-{address}", SENDER=TOM)[0] == 111
    place.refuse(None)
    assert asked(place, TOM, address, "-e", text=TEXT + framed(b"new\n")).body.startswith(b"new\n")


@pytest.mark.parametrize("how", ["plain", "quoted-printable", "base64", "multipart", "latin-1"])
def test_a_text_comes_in_whatever_form_mail_programs_give_it(place: FilterHome, how: str) -> None:
    allow(place, "remote", "modcanedit")
    address, _ = editable(place, "info")
    text = "Grüße\r\n".encode()
    body = b"> " + framed(b"> " + text).replace(b"%%% END", b"> %%% END")
    head = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: %s\n"
    whole = {
        "plain": TEXT.replace(b"body\n", body),
        "quoted-printable": head % b"quoted-printable" + b"\n" + quopri.encodestring(body),
        "base64": head % b"base64" + b"\n" + base64.encodebytes(body.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")),
        "latin-1": head.replace(b"utf-8", b"iso-8859-1") % b"8bit" + b"\n" + body.decode().encode("latin-1"),
        "multipart": b"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
        + body + b"--b\nContent-Type: text/html\n\n<p>html\n--b--\n",
    }[how]  # fmt: skip
    asked(place, TOM, address, text=whole)
    assert Path(f"{directory(place)}/text/info").read_text() == "Grüße\n"


def test_a_text_is_kept_as_the_other_texts_of_the_list_are(place: FilterHome) -> None:
    allow(place, "remote")
    Path(f"{directory(place)}/charset").write_text("iso-8859-1:Q\n")
    Path(f"{directory(place)}/text/top").write_bytes("Grüß Gott\n".encode("latin-1"))
    address, text = editable(place, "top")
    assert text.decode() == "Grüß Gott\n"
    asked(place, TOM, address, "-e", text=TEXT + framed("Grüezi\n".encode()))
    assert Path(f"{directory(place)}/text/top").read_bytes() == "Grüezi\n".encode("latin-1")


def test_who_may_not_edit(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), ANN)
    allow(place, "modsub")
    assert b"not set up for that" in refused(place, TOM, "edit.top")
    allow(place, "remote")
    assert b"not set up for that" in refused(place, TOM, "edit.top")
    assert write(place, "bob@x.y", "edit.top", "-e") == []
    assert write(place, TOM, "edit.../key", "-e") == []
    for name in ("key", "nothing", "sub/ok"):
        ended = place.run("ezmlm-manage", "-e", directory(place), LOCAL=f"list-edit.{name}", SENDER=TOM)
        assert ended[0] == 100 and b"there is no such text" in ended[2]
    address, text = editable(place, "top")
    date, name, proof = address.removeprefix("ed.").split(".")
    for forged in (f"ed.{date}.bottom.{proof}", f"ed.{int(date) - 1}.{name}.{proof}", f"ed.{date}.{name}.{'a' * 20}"):
        assert b"I do not know this address" in refused_edit(place, forged, framed(b"x\n"))
    # What is there already proves nothing, unless a moderator says it.
    assert b"I do not know" in refused_edit(place, f"ed.{date}.{name}.{'a' * 20}", framed(text), ANN)
    assert b"I do not know this address" in refused(place, TOM, address, TEXT + framed(b"x\n"))
    for body, word in ((b"no text\n", b"two lines"), (framed(b"x" * 10_240 + b"\n"), b"longer than")):
        assert word in refused_edit(place, address, body)
    assert Path(f"{directory(place)}/text/top").read_bytes() == text


def parsed(letter: Queued) -> Message:
    return message_from_bytes(letter.message)


def test_an_old_text_that_is_not_there_can_be_edited(place: FilterHome) -> None:
    """As in the directories of ezmlm-idx, which have none."""
    allow(place, "remote")
    os.unlink(f"{directory(place)}/text/faq")
    address, text = editable(place, "faq")
    assert text and parsed(asked(place, TOM, address, "-e", text=TEXT + framed(b"Why?\n")))["To"] == TOM
    assert Path(f"{directory(place)}/text/faq").read_text() == "Why?\n"
