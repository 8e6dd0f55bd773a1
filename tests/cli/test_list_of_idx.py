"""A list that ezmlm-idx made, with its files as that leaves them, goes on here."""

from __future__ import annotations

import os
import re
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued

ANN, TOM = "ann@x.y", "tom@x.y"
TEXT = b"From: ann@x.y\nSubject: hi\n\nbody\n"
# ezmlm-make -5 -rslnu -C /etc/ezmlm/de of ezmlm-idx 7, as far as the programs read it.
FILES = {
    "lock": "",
    "lockbounce": "",
    "outlocal": "list\n",
    "outhost": "h.dom\n",
    "headerremove": "return-path\nreturn-receipt-to\n",
    "headeradd": "Sender: <<#l#>@<#h#>>\nPrecedence: bulk\nList-Help: <mailto:<#l#>-help@<#h#>>\n",
    "key": "0123456789abcdef\0\1\2\n",
    "num": "7:12\n",
    "public": "",
    "archived": "",
    "indexed": "",
    "remote": "",
    "modsub": "",
    "modcanlist": "",
    "modcanedit": "",
    "subpostonly": "",
    "ezmlmrc": "/etc/ezmlm/de\n",
    "charset": "iso-8859-1:Q\n",
    "flags": "-aBCdEFGHIJKlMnOPQrsTuVWXYZ\n",
    "text/trailer": "-- \nThe list <#l#>\n<=D=>\nno digests\n<=d=>\ndigest: <#l#>-digest-subscribe@<#h#>\n<==>\n",
    "text/sub-confirm": "# Revision: 1\nGr\xfc\xdfe an <#A#>!\nAntwort: <#R#>, mit <#c#>\n"
    "<=r=>\nferngesteuert\n<=R=>\nnicht\n",
    "text/messages": "SUB_WELCOME:Servus bei <#L#>@<#H#>\nSUB_NOTHING\n",
}
FOLDERS = ("archive", "bounce", "text", "digest", "digest/bounce", "allow", "deny", "mod", "mod/pending")


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    for folder in ("", *FOLDERS):
        os.makedirs(f"{directory(made)}/{folder}", 0o755)
    for name, text in FILES.items():
        Path(f"{directory(made)}/{name}").write_text(text, encoding="latin-1")
    assert made.run("ezmlm-sub", f"{directory(made)}", "mod", TOM)[0] == 0
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def manager(place: FilterHome, sender: str, action: str, text: bytes = TEXT) -> list[Queued]:
    """What comes of a message to the manager: its programs in turn, as qmail-local runs them."""
    before = [letter.message for letter in place.queued]
    for program in ("weed", "get", "split", "request", "manage"):
        words = [] if program == "weed" else [directory(place)]
        more = {"LOCAL": f"joe-list-{action}", "SENDER": sender, "DEFAULT": action, "HOST": "h.dom"}
        status, _, errors = place.run(f"ezmlm-{program}", *words, text=text, **more)
        assert status in (0, 99), (program, errors)
        if status == 99:
            break
    return [letter for letter in place.queued if letter.message not in before and letter.recipients]


def body(letter: Queued) -> str:
    return letter.body.decode()


def reply_to(letter: Queued) -> str:
    found = re.search(r"^Reply-To: list-(.*)@h\.dom$", letter.header, re.M)
    assert found is not None
    return found[1]


def test_its_own_texts_are_said_and_the_others_in_its_language(place: FilterHome) -> None:
    (asked,) = manager(place, ANN, "subscribe")
    address = reply_to(asked)
    assert "charset=utf-8" in asked.header
    assert f"\nGrüße an ann@x.y!\nAntwort: list-{address}@h.dom, mit {address}\nferngesteuert\n" in body(asked)
    assert "Revision" not in body(asked) and "nicht\n" not in body(asked).partition("---")[0]
    assert body(asked).startswith("Guten Tag. Ich bin das Programm, das die Mailingliste list@h.dom betreut.\n")
    subject = str(make_header(decode_header(message_from_bytes(asked.message)["Subject"])))
    assert subject == "Bitte bestätigen: list@h.dom abonnieren"


