"""The programs of mailing lists, called as .qmail files and administrators call them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome

TEXT = b"From: joe@x.y\nSubject: hi\n\nbody\n"
USAGES = {
    "ezmlm-make": (),
    "ezmlm-sub": (),
    "ezmlm-unsub": ("-x", "/l"),
    "ezmlm-list": (),
    "ezmlm-issubn": (),
    "ezmlm-send": (),
    "ezmlm-get": (),
    "ezmlm-store": (),
    "ezmlm-moderate": ("-x", "/l"),
    "ezmlm-clean": (),
    "ezmlm-gate": (),
    "ezmlm-checksub": ("-x", "/l"),
    "ezmlm-request": (),
    "ezmlm-confirm": (),
    "ezmlm-idx": ("-f", "x", "/l"),
    "ezmlm-manage": (),
    "ezmlm-return": ("-q",),
    "ezmlm-warn": ("-t", "x", "/l"),
    "ezmlm-weed": ("-x",),
    "ezmlm-reject": ("-x",),
}


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"LOCAL": "list", "HOST": "h.dom", "SENDER": "joe@x.y"}
    assert make(made) == (0, b"", b"")
    os.unlink(f"{directory(made)}/dmarc")  # no DNS here
    return made


def make(place: FilterHome, *options: str) -> tuple[int, bytes, bytes]:
    return place.run("ezmlm-make", *options, directory(place), f"{place.user}/.qmail-list", "list", "h.dom")


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def ask(place: FilterHome, action: str, sender: str = "joe@x.y", text: bytes = TEXT) -> tuple[int, bytes, bytes]:
    return place.run("ezmlm-manage", directory(place), text=text, LOCAL=f"list-{action}", SENDER=sender)


@pytest.mark.parametrize("name", USAGES)
def test_wrong_use(place: FilterHome, name: str) -> None:
    status, output, errors = place.run(name, *USAGES[name])
    assert (status, output) == (100, b"") and errors.startswith(f"{name}: usage: {name} ".encode())


def test_a_list_is_not_made_over_another(place: FilterHome) -> None:
    before = sorted(os.listdir(place.user))
    status, _, errors = make(place)
    assert status == 111 and b"/list: file already exists" in errors
    status, _, errors = place.run("ezmlm-make", f"{place.user}/new", f"{place.user}/.qmail-list", "n", "h")
    assert status == 111 and b".qmail-list: file already exists" in errors
    assert sorted(os.listdir(place.user)) == before
    assert os.stat(directory(place)).st_mode & 0o777 == 0o700


def test_two_lists_have_two_keys(place: FilterHome) -> None:
    place.run("ezmlm-make", "-AP", f"{place.user}/new", f"{place.user}/.qmail-new", "n", "h")
    one, two = (Path(f"{place.user}/{name}/key").read_bytes() for name in ("list", "new"))
    assert one != two and len(one) == len(two) > 64
    assert not {"archived", "public"} & set(os.listdir(f"{place.user}/new"))


def test_the_number_is_put_back_when_the_queue_refuses(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), "ann@x.y")
    for code, status, words in ((53, 111, b"temporary"), (31, 100, b"permanent")):
        place.refuse(code)
        ended = place.run("ezmlm-send", directory(place), text=TEXT)
        assert ended[0] == status and words + b" qmail-queue error: " in ended[2]
        assert Path(f"{directory(place)}/num").read_text() == "0:0\n"
        place.refuse(None)
    assert place.run("ezmlm-send", directory(place), text=TEXT)[0] == 0
    (letter,) = place.queued
    assert (letter.sender, letter.recipients) == (b"list-return-1-@h.dom-@[]", [b"ann@x.y"])


def test_a_posting_to_twenty_thousand_is_one_queue_entry(place: FilterHome) -> None:
    people = "".join(f"user{number}@host{number % 500}.example\n" for number in range(20_000))
    assert place.run("ezmlm-sub", directory(place), text=people.encode()) == (0, b"", b"")
    began = time.monotonic()
    assert place.run("ezmlm-send", directory(place), text=TEXT)[0] == 0
    assert time.monotonic() - began < 2
    (letter,) = place.queued
    assert b"\n".join(letter.recipients) + b"\n" == place.run("ezmlm-list", directory(place))[1]
    assert len(letter.recipients) == 20_000


def test_an_answer_that_cannot_be_queued_is_tried_again_and_nobody_is_lost(place: FilterHome) -> None:
    ask(place, "subscribe")
    (asked,) = place.queued
    action = re.search(r"^Reply-To: list-(.*)@h.dom$", asked.header, re.M)
    assert action is not None
    place.refuse(53)
    assert ask(place, action[1])[0] == 111
    assert place.run("ezmlm-list", directory(place))[1] == b""
    place.refuse(None)
    assert ask(place, action[1])[0] == 0
    assert any("\nSubject: WELCOME " in letter.header for letter in place.queued if letter.recipients)
    assert place.run("ezmlm-list", directory(place))[1] == b"joe@x.y\n"
    assert Path(f"{directory(place)}/Log").read_text().count(" + joe@x.y\n") == 1


def test_what_is_answered_seldom_is_tried_again_if_it_could_not_be_queued(place: FilterHome) -> None:
    place.refuse(53)
    assert ask(place, "subscribe-ann=x.y")[0] == 111
    place.refuse(None)
    for _ in range(2):
        assert ask(place, "subscribe-ann=x.y")[0] == 0
    assert [letter.recipients for letter in place.queued if letter.recipients] == [[b"ann@x.y"]]


def test_a_cookie_is_for_one_address_and_one_list(place: FilterHome) -> None:
    ask(place, "subscribe")
    (asked,) = place.queued
    found = re.search(r"^Reply-To: list-(sc.*)-joe=x.y@h.dom$", asked.header, re.M)
    assert found is not None
    ask(place, f"{found[1]}-ann=x.y", "ann@x.y")
    ask(place, f"{found[1].replace('sc', 'uc')}-joe=x.y")
    Path(f"{directory(place)}/key").write_text("another")
    ask(place, f"{found[1]}-joe=x.y")
    assert place.run("ezmlm-list", directory(place))[1] == b""


@pytest.mark.parametrize("action", ["nonsense", "subscribe-joe", "get.x", "sc.1.x", "", "unsubscribe-"])
def test_who_is_not_on_the_list_gets_no_answer_to_what_is_no_command(place: FilterHome, action: str) -> None:
    assert ask(place, action) == (0, b"", b"ezmlm-manage: info: not answered\n")
    assert place.queued == []


def test_the_archive_goes_to_the_sender_only(place: FilterHome) -> None:
    """Whoever else the address names."""
    ask(place, "get.1-ann=x.y")
    ask(place, "help-ann=x.y")
    assert [letter.recipients for letter in place.queued] == [[b"joe@x.y"], [b"joe@x.y"]]


def test_a_request_is_shown_in_part_only(place: FilterHome) -> None:
    ask(place, "help", text=TEXT + b"long\n" * 1_000_000)
    ask(place, "subscribe-ann=x.y", text=TEXT + b"long\n" * 1_000_000)
    sizes = {letter.recipients[0]: len(letter.message) for letter in place.queued}
    assert 10_000 < sizes[b"joe@x.y"] < 14_000 and sizes[b"ann@x.y"] < 5_000


@pytest.mark.parametrize("name", ["ezmlm-send", "ezmlm-manage"])
def test_a_header_without_end_is_refused(place: FilterHome, name: str) -> None:
    text = b"A: b\n c\n" * 400_000
    began = time.monotonic()
    status, _, errors = place.run(name, directory(place), text=text, LOCAL="list-help")
    assert status == 100 and b"the header is too long (#5.6.0)" in errors
    assert [letter for letter in place.queued if letter.recipients] == [] and time.monotonic() - began < 20


@pytest.mark.parametrize("sender", ["joe\n@x.y", "joe@x\ny", "x" * 900 + "@x.y"])
def test_an_address_that_would_break_a_header_is_refused(place: FilterHome, sender: str) -> None:
    assert ask(place, "help", sender)[0] == 100 and place.queued == []


@pytest.mark.parametrize(
    ("words", "subject", "status"),
    [
        ((), b"x", 0),
        (("-T", "/list"), b"x", 0),
        ((), b"", 100),
        (("-S",), b"", 0),
        (("-SC",), b"help", 0),
        (("-S", "-s"), b"", 100),
        (("-q",), b"help", 99),
        (("-q", "-Q"), b"help", 100),
    ],
)
def test_subjects_that_are_refused(place: FilterHome, words: tuple[str, ...], subject: bytes, status: int) -> None:
    assert place.run("ezmlm-reject", *words, text=b"Subject: " + subject + b"\n\nx\n")[0] == status


def test_subscribers_only(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), "Joe@X.y")
    assert place.run("ezmlm-issubn", directory(place))[0] == 0
    assert place.run("ezmlm-issubn", "-n", directory(place))[0] == 99
    assert place.run("ezmlm-issubn", directory(place), SENDER="")[0] == 99
    assert place.run("ezmlm-issubn", "-n", f"{place.user}/no")[0] == 111


def test_a_warning_goes_out_once_and_not_to_who_has_left(place: FilterHome) -> None:
    """In the files of ezmlm 0.53."""
    bounce = Path(f"{directory(place)}/bounce")
    place.run("ezmlm-sub", directory(place), "joe@x.y")
    old = int(time.time()) - 1_100_000
    (bounce / "hdamgadkkfclekaapdclf").write_text("   3\n")
    (bounce / f"d{old}.1").write_bytes(b"joe@x.y\0what came back\n")
    (bounce / f"w{old}.1").write_bytes(b"ann@x.y\0what came back\n")
    (bounce / f"d{old - 3_000_000}.1").write_bytes(b"joe@x.y\0too old\n")
    place.refuse(53)
    assert place.run("ezmlm-warn", directory(place))[0] == 111
    place.refuse(None)
    for _ in range(2):
        assert place.run("ezmlm-warn", directory(place)) == (0, b"", b"")
    (letter,) = place.queued
    assert letter.recipients == [b"joe@x.y"] and "\nSubject: ezmlm warning\n" in letter.header
    assert re.fullmatch(rb"list-return-warn-\d+\.[a-p]{20}-joe=x\.y@h\.dom", letter.sender)
    assert b"\n   3\n" in letter.body and letter.body.endswith(b"what came back\n")
    assert os.listdir(bounce) == []


def give_away(place: FilterHome) -> None:
    """The list and where it lies belong to somebody, who may enter what is above."""
    for top, folders, files in os.walk(place.user):
        for path in (top, *[f"{top}/{name}" for name in (*folders, *files)]):
            os.chown(path, 2101, 2102, follow_symlinks=False)
    for above in Path(place.user).parents:
        if above.stat().st_uid == 0 and above != Path("/tmp") and above != Path("/"):
            above.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_root_does_belongs_to_the_owner_of_the_list(place: FilterHome) -> None:
    give_away(place)
    assert place.run("ezmlm-sub", directory(place), "joe@x.y")[0] == 0
    for name in ("subscribers/W", "Log", "lock"):
        status = os.stat(f"{directory(place)}/{name}")
        assert (status.st_uid, status.st_gid) == (2101, 2102), name


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("name", ["lock", "Log", "subscribers/Wn"])
def test_root_writes_nothing_through_the_links_of_a_list(place: FilterHome, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept\n")
    precious.chmod(0o600)
    path = Path(directory(place)) / name
    path.unlink(missing_ok=True)
    path.symlink_to(precious)
    give_away(place)
    os.chown(precious, 0, 0)
    place.run("ezmlm-sub", directory(place), "joe@x.y")
    assert (precious.read_text(), precious.stat().st_uid) == ("kept\n", 0)
