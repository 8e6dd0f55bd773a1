"""control/smtplines.py: control/rbldns, as `load` and `qmtwist check` see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.control.load import Complaints, Loaded, load_with_warnings
from qmtwist.rules.dnsbl import List, parse_lines


def load(home: Path, text: str) -> Loaded:
    (home / "control").mkdir()
    (home / "control" / "me").write_text("mail.example.org\n")
    (home / "control" / "rbldns").write_text(text)
    return load_with_warnings(str(home))


def test_lines_are_kept_in_order(tmp_path: Path) -> None:
    loaded = load(tmp_path, "# lists\n\n-t 5\n-b -r b.example:no mail, %IP% # 1\n-r a.example\n")
    assert loaded.settings.smtp.rbldns == (b"-t 5", b"-b -r b.example:no mail, %IP% # 1", b"-r a.example")
    assert loaded.warnings == ()
    plan = parse_lines(loaded.settings.smtp.rbldns, 10)
    assert plan.timeout_s == 5
    assert plan.lists == (
        List(b"b.example", is_permanent=True, text=b"no mail, %IP% # 1"),
        List(b"a.example", is_permanent=True),
    )


def test_every_line_that_makes_no_sense_is_complained_about(tmp_path: Path) -> None:
    with pytest.raises(Complaints) as found:
        load(tmp_path, "-r a.example\nb.example\n-t 0\n-r a.example=127\n")
    assert [(complaint.name, complaint.line) for complaint in found.value.complaints] == [
        ("rbldns", 2), ("rbldns", 3), ("rbldns", 4),
    ]  # fmt: skip


def test_a_file_that_names_no_list_is_warned_about(tmp_path: Path) -> None:
    loaded = load(tmp_path, "-b\n")
    assert [str(warning) for warning in loaded.warnings] == ["control/rbldns: names no list: write -r LIST"]


def test_without_a_file_none_are_asked(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "me").write_text("mail.example.org\n")
    assert load_with_warnings(str(tmp_path)).settings.smtp.rbldns == ()


def load_spf(home: Path, **files: str) -> Loaded:
    (home / "control").mkdir()
    (home / "control" / "me").write_text("mail.example.org\n")
    for name, text in files.items():
        (home / "control" / name).write_text(text)
    return load_with_warnings(str(home))


def test_spf_is_off_and_has_three_files(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = load_spf(tmp_path / "plain").settings.smtp
    assert (plain.spfbehavior, plain.spfrules, plain.spfexp) == (0, b"", b"")
    (tmp_path / "full").mkdir()
    found = load_spf(
        tmp_path / "full",
        spfbehavior="3\n",
        spfrules="# ours\nip4:192.0.2.7\ninclude:ok.example\n",
        spfexp="see http://why.example/?ip=%{i}\n",
    ).settings.smtp
    assert found.spfbehavior == 3
    assert found.spfrules == b"ip4:192.0.2.7 include:ok.example"
    assert found.spfexp == b"see http://why.example/?ip=%{i}"


def test_spf_files_that_make_no_sense_are_complained_about(tmp_path: Path) -> None:
    with pytest.raises(Complaints) as found:
        load_spf(tmp_path, spfbehavior="7\n", spfrules="ip4:192.0.2.7\n192.0.2.8\n", spfexp="why %{x}\n")
    complaints = [(complaint.name, complaint.line) for complaint in found.value.complaints]
    assert sorted(complaints) == [("spfbehavior", 1), ("spfexp", 1), ("spfrules", 2)]
