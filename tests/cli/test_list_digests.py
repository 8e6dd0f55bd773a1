"""Digests: what is in one, who gets it, and what becomes of one that somebody could not finish."""

from __future__ import annotations

import os
import time
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.readinglist import bodies, directory, news, parts, post, read, reading_list, write


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return reading_list(tmp_path)


@pytest.mark.parametrize("local", ["list", "List", None])
def test_a_digest_has_what_came_since_the_last_one(place: FilterHome, local: str | None) -> None:
    post(place, "one", "two", "Re: one")
    letter = news(place, LOCAL=local)
    assert letter.sender == b"list-digest-return-1-@h.dom-@[]"
    assert letter.recipients[0] == b"ann@x.y" and letter.recipients[1].startswith(b"list-digest-return-receipt-1.")
    message = message_from_bytes(letter.message)
    assert message.get_content_type() == "multipart/digest" and message["To"] == "list@h.dom"
    assert message["Subject"].startswith("list Digest ") and message["Subject"].endswith(" Issue 1")
    assert message["List-Unsubscribe"] == "<mailto:list-digest-unsubscribe@h.dom>"
    assert message["List-Id"] == "<list.h.dom>" and message["Mailing-List"].startswith("contact list-help@")
    text, messages = parts(letter)
    assert "Topics (messages 1 through 3)\n\none\n\t1 by: Ann\n\t3 by: Ann\n\ntwo\n\t2 by: Ann\n\nAdmin" in text
    assert "list-digest-unsubscribe@h.dom" in text
    assert [one.get_payload() for one in messages] == ["body 1", "body 3", "body 2"]
    assert messages[0].keys() == ["Subject", "From"]
    assert read(place, "dignum").startswith("3:3:") and read(place, "digissue") == "1\n"
    assert place.run("ezmlm-get", directory(place), LOCAL=local) == (0, b"", b"ezmlm-get: info: nothing to digest\n")
    post(place, "four")
    second = news(place, LOCAL=local)
    assert bodies(second) == ["body 4"] and b" Issue 2\n" in second.message
    assert second.sender == b"list-digest-return-4-@h.dom-@[]"


def test_whoever_joins_later_does_not_get_what_nobody_got(place: FilterHome) -> None:
    place.run("ezmlm-unsub", f"{directory(place)}/digest", "ann@x.y")
    post(place, "one", "two")
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[2].endswith(b"nothing to digest\n")
    place.run("ezmlm-sub", f"{directory(place)}/digest", "tom@x.y")
    post(place, "three")
    assert bodies(news(place, LOCAL=None)) == ["body 3"]


def test_a_list_without_an_archive_has_no_digests(place: FilterHome) -> None:
    post(place, "one")
    os.unlink(f"{directory(place)}/archived")
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 100


def test_the_first_digest_of_an_old_list_is_no_archive(place: FilterHome) -> None:
    post(place, *["x"] * 150)
    assert len(bodies(news(place, LOCAL=None))) == 100


def test_what_is_too_much_for_one_digest_goes_into_several(place: FilterHome) -> None:
    write(place, "dignum", "1:1:1\n")
    post(place, "x", *["y"] * 1002)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 0
    sent = sorted(place.queued, key=lambda letter: letter.sender)
    assert [len(bodies(letter)) for letter in sent] == [2, 500, 500]
    post(place, "a", "b", "c", body="z" * (5 << 20))
    place.run("ezmlm-get", directory(place), LOCAL=None)
    assert [len(bodies(letter)) for letter in place.queued if b"zzz" in letter.message] == [1, 1, 1]
    assert read(place, "dignum").startswith("1006:1006:")


def test_a_digest_that_is_not_queued_is_not_sent_and_not_lost(place: FilterHome) -> None:
    post(place, "one")
    place.refuse(31)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 100
    place.refuse(53)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 111
    place.refuse(None)
    ended = place.run("ezmlm-get", directory(place), LOCAL=None)
    assert ended[0] == 111 and b"a digest is on its way" in ended[2] and place.queued == []
    age(place)
    assert bodies(news(place, LOCAL=None)) == ["body 1"]
    assert not os.path.exists(f"{directory(place)}/digsending") and read(place, "digissue") == "1\n"


def age(place: FilterHome) -> None:
    """Let the receipt be late."""
    words = read(place, "digsending").split(":")
    write(place, "digsending", ":".join([*words[:5], str(int(words[5]) - 3601)]))


