"""qmail-newmrh: the text of morercpthosts into the database that the SMTP service reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.cli.control import qmail_newmrh
from qmtwist.store import cdb


@pytest.fixture
def control(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path / "control"


def test_hosts_are_stored_in_lower_case_without_blanks_and_comments(control: Path) -> None:
    (control / "morercpthosts").write_bytes(b"Example.COM\n# c\n.sub.dom \t\n\nlast")
    assert qmail_newmrh.main([], str(control.parent)) == 0
    with cdb.Reader(str(control / "morercpthosts.cdb")) as reader:
        found = [reader.get(key) for key in (b"example.com", b".sub.dom", b"last", b"Example.COM", b"# c", b"")]
    assert found == [b"", b"", b"", None, None, None]
    assert sorted(path.name for path in control.iterdir()) == ["morercpthosts", "morercpthosts.cdb"]


def test_a_missing_text_leaves_the_old_database(control: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (control / "morercpthosts.cdb").write_bytes(b"old")
    assert qmail_newmrh.main([], str(control.parent)) == 111
    expected = "qmail-newmrh: fatal: unable to read control/morercpthosts: file does not exist\n"
    assert capfd.readouterr().err == expected
    assert (control / "morercpthosts.cdb").read_bytes() == b"old"


def test_trouble_with_each_file_is_named(control: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (control / "morercpthosts").write_bytes(b"a.example\n")
    (control / "morercpthosts.cdb").mkdir()
    assert qmail_newmrh.main([], str(control.parent)) == 111
    expected = "unable to move control/morercpthosts.tmp to control/morercpthosts.cdb: is a directory\n"
    assert capfd.readouterr().err == "qmail-newmrh: fatal: " + expected
    (control / "morercpthosts.tmp").mkdir()
    assert qmail_newmrh.main([], str(control.parent)) == 111
    assert capfd.readouterr().err.startswith("qmail-newmrh: fatal: unable to write to control/morercpthosts.tmp: ")
