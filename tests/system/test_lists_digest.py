"""Digests of a list, on a running server: the way of docs/howto/list-digests.md."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest

from tests.support.daemon import TOP, running
from tests.support.remote import wait_until
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
MAKE, BY_HAND, LIMITS, NOW, CODE, CHANGE, PART, SORT = range(8)


def blocks(kind: str) -> list[str]:
    """What the document shows."""
    with open(os.path.join(TOP, "docs/howto/list-digests.md"), encoding="utf-8") as stream:
        text = stream.read().replace("example.org", H)
    return [block for found, block in BLOCK.findall(text) if found == kind]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "tom") as made, running(Office(made)) as daemon:
        shell(daemon, blocks("sh")[MAKE])
        os.unlink(f"{made.directory('joe')}/friends/dmarc")  # no DNS here
        yield daemon


def shell(office: Office, text: str) -> str:
    """Let joe do this."""
    home, made = office.town.directory("joe"), office.town
    script = f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}"
    return made.run("/bin/sh", "-c", script, user="joe")


def write(office: Office, sender: str, action: str = "", text: bytes = b"Subject: x\n\nbody\n") -> str:
    return office.deliver(f"joe-friends{action}@{H}", sender, text)


def letter(office: Office, user: str) -> Message:
    """The only letter that somebody has; then their maildir is empty."""
    (text,) = office.wait_for_messages(user, 1)
    office.town.forget(user)
    return message_from_bytes(text)


def post(office: Office, *subjects: str) -> None:
    for subject in subjects:
        said = write(office, f"tom@{H}", "", f"From: Tom <tom@{H}>\nSubject: {subject}\n\nabout {subject}\n".encode())
        assert "success" in said


def bodies(message: Message) -> list[str]:
    return [part.get_payload()[0].get_payload() for part in message.get_payload()[1:]]


def is_settled(office: Office) -> bool:
    """Whether nothing is on its way any more."""
    return not os.path.exists(f"{office.town.directory('joe')}/friends/digsending")


def test_digests_from_the_first_subscription_to_the_last(office: Office) -> None:
    """S284: joined and left by mail, made when it is time, one entry in the queue, and the receipt."""
    ann = f"ann@{H}"
    assert "success" in write(office, ann, "-digest-subscribe")
    asked = letter(office, "ann")
    assert asked["Subject"] == f"confirm subscribe to joe-friends-digest@{H}"
    assert asked["Reply-To"].startswith("joe-friends-digest-sc.")
    assert "success" in office.deliver(asked["Reply-To"].replace("-digest-", "-"), ann)  # that is not for the list
    assert f"subscribe to joe-friends@{H}" in letter(office, "ann")["Subject"]
    assert "success" in office.deliver(asked["Reply-To"], ann)
    welcome = letter(office, "ann")
    assert f"joe-friends-digest-unsubscribe@{H}" in welcome.as_string() and "WELCOME" in welcome["Subject"]
    assert f"joe-friends-get.123@{H}" in welcome.as_string()
    assert shell(office, "ezmlm-list ~/friends digest") == f"{ann}\n" and shell(office, "ezmlm-list ~/friends") == ""
    shell(office, blocks("sh")[LIMITS])
    since = office.mark()
    post(office, "one", "two", "Re: one")
    digest = letter(office, "ann")
    assert digest.get_content_type() == "multipart/digest" and digest["Subject"].endswith(" Issue 1")
    assert bodies(digest) == ["about one\n", "about Re: one\n", "about two\n"]
    sender = digest["Return-Path"].strip("<>")
    assert sender == f"joe-friends-digest-return-1-ann={H}@{H}"
    receipt = office.wait_for_line("to local joe-friends-digest-return-receipt-1.", since)
    entry = re.search(r"msg (\d+)", receipt)
    assert entry is not None
    assert f"msg {entry[1]} " in office.wait_for_line(f"to local {ann}", since)
    post(office, "four", "five", "six")
    assert letter(office, "ann")["Subject"].endswith(" Issue 2")
    assert "success" in write(office, ann, "-digest-unsubscribe")
    assert "success" in office.deliver(letter(office, "ann")["Reply-To"], ann)
    assert f"GOODBYE from joe-friends-digest@{H}" in letter(office, "ann")["Subject"]
    wait_until(lambda: is_settled(office))


def test_a_digest_by_hand_and_by_its_secret_word(office: Office) -> None:
    """S285."""
    shell(office, "rm ~/friends/dig[cst]*")
    assert shell(office, blocks("sh")[BY_HAND]) == f"ann@{H}\n"
    post(office, "early")
    shell(office, blocks("sh")[NOW])
    assert bodies(letter(office, "ann")) == ["about early\n"]
    shell(office, blocks("sh")[CODE])
    post(office, "late")
    assert "not_answered" in write(office, f"eve@{H}", "-dig.open")
    assert "success" in write(office, f"tom@{H}", "-dig.sesame42r", b"Subject: x\n\nAll is well.\n-- \ntom\n")
    digest = letter(office, "ann")
    text = digest.get_payload()
    assert digest.get_content_type() == "text/plain" and "\nAdministrivia:\n\nAll is well.\n" in text
    assert "about late\n" in text and text.endswith("*\n")
    shell(office, f"ezmlm-unsub ~/friends digest ann@{H}")


def test_a_digest_that_comes_back(office: Office) -> None:
    """S286: its subscriber is warned about digests, and the list has nothing to do with it."""
    made, gone = office.town, f"ann-old@{H}"
    made.file("ann", ".qmail-old", "|bouncesaying 'I have moved'\n")
    shell(office, f"ezmlm-sub ~/friends digest {gone}")
    post(office, "lost")
    number = made.read("joe", "friends/num").split(":")[0]
    since = office.mark()
    shell(office, "ezmlm-get ~/friends")
    assert "success" in office.report(f"joe-friends-digest-return-{number}-@{H}", since)
    top = f"{made.directory('joe')}/friends"
    assert kept(f"{top}/bounce/d") == []
    (path,) = kept(f"{top}/digest/bounce/d")
    folder = os.path.dirname(path)
    os.rename(folder, f"{os.path.dirname(folder)}/{int(os.path.basename(folder)) - 110}")  # twelve days ago
    made.file("ann", ".qmail-old", "./Maildir/\n")
    shell(office, "ezmlm-warn -D ~/friends")
    assert kept(f"{top}/digest/bounce/d") != []
    shell(office, "ezmlm-warn ~/friends")
    warning = letter(office, "ann")
    assert warning["Return-Path"].startswith("<joe-friends-digest-return-warn-")
    assert f"\n   {number}\n" in warning.get_payload() and "These digests came back." in warning.get_payload()
    shell(office, f"ezmlm-unsub ~/friends digest {gone}")


def kept(directory: str) -> list[str]:
    """The files below a directory."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]


