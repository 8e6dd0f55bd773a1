"""qmail-showctl: qmail's words for qmail's files; the recorded cases check the whole report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def report(home: Path, exit_status: int = 0) -> str:
    code = f"import sys; sys.path.insert(0, {TOP!r}); from qmtwist.cli.launch import run; run('qmail-showctl', None)"
    environment = {"QMTWIST_HOME": str(home)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (ended.returncode, ended.stderr) == (exit_status, b"")
    return ended.stdout.decode("latin-1")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path


def put(home: Path, **files: str) -> None:
    for name, text in files.items():
        (home / "control" / name).write_text(text)


def entry(text: str, name: str) -> str:
    return text.split(f"\n\n{name}: ", 1)[1].split("\n\n", 1)[0].rstrip("\n")


def test_defaults_follow_me_or_are_their_own_name(home: Path) -> None:
    assert entry(report(home), "bouncehost") == "(Default.) Bounce host name is bouncehost."
    assert entry(report(home), "me") == "(Default.) My name is undefined! Uh-oh."
    put(home, me="a.example\n")
    assert entry(report(home), "bouncehost") == "(Default.) Bounce host name is a.example."
    put(home, bouncehost="b.example \n")
    assert entry(report(home), "bouncehost") == "Bounce host name is b.example."


def test_a_list_has_a_line_per_entry_and_an_empty_file_none(home: Path) -> None:
    put(home, percenthack="# c\na.example\n\nb.example \n", badmailfrom="", qmqpservers="192.0.2.1\n")
    text = report(home)
    assert entry(text, "percenthack") == (
        "\nThe percent hack is allowed for user%host@a.example.\nThe percent hack is allowed for user%host@b.example."
    )
    assert entry(text, "badmailfrom") == ""
    assert entry(text, "qmqpservers") == "\nQMQP server: 192.0.2.1."


def test_bytes_that_are_not_printable_become_question_marks(home: Path) -> None:
    (home / "control" / "bouncefrom").write_bytes(b"a\x1b\xffb\n")
    assert entry(report(home), "bouncefrom") == "Bounce user name is a??b."


def test_morercpthosts_without_rcpthosts_does_not_matter(home: Path) -> None:
    assert entry(report(home), "morercpthosts") == "(Default.) No rcpthosts; morercpthosts is irrelevant."
    put(home, morercpthosts="a.example\n")
    assert entry(report(home), "morercpthosts") == "\nNo rcpthosts; doesn't matter that morercpthosts has a.example."
    put(home, rcpthosts="")
    assert entry(report(home), "morercpthosts") == "\nSMTP clients may send messages to recipients at a.example."


def test_the_database_is_compared_with_its_text(home: Path) -> None:
    database, text = home / "control" / "morercpthosts.cdb", home / "control" / "morercpthosts"
    assert entry(report(home), "morercpthosts.cdb") == "(Default.) No effect."
    database.touch()
    assert entry(report(home), "morercpthosts.cdb") == "Oops! morercpthosts.cdb exists but morercpthosts doesn't."
    text.touch()
    os.utime(database, (1000, 1000))
    assert entry(report(home), "morercpthosts.cdb") == "Oops! morercpthosts.cdb is older than morercpthosts."
    os.utime(text, (1000, 1000))
    assert entry(report(home), "morercpthosts.cdb") == "Modified recently enough; hopefully up to date."


def test_a_file_that_cannot_be_read_is_an_oops(home: Path) -> None:
    (home / "control" / "virtualdomains").mkdir()
    assert entry(report(home), "virtualdomains") == "Oops! Trouble reading this file."


def test_files_that_only_we_have_are_shown_if_they_are_there_and_unknown_ones_at_the_end(home: Path) -> None:
    assert "listensmtp" not in report(home)
    put(home, listensmtp="tcp:25\ntcp:587\n", rcptcheck="0\n", tcprules="", zzz="", concurrencyincoming="20\n")
    text = report(home)
    assert entry(text, "listensmtp").endswith(":\ntcp:25\ntcp:587")
    assert entry(text, "rcptcheck").endswith(": 0.")
    assert text.endswith(
        "\n\nconcurrencyincoming: I have no idea what this file does.\n\nzzz: I have no idea what this file does.\n"
    )


def test_the_files_of_remote_delivery_are_shown(home: Path) -> None:
    put(home, outgoingip="192.0.2.1\na.example:2001:db8::1\n", outgoingfamilies="ipv6\n", tlspolicy=":verify\n")
    put(home, localaddresses="192.0.2.7\n", nameservers="192.0.2.53 5353\n", qmtproutes="near:10.0.0.1\n")
    text = report(home)
    for name in ("outgoingip", "localaddresses", "nameservers", "tlspolicy", "qmtproutes"):
        lines = (home / "control" / name).read_text().splitlines()
        assert entry(text, name).splitlines()[1:] == lines
    assert entry(text, "outgoingfamilies").endswith(": ipv6.")


def test_without_a_control_directory_it_says_so(tmp_path: Path) -> None:
    assert report(tmp_path, 111).endswith("Oops! Unable to chdir to control.\n")
