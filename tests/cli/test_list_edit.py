"""A list is changed by ezmlm-make: switches are files, and what people have made of it stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.listmaking import files, make, programs

IDX4 = (
    "F:-AbCDEfGHIJKLMnOpQRSTUVWXYZ\nX:\nD:/old\nT:{0}/.qmail-list\nL:list\nH:h.dom\nC:sesame\n"
    "0:\n3:\n4:-k 99 -m7\n5:ann@x.y\n"
)


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return FilterHome(tmp_path)


def edit(place: FilterHome, *words: str, name: str = "list", more: tuple[str, ...] = ()) -> tuple[int, bytes, bytes]:
    return place.run("ezmlm-make", *words, f"{place.user}/{name}", *more)


def config(directory: Path) -> dict[str, str]:
    return {line[0]: line[2:] for line in (directory / "config").read_text().splitlines()}


def test_a_list_with_digests(place: FilterHome) -> None:
    directory = make(place, "-d")
    assert {"digest/subscribers", "digest/bounce", "digested", "indexed"} <= files(directory)
    assert programs(directory)[:4] == ["reject", "send DIR", "warn DIR", "tstdig DIR || exit 99"]
    assert programs(directory)[4:] == ["get DIR"]
    assert programs(directory, "manager") == ["get DIR", "manage DIR", "warn DIR"]
    for end in ("-digest-return-default", "-digest-owner"):
        assert os.path.islink(f"{place.user}/.qmail-list{end}")
    last, _, when = (directory / "dignum").read_text().split(":")
    assert last == "0" and abs(int(when) - time.time()) < 100
    assert not (directory / "digestcode").exists()


def test_a_list_with_digests_by_mail_and_moderators(place: FilterHome) -> None:
    directory = Path(f"{place.user}/list")
    dot = f"{place.user}/.qmail-list"
    assert place.run("ezmlm-make", "-dmiw", str(directory), dot, "list", "h.dom", "Sesame")[0] == 0
    assert (directory / "digestcode").read_text() == "Sesame\n"
    assert programs(directory) == [
        "reject", "store DIR", "archive DIR", "clean DIR", "tstdig DIR || exit 99", "get DIR",
    ]  # fmt: skip
    moderator = (directory / "moderator").read_text().splitlines()
    assert moderator[0].endswith("; s=$?; [ $s = 99 ] || exit $s") and moderator[1].endswith(" || exit 0")
    assert moderator[2].startswith("|LOCAL= '/") and moderator[3].startswith("|LOCAL= '/")
    assert place.run("ezmlm-make", f"{directory}2", f"{dot}2", "list", "h.dom", "two words")[0] == 100


def test_what_is_written_into_config(place: FilterHome) -> None:
    directory = make(place, "-dP", "-5", "ann@x.y")
    found = config(directory)
    assert found["F"] == "-aBCdEFGHIJKLMNOPQRSTUVWXYZ" and found["5"] == "ann@x.y"
    assert [found[letter] for letter in "DTLH"] == [str(directory), f"{place.user}/.qmail-list", "list", "h.dom"]


def test_switches_that_are_not_given_are_off_or_stay(place: FilterHome) -> None:
    directory = make(place, "-flP")
    assert edit(place, "-+d") == (0, b"", b"")
    assert {"modcanlist", "prefix", "digested"} <= files(directory) and not (directory / "public").exists()
    assert edit(place, "-+L") == (0, b"", b"")
    assert "modcanlist" not in files(directory) and {"prefix", "digested"} <= files(directory)
    assert edit(place, "-er") == (0, b"", b"")
    assert {"public", "remote"} <= files(directory) and not {"prefix", "digested"} & files(directory)
    assert config(directory)["F"] == "-aBCDEFGHIJKLMNOpQrSTUVWXYZ"
    assert programs(directory, "manager") == ["manage DIR", "warn DIR"]


def test_what_people_have_made_of_a_list_stays(place: FilterHome) -> None:
    directory = make(place, "-f", "-7", "/mods")
    place.run("ezmlm-sub", str(directory), "joe@x.y")
    kept = {
        "text/help": "my help\n", "headeradd": "X: y\n", "num": "7:9\n", "prefix": "[mine]\n", "owner": "&me@x.y\n",
        "key": (directory / "key").read_text(), "mailinglist": "me\n", "headerremove": "",
    }  # fmt: skip
    for name, text in kept.items():
        (directory / name).write_text(text)
    (directory / "dmarc").unlink()
    (directory / "text/sub-ok").unlink()
    editor = (directory / "editor").read_text()
    (directory / "editor").write_text("|mine\n" + editor)
    assert edit(place, "-efd") == (0, b"", b"")
    assert {name: (directory / name).read_text() for name in kept} == kept
    assert (directory / "editor.old").read_text() == "|mine\n" + editor and "mine" not in programs(directory)
    assert (directory / "text/sub-ok").exists() and not (directory / "dmarc").exists()
    assert (directory / "dignum").read_text().startswith("7:9:")
    assert place.run("ezmlm-list", str(directory))[1] == b"joe@x.y\n"
    assert edit(place, "-eefd") == (0, b"", b"")
    changed = {name for name in kept if (directory / name).read_text() != kept[name]}
    assert changed == {"text/help", "headeradd", "prefix", "owner", "mailinglist", "headerremove"}
    before = {name: (directory / name).read_bytes() for name in files(directory) if (directory / name).is_file()}
    assert edit(place, "-+") == (0, b"", b"")
    assert before == {name: (directory / name).read_bytes() for name in before}


def test_a_list_gets_another_name(place: FilterHome) -> None:
    directory = make(place, "-t")
    new = (f"{place.user}/.qmail-new", "new", "h.dom")
    assert edit(place, "-+", more=new) == (0, b"", b"")
    assert (directory / "outlocal").read_text() == "new\n" and b"<mailto:new@h.dom>" in (
        directory / "headeradd"
    ).read_bytes()
    assert os.readlink(f"{place.user}/.qmail-new-default") == f"{directory}/manager"
    assert "new-help@h.dom" in (directory / "mailinglist").read_text()


def test_a_list_learns_another_language(place: FilterHome) -> None:
    directory = make(place)
    english = (directory / "text/help").read_text()
    assert edit(place, "-e", "-C", "de") == (0, b"", b"")
    assert (directory / "text/help").read_text() != english and (directory / "ezmlmrc").read_text() == "de\n"
    assert edit(place, "-+d") == (0, b"", b"") and (directory / "ezmlmrc").read_text() == "de\n"


def test_a_list_of_ezmlm_idx(place: FilterHome) -> None:
    directory = make(place)
    (directory / "config").write_text(IDX4.format(place.user))
    assert edit(place, "-+d") == (0, b"", b"")
    assert {"prefix", "modcanedit", "digested", "public"} <= files(directory) and not (directory / "archived").exists()
    assert [(directory / name).read_text() for name in ("digsize", "digcount")] == ["99\n", "7\n"]
    assert (directory / "digestcode").read_text() == "sesame\n" and (directory / "owner").read_text().startswith(
        "ann@x.y\n"
    )
    (directory / "config").unlink()
    (directory / "flags").write_text("-aBCDEFGHIJKlMNOPqRSTUVWXYZ\n")
    ended = edit(place, "-+")
    assert ended[0] == 100 and b"give dot, local and host" in ended[2]
    (directory / "dot").write_text(f"{place.user}/.qmail-list\n")
    assert edit(place, "-+") == (0, b"", b"")
    assert {"archived", "modcanlist", "config"} <= files(directory)
    assert not {"public", "digested", "flags"} & files(directory)
    (directory / "config").unlink()
    (directory / "subgetonly").write_text("")
    assert edit(place, "-+s") == (0, b"", b"")
    assert {"archived", "modcanlist", "subgetonly", "modsub"} <= files(directory)


def test_a_qmail_file_of_somebody_elses_is_not_replaced(place: FilterHome) -> None:
    directory = make(place)
    path = Path(f"{place.user}/.qmail-list-digest-owner")
    path.write_text("./Mailbox\n")
    before = files(directory)
    status, _, errors = edit(place, "-ed")
    assert status == 100 and b"is no link" in errors and files(directory) == before
    path.unlink()
    path.symlink_to("/elsewhere")
    assert edit(place, "-ed")[0] == 0 and os.readlink(path) == f"{directory}/owner"


@pytest.mark.parametrize("words", [("-e",), ("-e", "a", "b"), ("-+",)])
def test_wrong_use(place: FilterHome, words: tuple[str, ...]) -> None:
    assert place.run("ezmlm-make", *words)[0] == 100


def test_what_is_not_there_is_not_changed(place: FilterHome) -> None:
    assert edit(place, "-e", name="nothing")[0] == 111


def test_the_lists_in_a_list(place: FilterHome) -> None:
    directory = str(make(place, "-dr"))
    assert place.run("ezmlm-sub", directory, "digest", "ann@x.y", "joe@x.y") == (0, b"", b"")
    assert place.run("ezmlm-sub", directory, "mod", text=b"tom@x.y\n") == (0, b"", b"")
    assert place.run("ezmlm-unsub", directory, "digest", "joe@x.y") == (0, b"", b"")
    assert [place.run("ezmlm-list", directory, *part)[1] for part in ((), ("digest",), ("mod",))] == [
        b"", b"ann@x.y\n", b"tom@x.y\n",
    ]  # fmt: skip
    assert Path(f"{directory}/digest/Log").read_text().count("manual") == 3
    for words in (("nothing", "a@b"), ("digest", "nobody"), ("text", "a@b")):
        assert place.run("ezmlm-sub", directory, *words)[0] == 100
    assert place.run("ezmlm-list", directory, "nothing")[0] == 100


def test_a_sender_on_one_of_the_lists_in_a_list(place: FilterHome) -> None:
    directory = str(make(place, "-d"))
    place.run("ezmlm-sub", directory, "digest", "ann@x.y")
    place.run("ezmlm-sub", directory, "joe@x.y")

    def answers(*words: str) -> list[int]:
        return [place.run("ezmlm-issubn", *words, SENDER=f"{who}@x.y")[0] for who in ("ann", "joe", "tom")]

    assert answers(directory) == [99, 0, 99]
    assert answers(directory, "digest") == [0, 99, 99] == answers(f"{directory}/digest")
    assert answers(directory, ".", "digest", "deny") == [0, 0, 99] == answers(directory, f"{directory}/digest")
    assert answers("-n", directory, "digest") == [99, 0, 0]
    assert answers("digest") == [100, 100, 100]


def test_a_new_language_is_for_the_texts_that_nobody_has_written(place: FilterHome) -> None:
    directory = make(place, "-t", "-C", "de")
    (directory / "text/info").write_text("Schach\n")
    (directory / "text/sub-nop").unlink()
    assert edit(place, "-+", "-C", "fr") == (0, b"", b"")
    assert (directory / "text/info").read_text() == "Schach\n"
    assert (directory / "text/sub-ok").read_text().startswith("Bienvenue !")
    assert (directory / "text/sub-nop").read_text().startswith("Cette adresse")
    assert "Pour quitter la liste" in (directory / "text/trailer").read_text()
    assert edit(place, "-++") == (0, b"", b"")
    assert (directory / "text/info").read_text().startswith("Personne")