def test_messages_and_threads_from_the_archive(office: Office) -> None:
    """S287: in the forms of the document, to subscribers."""
    tom = f"tom@{H}"
    shell(office, f"ezmlm-sub ~/friends {tom}")
    write(office, tom, "-thread.1")
    assert bodies(letter(office, "tom")) == ["about one\n", "about Re: one\n"]
    write(office, tom, "-get.2_3")
    assert bodies(letter(office, "tom")) == ["about two\n", "about Re: one\n"]
    write(office, tom, "-getr.2_3")
    assert "\nEnd of joe-friends Digest\n" in letter(office, "tom").get_payload()
    write(office, tom, "-index.1_3")
    assert "\n2: two\n" in letter(office, "tom").get_payload()
    assert "not_answered" in write(office, f"eve@{H}", "-thread.1")
    shell(office, f"ezmlm-unsub ~/friends {tom}")


def test_a_list_that_is_divided(office: Office) -> None:
    """S285: who joins gets to their share of it; a posting comes to everybody once."""
    made = office.town
    shell(office, blocks("sh")[PART])
    made.file("joe", "friends/split", blocks("split")[0])
    made.file("joe", "friends/manager", blocks("qmail")[0] + made.read("joe", "friends/manager"))
    os.unlink(f"{made.directory('joe')}/part/dmarc")
    shell(office, "printf ':::joe-part\\n' > ~/friends/split")
    ann = f"ann@{H}"
    assert "ezmlm-split:_info:_qp_" in write(office, ann, "-subscribe")
    asked = letter(office, "ann")
    assert asked["Reply-To"].startswith("joe-part-sc.")
    assert "success" in office.deliver(asked["Reply-To"], ann)
    letter(office, "ann")
    assert shell(office, "ezmlm-list ~/part") == f"{ann}\n"
    post(office, "to all")
    message = letter(office, "ann")
    assert message["Subject"] == "to all" and message["Return-Path"].startswith("<joe-part-return-")
    made.file("joe", "friends/split", blocks("split")[0])
    assert shell(office, blocks("sh")[SORT]) == f"joe-friends@{H}: joe-part@{H}\n"