def test_somebody_joins_and_writes(place: FilterHome) -> None:
    (asked,) = manager(place, ANN, "subscribe")
    (moderated,) = manager(place, ANN, reply_to(asked))
    assert moderated.recipients == [TOM.encode()]
    (welcome,) = manager(place, TOM, reply_to(moderated))
    assert welcome.recipients == [ANN.encode()] and "\nSubject: Servus bei list@h.dom\n" in welcome.header
    for words in (("ezmlm-checksub", "-n", directory(place), "deny"), ("ezmlm-store", directory(place))):
        assert place.run(*words, text=TEXT, SENDER=ANN, LOCAL="joe-list")[0] == 0
    words = ("ezmlm-checksub", directory(place), ".", "digest", "allow", "mod")
    assert [place.run(*words, text=TEXT, SENDER=sender)[0] for sender in (ANN, TOM, "eve@x.y")] == [0, 0, 100]
    (posted,) = [letter for letter in place.queued if letter.sender.startswith(b"list-return-8-")]
    assert "\nSender: <list@h.dom>\n" in posted.header and "\nList-Help: <mailto:list-help@h.dom>\n" in posted.header
    assert body(posted) == "body\n\n-- \nThe list list\ndigest: list-digest-subscribe@h.dom\n\n"
    assert posted.header.startswith("Mailing-List: contact list-help@h.dom; run by ezmlm\n")


def test_its_moderators_look_after_it(place: FilterHome) -> None:
    for action in ("subscribe-ann=x.y", "deny-subscribe-eve=x.y", "digest-subscribe-ann=x.y"):
        (asked,) = manager(place, TOM, action)
        assert asked.recipients == [TOM.encode()]
        manager(place, TOM, reply_to(asked))
    for part, who in ((".", ANN), ("deny", "eve@x.y"), ("digest", ANN), ("mod", TOM)):
        assert place.run("ezmlm-list", f"{directory(place)}/{part}")[1].decode().split() == [who]
    (listed,) = manager(place, TOM, "list")
    assert "\nann@x.y\n\n  ======> 1\n" in body(listed)
    (edit,) = manager(place, TOM, "edit.sub_confirm")
    text = body(edit).partition("%%% START OF TEXT FILE\n")[2].partition("%%% END OF TEXT FILE\n")[0]
    assert text == FILES["text/sub-confirm"]  # with its sections and places
    changed = f"Subject: re\n\n%%% START OF TEXT FILE\n{text}Tschüß\n%%% END OF TEXT FILE\n".encode()
    (done,) = manager(place, TOM, reply_to(edit), changed)
    assert "Der Text ist geändert." in body(done)
    kept = Path(f"{directory(place)}/text/sub-confirm").read_bytes()
    assert kept == (text + "Tschüß\n").encode("latin-1")


def test_what_comes_back_counts(place: FilterHome) -> None:
    place.run("ezmlm-sub", directory(place), ANN)
    back = {"LOCAL": "joe-list-return-7-ann=x.y", "DEFAULT": "7-ann=x.y", "SENDER": ""}
    assert place.run("ezmlm-return", "-D", directory(place), text=b"Subject: failure\n\n", **back)[0] == 99
    assert len(list(Path(f"{directory(place)}/bounce").rglob("d*.*"))) == 1


def test_a_message_for_a_moderator(place: FilterHome) -> None:
    Path(f"{directory(place)}/modpost").touch()
    os.makedirs(f"{directory(place)}/mod/accepted")
    assert place.run("ezmlm-gate", directory(place), ".", "mod", text=TEXT, SENDER=ANN, LOCAL="joe-list")[0] == 0
    (asked,) = place.queued
    action = reply_to(asked)
    more = {"LOCAL": f"joe-list-{action}", "DEFAULT": action.removeprefix("accept-"), "SENDER": TOM}
    assert place.run("ezmlm-moderate", directory(place), **more)[0] in (0, 99)
    assert os.listdir(f"{directory(place)}/mod/accepted") and Path(f"{directory(place)}/num").read_text()[0] == "8"


def test_a_command_in_the_subject(place: FilterHome) -> None:
    (asked,) = manager(place, ANN, "request", b"Subject: subscribe\n\n")
    assert reply_to(asked).startswith("sc.")
