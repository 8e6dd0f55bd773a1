"""Mailing lists as the documents promise them, on a running server: the way of docs/howto/mailing-lists.md."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email import message_from_bytes

import pytest

from tests.support.daemon import TOP, running
from tests.support.remote import wait_until
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
LIST = f"joe-friends@{H}"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
PATIENCE_S = 1_000_000


def blocks(kind: str) -> list[str]:
    """The commands, or the lines for .qmail files, that the document shows."""
    with open(os.path.join(TOP, "docs/howto/mailing-lists.md"), encoding="utf-8") as stream:
        text = stream.read().replace("example.org", H)
    return [block for found, block in BLOCK.findall(text) if found == kind]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "tom") as made, running(Office(made)) as daemon:
        made.file("joe", "addresses", f"tom@{H}\n\n# nobody\nann@{H}\n")
        shell(daemon, blocks("sh")[0])
        yield daemon


def shell(office: Office, text: str) -> str:
    """Let joe do this."""
    home, made = office.town.directory("joe"), office.town
    script = f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}"
    return made.run("/bin/sh", "-c", script, user="joe")


def subscribers(office: Office) -> list[str]:
    return sorted(shell(office, "ezmlm-list ~/friends").split())


def address(local: str) -> str:
    return local.replace("@", "=")


def write(office: Office, sender: str, action: str = "", text: bytes = b"Subject: x\n\nbody\n") -> str:
    """Somebody writes to one of the list's addresses; how that was delivered."""
    recipient = f"joe-friends{action}@{H}"
    return office.deliver(recipient, sender, text)


def letter(office: Office, user: str) -> bytes:
    """The only letter that somebody has; then their maildir is empty."""
    (text,) = office.wait_for_messages(user, 1)
    office.town.forget(user)
    return text


def confirm(office: Office, user: str, who: str) -> bytes:
    """Somebody answers the request for a confirmation; what the list says to that."""
    reply_to = message_from_bytes(letter(office, user))["Reply-To"]
    assert "success" in office.deliver(reply_to, who)
    return letter(office, user)


def test_the_commands_of_the_document(office: Office) -> None:
    """S285: by hand."""
    assert shell(office, blocks("sh")[1]) == f"ann@{H}\n"
    assert subscribers(office) == []
    shell(office, blocks("sh")[2])
    assert subscribers(office) == [f"ann@{H}", f"tom@{H}"]
    shell(office, f"ezmlm-unsub ~/friends ann@{H} tom@{H}")
    log = office.town.read("joe", "friends/Log")
    assert [line.split()[1] for line in log.splitlines()] == ["+manual", "-manual"] + 2 * ["+manual"] + 2 * ["-manual"]


def test_somebody_joins_and_leaves_by_mail(office: Office) -> None:
    """S284."""
    ann = f"ann@{H}"
    assert "success" in write(office, ann, "-subscribe")
    assert subscribers(office) == []
    welcome = confirm(office, "ann", ann)
    assert b"\nSubject: WELCOME to " in welcome and subscribers(office) == [ann]
    write(office, ann, "-unsubscribe")
    assert b"\nSubject: GOODBYE from " in confirm(office, "ann", ann) and subscribers(office) == []
    assert [line.split()[1] for line in office.town.read("joe", "friends/Log").splitlines()[-2:]] == ["+", "-"]


def test_another_address_joins_only_when_it_confirms(office: Office) -> None:
    """S284: list-subscribe-tom=host@; who asks for it again gets nothing for an hour."""
    tom = f"tom@{H}"
    for _ in range(3):
        write(office, f"ann@{H}", f"-subscribe-{address(tom)}", b"Subject: buy\n\n" + b"spam\n" * 1000)
    asked = office.wait_for_messages("tom", 1)[0]
    assert asked.count(b"spam\n") < 200
    assert b"WELCOME" in confirm(office, "tom", f"ann@{H}")
    assert subscribers(office) == [tom]
    shell(office, f"ezmlm-unsub ~/friends {tom}")


