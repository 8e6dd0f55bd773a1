"""The pages in HOME/man: every program and concept has one, and man(1) and mandoc can read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli import contents
from qmtwist.cli.control import manpages
from qmtwist.cli.main import COMMANDS
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control import schema

TOP = Path(__file__).parents[2]
PAGES = manpages.pages()
CONCEPTS = {
    *("addresses.5", "dot-qmail.5", "envelopes.5", "ezmlm.5", "forgeries.7", "maildir.5", "mbox.5", "qmail-command.8"),
    *("qmail-control.5", "qmail-header.5", "qmail-limits.7", "qmail-log.5", "qmail-send.8", "qmail-users.5"),
    *("qmail.7", "tcp-environ.5"),
}


@pytest.fixture
def man(tmp_path: Path) -> Path:
    for name, content in PAGES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_every_program_command_and_concept_has_a_page() -> None:
    names = {os.path.basename(path) for path in PAGES}
    wanted = {f"{name}.{contents.section_of(name)}" for name in PROGRAMS} | {f"qmtwist-{name}.8" for name in COMMANDS}
    assert wanted | CONCEPTS == names
    assert all(path == f"man{path[-1]}/{os.path.basename(path)}" for path in PAGES)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_in_one_line_what_it_is_about(path: str) -> None:
    name = os.path.basename(path)[:-2]
    lines = PAGES[path].decode().split("\n")
    assert lines[1] == ".SH NAME"
    shown, _, purpose = lines[2].replace("\\-", "-").partition(" - ")
    assert shown == name and 5 < len(purpose) < 100 and not purpose.startswith(name)
    assert len([line for line in lines if line.startswith(".SH ")]) > 1


def test_mandoc_finds_no_error(man: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    ended = subprocess.run(["mandoc", "-T", "lint", "-W", "error", *PAGES], cwd=man, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_groff_warns_of_nothing(man: Path) -> None:
    if shutil.which("groff") is None or shutil.which("preconv") is None:
        pytest.skip("groff is not installed")
    command = ["groff", "-k", "-man", "-ww", "-z", "-T", "utf8", *PAGES]
    ended = subprocess.run(command, cwd=man, capture_output=True, text=True)
    # a long word at the end of a line is no mistake
    warnings = [line for line in ended.stderr.splitlines() if "cannot adjust" not in line and "break line" not in line]
    assert (ended.returncode, warnings) == (0, [])


def test_what_a_page_refers_to_is_there() -> None:
    missing = []
    for (name, section), text in manpages.concepts().items():
        for other, number in re.findall(r"([a-z0-9][a-z0-9-]*)\((\d)\)", text):
            if f"man{number}/{other}.{number}" not in PAGES:
                missing.append(f"{name}({section}): {other}({number})")
    assert missing == []


def test_the_control_files_that_concepts_speak_of_exist() -> None:
    for (name, _), text in manpages.concepts().items():
        spoken = re.findall(r"\bcontrol/([a-z0-9]+(?:,[ \n]+[a-z0-9]+)*)", text)
        words = {word for listed in spoken for word in re.split(r"[, \n]+", listed)}
        # behind the last comma of a list may stand any word; one that is no name has no look of one
        unknown = {
            word for word in words - schema.ROWS.keys() if re.match(r"conc|time[a-z]|max|boun|dou|queue|def", word)
        }
        assert unknown == set(), name


def test_text_cannot_give_orders_to_troff() -> None:
    page = manpages.page("x", 1, "x - it\n\n.so /etc/passwd\n'tis \\fBnot\\fR a-b ~ ^ `\n").decode()
    assert page.split("\n")[4:6] == ["\\&.so /etc/passwd", "\\&'tis \\efBnot\\efR a\\-b \\(ti \\(ha \\(ga"]


def test_headings_lists_and_text_are_told_apart() -> None:
    text = "x: it\n\nSYNOPSIS\n\n    x -n\n\nDESCRIPTION\n\nSome text:\n    a row\n\n"
    text += "Exit status:\n    0  y\n\nSee also: y(1)\n"
    assert manpages.page("x", 1, text).decode().split("\n")[2:] == [
        "x \\- it",
        ".SH SYNOPSIS",
        *(".RS 4", ".nf", "x \\-n", ".fi", ".RE"),
        ".SH DESCRIPTION",
        "Some text:",
        *(".RS 4", ".nf", "a row", ".fi", ".RE"),
        ".SH EXIT STATUS",
        *(".RS 4", ".nf", "0  y", ".fi", ".RE"),
        ".SH SEE ALSO",
        "y(1)",
        "",
    ]


def test_the_pages_are_written_by_their_script(tmp_path: Path) -> None:
    subprocess.run([TOP / "scripts" / "manpages", str(tmp_path)], check=True)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.[1578]")} == set(PAGES)


def test_the_listing_has_every_program_once_below_the_title_of_its_group() -> None:
    lines = contents.listing().split("\n")
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == sorted(PROGRAMS)
    assert {line[:-1] for line in lines if line and not line.startswith(" ")} <= set(contents.GROUPS.values())
    first = min(name for name, place in PROGRAMS.items() if place.startswith("mailbox."))
    assert lines[lines.index("Mailboxes and their users:") + 1].split()[0] == first