def test_a_list_is_changed(office: Office) -> None:
    """S285: it goes on with what it has."""
    shell(office, blocks("sh")[CHANGE])
    assert os.path.exists(f"{office.town.directory('joe')}/friends/modpost")
    editor = office.town.read("joe", "friends/editor")
    assert (
        "ezmlm-store" in editor and "tstdig" not in editor and "tstdig" in office.town.read("joe", "friends/editor.old")
    )
    shell(office, f"ezmlm-sub ~/friends mod joe@{H}")
    assert "success" in write(office, f"ann@{H}")
    assert letter(office, "joe")["Subject"] == f"MODERATE for joe-friends@{H}"


def test_a_list_with_moderators_has_digests(office: Office) -> None:
    """S285: a message that is accepted counts."""
    shell(office, f"ezmlm-make -dm ~/slow ~/.qmail-slow joe-slow {H}; rm ~/slow/dmarc; echo 1 > ~/slow/digcount")
    shell(office, f"ezmlm-sub ~/slow mod joe@{H}; ezmlm-sub ~/slow digest ann@{H}")
    assert "success" in office.deliver(f"joe-slow@{H}", f"tom@{H}", b"From: Tom\nSubject: wise\n\nwords\n")
    since = office.mark()
    accept = letter(office, "joe")["Reply-To"]
    assert "success" in office.deliver(accept, f"joe@{H}")
    assert bodies(letter(office, "ann")) == ["words\n"]
    assert "success" in office.report(accept, since)


def test_a_killed_ezmlm_get_has_sent_its_digest_once(office: Office) -> None:
    """The queue has it, and nobody has noted that: the receipt does."""
    made = office.town
    shell(office, f"ezmlm-make -d ~/kept ~/.qmail-kept joe-kept {H}; rm ~/kept/dmarc; ezmlm-sub ~/kept digest ann@{H}")
    office.deliver(f"joe-kept@{H}", f"tom@{H}", b"From: Tom\nSubject: once\n\nand for all\n")
    made.file("joe", "queue", f"#!/bin/sh\n{made.path}/bin/qmail-queue\nkill -9 $PPID\n", 0o755)
    since = office.mark()
    assert shell(office, "QMAILQUEUE=$HOME/queue ezmlm-get ~/kept 2>/dev/null || echo $?") == "137\n"
    assert bodies(letter(office, "ann")) == ["and for all\n"]
    receipt = office.wait_for_line("to local joe-kept-digest-return-receipt-1.", since).split()[-1]
    assert "success" in office.report(receipt, since)
    assert made.read("joe", "kept/dignum").startswith("1:") and made.read("joe", "kept/digissue") == "1\n"
    assert not os.path.exists(f"{made.directory('joe')}/kept/digsending")
    since = office.mark()
    assert "nothing to digest" in shell(office, "ezmlm-get ~/kept 2>&1")
    assert not any("joe-kept" in line for line in office.log[since:])