def test_help_comes_to_whoever_asks_and_nonsense_is_answered_to_subscribers_once(office: Office) -> None:
    """S284."""
    ann = f"ann@{H}"
    write(office, ann, "-help")
    assert b"joe-friends-subscribe@" in letter(office, "ann")
    assert "not_answered" in write(office, ann, "-nonsense")
    shell(office, f"ezmlm-sub ~/friends {ann}")
    assert "qp_" in write(office, ann, "-nonsense")
    assert "not_answered" in write(office, ann, "-nonsense")
    assert b"joe-friends-subscribe@" in letter(office, "ann")
    shell(office, f"ezmlm-unsub ~/friends {ann}")


def test_a_posting_reaches_everybody_and_can_be_fetched(office: Office) -> None:
    """S284, S287."""
    shell(office, blocks("sh")[2])
    text = f"From: ann@{H}\nSubject: hello\nReturn-Receipt-To: x@y\n\nto all\n".encode()
    assert "success" in write(office, f"ann@{H}", "", text)
    for user in ("ann", "tom"):
        (got,) = office.wait_for_messages(user, 1)
        message = message_from_bytes(got)
        number = message["Return-Path"].split("-")[3]
        assert message["Return-Path"] == f"<joe-friends-return-{number}-{user}={H}@{H}>"
        assert message["List-Id"] == f"<joe-friends.{H}>" and message["Return-Receipt-To"] is None
        assert message["List-Unsubscribe"].startswith("<mailto:joe-friends-uo.1.")  # one of her own
        assert message.get_payload() == "to all\n"
        office.town.forget(user)
    write(office, f"tom@{H}", f"-get.{number}")
    assert b"\n> Subject: hello\n" in letter(office, "tom")
    write(office, f"tom@{H}", "-get.99999")
    assert b"no such message" in letter(office, "tom")
    shell(office, f"ezmlm-unsub ~/friends ann@{H} tom@{H}")


def test_the_archive_is_for_subscribers(office: Office) -> None:
    """S285: ezmlm-idx and ezmlm-get, as the document has them."""
    made, tom = office.town, f"tom@{H}"
    shell(office, f"ezmlm-sub ~/friends {tom}")
    assert "success" in write(office, tom, "", b"Subject: kept\n\nbody\n")
    letter(office, "tom")
    before = made.read("joe", "friends/manager")
    shell(office, blocks("sh")[6])
    made.file("joe", "friends/manager", blocks("qmail")[2] + before)
    write(office, tom, "-index")
    assert b": kept\n" in letter(office, "tom")
    write(office, tom, "-get.1_999")
    parts = message_from_bytes(letter(office, "tom")).get_payload()
    assert parts[-1].get_payload()[0]["Subject"] == "kept"
    assert "not_answered" in write(office, f"ann@{H}", "-get.1")
    assert "qp_" in write(office, tom, "-help") and b"-index@" in letter(office, "tom")
    made.file("joe", "friends/manager", before)
    shell(office, f"ezmlm-unsub ~/friends {tom}")


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (b"From: a@b\n\nno subject\n", "empty_Subject"),
        (b"Subject: Subscribe\n\n", "commands_in_the_subject_line"),
        (b"Subject: x\nMailing-List: other\n\n", "Mailing-List_header"),
        (f"Subject: x\nDelivered-To: mailing list {LIST}\n\n".encode(), "looping"),
    ],
)
def test_what_is_not_posted(office: Office, text: bytes, report: str) -> None:
    """S285."""
    said = write(office, "s@far.example", "", text)
    assert "failure" in said and report in said


def test_a_list_for_announcements(office: Office) -> None:
    """S289, and one for its subscribers."""
    made = office.town
    before = made.read("joe", "friends/editor")
    shell(office, blocks("sh")[3])
    for line, allowed in zip(blocks("qmail")[:2], ("joe", "tom"), strict=True):
        shell(office, f"ezmlm-sub ~/friends tom@{H}")
        made.file("joe", "friends/editor", line + before)
        assert "failure" in write(office, "s@far.example")
        assert "success" in write(office, f"{allowed}@{H}")
        letter(office, "tom")
    made.file("joe", "friends/editor", before)
    shell(office, f"ezmlm-unsub ~/friends tom@{H}")