@pytest.mark.parametrize("program", ["ezmlm-return", "ezmlm-get", "ezmlm-manage"])
def test_a_receipt_proves_that_a_digest_was_sent(place: FilterHome, program: str) -> None:
    """Whoever was killed between the queue's answer and its own note left the digest as it was."""
    post(place, "one")
    first = news(place, LOCAL=None)
    when = read(place, "dignum").split(":")[2].strip()
    for name in ("dignum", "digissue"):
        os.unlink(f"{directory(place)}/{name}")
    write(place, "digsending", f"1:1:1:1:{when}:{when}\n")
    receipt = first.recipients[1].decode().partition("@")[0]
    forged = place.run(program, directory(place), text=first.message, LOCAL=receipt[:-1] + "x", SENDER="")
    assert forged[0] == (0 if program == "ezmlm-manage" else 99)
    assert os.path.exists(f"{directory(place)}/digsending")
    for _ in range(2):
        place.run(program, directory(place), text=first.message, LOCAL=receipt, SENDER="")
        assert not os.path.exists(f"{directory(place)}/digsending")
    assert read(place, "digissue") == "1\n" and read(place, "dignum") == f"1:1:{when}\n"
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[2].endswith(b"nothing to digest\n")


def test_a_digest_is_the_same_message_when_it_goes_out_again(place: FilterHome) -> None:
    post(place, "one")
    first = message_from_bytes(news(place, LOCAL=None).message)
    for name in ("dignum", "digissue"):
        os.unlink(f"{directory(place)}/{name}")
    write(place, "digsending", f"1:1:1:1:{first['Message-ID'][1:].split('.')[0]}:5\n")
    ended = place.run("ezmlm-get", directory(place), LOCAL=None)
    assert ended[0] == 0
    one, other = (message_from_bytes(letter.message) for letter in place.queued)
    assert one["Message-ID"] == other["Message-ID"] and one["Subject"] == other["Subject"]


def test_a_digest_is_asked_for_by_its_code(place: FilterHome) -> None:
    post(place, "one")
    for code in ("dig.open", "dig.x", "dig."):
        assert place.run("ezmlm-get", directory(place), LOCAL=f"list-{code}") == (0, b"", b"")
    write(place, "digestcode", "Sesame\n")
    for code in ("dig.open", "dig.sesameq", "dig", "digest-sesame"):
        assert place.run("ezmlm-get", directory(place), LOCAL=f"list-{code}") == (0, b"", b"")
    text = b"Subject: x\n\nNext week there is no meeting.\n-- \nJoe\n"
    letter = news(place, LOCAL="list-dig.seSAME", text=text, expected=99)
    said = parts(letter)[0]
    assert "\nAdministrivia:\n\nNext week there is no meeting.\n\nTo get" in said and "Joe" not in said
    assert letter.recipients[0] == b"ann@x.y"
    post(place, "two")
    letter = news(place, LOCAL="list-dig-sesamer", text=b"Content-Type: text/html\n\n<b>", expected=99)
    assert b"\nEnd of list Digest\n*******" in letter.message and b"<b>" not in letter.message
    assert place.run("ezmlm-get", directory(place), LOCAL="list-dig.sesame", SENDER="")[0] == 100


def test_lists_of_ezmlm_idx_7_have_digests(place: FilterHome) -> None:
    """They say neither who they are nor what their Mailing-List field is."""
    for name in ("inlocal", "inhost", "mailinglist"):
        os.unlink(f"{directory(place)}/{name}")
    post(place, "one", "two")
    assert place.run("ezmlm-tstdig", "-m1", directory(place), LOCAL="vu-list")[0] == 0
    letter = news(place, LOCAL="vu-list")
    assert b"\nMailing-List: contact list-help@h.dom; run by ezmlm\n" in b"\n" + letter.message
    receipt = letter.recipients[1].decode().partition("@")[0].removeprefix("list-digest-return-")
    write(place, "digsending", "1:1:2:2:5:5\n")
    local = f"vu-list-digest-return-{receipt}"
    place.run("ezmlm-return", "-d", directory(place), LOCAL=local, DEFAULT=receipt, SENDER="")
    assert not os.path.exists(f"{directory(place)}/digsending")
    asked = news(place, LOCAL="vu-list-get.1_2", DEFAULT="get.1_2", expected=99)
    assert bodies(asked) == ["body 1", "body 2"]
    write(place, "digestcode", "sesame\n")
    post(place, "three")
    assert bodies(news(place, LOCAL="vu-list-dig.sesame", DEFAULT="dig.sesame", expected=99)) == ["body 3"]


def test_a_digest_for_twenty_thousand_is_one_queue_entry(place: FilterHome) -> None:
    people = "".join(f"user{number}@host{number % 500}.example\n" for number in range(20_000))
    assert place.run("ezmlm-sub", directory(place), "digest", text=people.encode())[0] == 0
    post(place, *[f"s{number}" for number in range(30)])
    began = time.monotonic()
    assert len(news(place, LOCAL=None).recipients) == 20_002
    assert time.monotonic() - began < 3
