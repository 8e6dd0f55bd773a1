"""Where the rules that rewrite hosts come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.control.load import load_with_warnings
from qmtwist.control.ofmipnames import OfmipNames
from qmtwist.control.rewriting import read_rewriting
from qmtwist.store import cdb


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    (tmp_path / "control/me").write_text("me.example\n")
    return tmp_path


def test_without_a_file_the_four_names_make_the_rules(home: Path) -> None:
    (home / "control/defaulthost").write_text("host\n")
    found = read_rewriting(str(home), {})
    assert found.rules.host(b"") == b"host.me.example" and found.idhost == b"me.example"
    assert read_rewriting(str(home), {b"QMAILDEFAULTHOST": b"a.b", b"QMAILIDHOST": b"id"}).idhost == b"id"


def test_without_any_name_it_is_a_word(home: Path) -> None:
    (home / "control/me").unlink()
    assert read_rewriting(str(home), {}).rules.host(b"") == b"DEFAULTHOST.DEFAULTDOMAIN"


def test_a_file_replaces_the_rules_and_one_of_the_users_goes_first(home: Path) -> None:
    (home / "control/rewrite").write_text("# ours\n=a:b\n")
    (home / "mine").write_text("=a:c\n")
    assert read_rewriting(str(home), {}).rules.host(b"a") == b"b"
    assert read_rewriting(str(home), {}).rules.host(b"") == b""
    assert read_rewriting(str(home), {b"QMAILREWRITEFILE": str(home / "mine").encode()}).rules.host(b"a") == b"c"
    assert read_rewriting(str(home), {b"QMAILREWRITEFILE": b"/nowhere"}).rules.host(b"a") == b"b"


def test_the_daemon_loads_the_rules_and_names_a_line_that_is_none(home: Path) -> None:
    (home / "control/rewrite").write_text("=a:b\nnonsense\n")
    loaded = load_with_warnings(str(home))
    assert loaded.settings.ofmip.rewrite == (b"=a:b", b"nonsense")
    assert [(warning.name, warning.line) for warning in loaded.warnings] == [("rewrite", 2)]
    assert loaded.settings.ofmip.defaulthost == b"me.example" and loaded.settings.ofmip.names is None


def test_an_empty_file_has_no_rules_at_all(home: Path) -> None:
    (home / "control/rewrite").write_text("")
    assert load_with_warnings(str(home)).settings.ofmip.rewrite == ()


def test_a_new_name_database_counts_at_once(home: Path) -> None:
    path = str(home / "control/ofmipname.cdb")
    names = OfmipNames(path)
    assert names.get(b"joe@h") is None
    cdb.write(path, path + ".tmp", [(b"joe@h", b"Joe\0joe@x")])
    assert names.get(b"joe@h") == b"Joe\0joe@x"
    names.close()