def test_a_list_with_moderators(office: Office) -> None:
    """S285: as the document makes it."""
    ann, tom = f"ann@{H}", f"tom@{H}"
    shell(office, blocks("sh")[4])
    shell(office, f"ezmlm-sub ~/news {tom}")
    for word in ("Reply-To", "From"):
        assert "success" in office.deliver(f"joe-news@{H}", ann, b"Subject: news\n\nbody\n")
        asked = message_from_bytes(letter(office, "joe"))
        assert "success" in office.deliver(asked[word], f"joe@{H}", b"Subject: re\n\n%%%\nold\n%%%\n")
        told = message_from_bytes(letter(office, "tom" if word == "Reply-To" else "ann"))
        assert (told["Subject"] == "news") is (word == "Reply-To")


def test_a_footer_and_a_prefix(office: Office) -> None:
    """S288: and what there is not is named."""
    made = office.town
    made.file("joe", "friends/prefix", "[friends]\n")
    made.file("joe", "friends/text/trailer", "-- \nfriends for ever\n")
    shell(office, f"ezmlm-sub ~/friends tom@{H}")
    assert "success" in write(office, f"tom@{H}")
    message = message_from_bytes(letter(office, "tom"))
    assert message["Subject"] == "[friends] x"
    assert message.get_payload() == "body\n\n-- \nfriends for ever\n\n"
    for name in ("prefix", "text/trailer"):
        os.unlink(f"{made.directory('joe')}/friends/{name}")
    shell(office, f"ezmlm-unsub ~/friends tom@{H}")
    with open(os.path.join(TOP, "docs/howto/mailing-lists.md"), encoding="utf-8") as stream:
        text = stream.read().lower()
    assert all(word in text for word in ("digests", "moderators", "look after the list by mail", "trailer"))


def age(office: Office, kind: str) -> None:
    """Let everything of a kind in bounce/ be old enough to be written about."""
    top = f"{office.town.directory('joe')}/friends/bounce/d"

    def found() -> list[tuple[str, str]]:
        return [(folder, name) for folder in os.listdir(top) for name in os.listdir(f"{top}/{folder}")]

    wait_until(lambda: os.path.isdir(top) and any(name[0] == kind for _, name in found()))
    for folder, name in found():
        rest, pid = name[1:].split(".")
        old = int(folder) * 10_000 + int(rest) - PATIENCE_S - 100
        os.makedirs(f"{top}/{old // 10_000}", exist_ok=True)
        os.chown(f"{top}/{old // 10_000}", *office.town.owner("joe"))
        os.rename(f"{top}/{folder}/{name}", f"{top}/{old // 10_000}/{name[0]}{old % 10_000}.{pid}")


def test_an_address_that_does_not_work_is_warned_probed_and_removed(office: Office) -> None:
    """S286: with the numbers of what it missed; nobody else notices."""
    made, gone = office.town, f"ann-old@{H}"
    made.file("ann", ".qmail-old", "./Maildir/\n")
    write(office, gone, "-subscribe")
    confirm(office, "ann", gone)
    shell(office, f"ezmlm-sub ~/friends tom@{H}")
    os.unlink(f"{made.directory('ann')}/.qmail-old")
    for _ in range(2):
        since = office.mark()
        write(office, f"tom@{H}")
        letter(office, "tom")
        number = made.read("joe", "friends/num").split(":")[0]
        assert "success" in office.report(f"joe-friends-return-{number}-@{H}", since)
    age(office, "d")
    made.file("ann", ".qmail-old", "./Maildir/\n")  # for a moment, to read the warning
    write(office, f"tom@{H}", "-help")
    letter(office, "tom")
    warning = letter(office, "ann")
    assert b"\nSubject: ezmlm warning\n" in warning and f"\n   {int(number) - 1}\n   {number}\n".encode() in warning
    assert gone in subscribers(office)
    os.unlink(f"{made.directory('ann')}/.qmail-old")
    office.deliver(message_from_bytes(warning)["Return-Path"].strip("<>"), "", b"Subject: failure notice\n\n")
    age(office, "w")
    write(office, f"tom@{H}", "-help")
    letter(office, "tom")
    wait_until(lambda: subscribers(office) == [f"tom@{H}"])
    wait_until(lambda: made.read("joe", "friends/Log").endswith(f" -probe {gone}\n"))
    shell(office, f"ezmlm-unsub ~/friends tom@{H}")
