"""Texts of a list that moderators edit by mail: ezmlm-manage -e."""

from __future__ import annotations

import base64
import os
import quopri
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued
from tests.support.modlist import ANN, TEXT, TOM, allow, answer, asked, directory, make, refused, write


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return make(tmp_path)


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
    text = b"Subject: re\n" + (body if body.startswith(b"Content-Type:") else b"\n" + body)
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
    deep = b"".join([b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(5000)])
    for body, word in (
        (b"", b"two lines"),
        (deep, b"two lines"),
        (b"no text\n", b"two lines"),
        (framed(b"x" * 10_240 + b"\n"), b"longer than"),
    ):
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
