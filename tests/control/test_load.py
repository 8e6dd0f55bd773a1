"""control/load: the whole directory into settings, or every complaint at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmtwist.control import schema
from qmtwist.control.load import Complaint, Complaints, load, load_with_warnings, stamp
from qmtwist.control.row import Kind


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    put(tmp_path, me="mail.example.org\n")
    return tmp_path


def put(home: Path, **files: str) -> None:
    for name, text in files.items():
        (home / "control" / name).write_text(text)


def warnings(home: Path) -> list[str]:
    return list(map(str, load_with_warnings(str(home)).warnings))


def complaints(home: Path) -> list[str]:
    with pytest.raises(Complaints) as raised:
        load(str(home))
    return list(map(str, raised.value.complaints))


def test_me_alone_is_enough(home: Path) -> None:
    found = load(str(home))
    assert found.me == found.send.envnoathost == found.send.bouncehost == found.send.doublebouncehost
    assert found.me == found.smtp.greeting == found.smtp.localiphost == found.pop3.greeting == b"mail.example.org"
    assert found.send.locals == {b"mail.example.org"}
    assert (found.send.bouncefrom, found.send.doublebounceto) == (b"MAILER-DAEMON", b"postmaster")
    assert (found.send.concurrencylocal, found.send.concurrencyremote) == (10, 20)
    assert found.send.queuelifetime_s == 604800
    assert found.smtp.rcpthosts is None
    assert (found.access.per_network, found.access.connections_per_minute, found.access.messages_per_hour) == (0, 0, 0)
    assert found.smtp.is_rcptcheck
    assert found.smtp.timeout_s == found.pop3.timeout_s == 1200
    assert found.delivery.defaultdelivery == b"./Mailbox"
    assert found.pop3.maildir == b"Maildir"
    assert found.listen.pop3 == ()
    assert found.listen.smtp == (("tcp:25",) if os.geteuid() == 0 else ("tcp:2525:interface=127.0.0.1",))
    assert warnings(home) == []


def test_neither_me_nor_locals_is_one_clear_error(home: Path) -> None:
    (home / "control" / "me").unlink()
    assert complaints(home) == ["control/me: is missing; write the full host name into it"]


def test_locals_without_me_gives_qmails_literal_words_and_a_warning(home: Path) -> None:
    (home / "control" / "me").unlink()
    put(home, locals="Example.ORG\n")
    found = load(str(home))
    assert (found.send.envnoathost, found.send.bouncehost) == (b"envnoathost", b"bouncehost")
    assert found.send.doublebouncehost == b"doublebouncehost"
    assert found.send.locals == {b"example.org"}
    assert found.smtp.localiphost is None
    assert warnings(home) == ["control/me: is missing; host names become words such as envnoathost"]


def test_an_empty_locals_file_means_no_local_hosts(home: Path) -> None:
    put(home, locals="")
    assert load(str(home)).send.locals == frozenset()


def test_me_is_local_in_lower_case(home: Path) -> None:
    put(home, me="Mail.Example.ORG\n")
    assert load(str(home)).send.locals == {b"mail.example.org"}
    assert load(str(home)).me == b"Mail.Example.ORG"


def test_qmails_numbers_are_taken_as_qmail_takes_them_with_a_warning(home: Path) -> None:
    put(home, concurrencylocal="7x\n", queuelifetime="-5\n", databytes="abc\n", timeoutsmtpd="0\n")
    found = load(str(home))
    assert (found.send.concurrencylocal, found.send.queuelifetime_s) == (7, 604800)
    assert (found.smtp.databytes, found.smtp.timeout_s) == (0, 1)
    assert warnings(home) == [
        "control/concurrencylocal:1: '7x' is read as 7",
        "control/databytes:1: 'abc' is no number; allowed is 0 to 2147483647; the default 0 is used",
        "control/queuelifetime:1: '-5' is no number; allowed is 0 to 2147483647; the default 604800 is used",
        "control/timeoutsmtpd:1: 0 is out of range; allowed is 1 to 2147483647",
    ]


def test_our_own_numbers_must_be_right_and_all_complaints_come_at_once(home: Path) -> None:
    put(home, maxerrors="many\n", concurrencyincoming="0\n", maxrecipients="99\n", rcptcheck="2\n")
    assert complaints(home) == [
        "control/concurrencyincoming:1: 0 is out of range; allowed is 1 to 65535",
        "control/maxerrors:1: 'many' is no number; allowed is 1 to 2147483647",
        "control/maxrecipients:1: 99 is out of range; allowed is 100 to 2147483647",
        "control/rcptcheck:1: 2 is out of range; allowed is 0 to 1",
    ]


NUMBERS = sorted(row.name for row in schema.ROWS.values() if row.kind is Kind.NUMBER and not row.is_classic)


@pytest.mark.parametrize("name", NUMBERS)
def test_each_of_our_limits_is_accepted_at_its_ends_and_refused_beyond(home: Path, name: str) -> None:
    row = schema.ROWS[name]
    for number in (row.minimum, row.maximum):
        put(home, **{name: f"{number}\n"})
        load(str(home))
    for number in (row.minimum - 1, row.maximum + 1):
        put(home, **{name: f"{number}\n"})
        assert len(complaints(home)) == 1


def test_rcptcheck_can_be_switched_off(home: Path) -> None:
    put(home, rcptcheck="0\n")
    assert not load(str(home)).smtp.is_rcptcheck


def test_lists_and_maps_are_lower_case_keys(home: Path) -> None:
    put(home, virtualdomains="A.example:Joe\na.EXAMPLE:Ann\n", rcpthosts="B.example\n", percenthack="C.example\n")
    put(home, badmailfrom="@Bad.example\n")
    found = load(str(home))
    assert found.send.virtualdomains == {b"a.example": b"Ann"}
    assert found.smtp.rcpthosts == {b"b.example"}
    assert found.send.percenthack == {b"c.example"}
    assert found.smtp.badmailfrom == {b"@bad.example"}
    assert warnings(home) == ["control/virtualdomains:2: 'a.example' stands in line 1 too; this line wins"]


def test_lines_that_can_never_match_are_pointed_out(home: Path) -> None:
    put(home, locals="# us\nexample.org\n*.example.org\njoe@example.org\n", virtualdomains="example.net joe\n")
    put(home, badmailfrom="spam\n", smtproutes="relay.example\n", rcpthosts="a.example\r\n")
    assert warnings(home) == [
        "control/badmailfrom:1: 'spam' has no @; for a whole host write @host",
        "control/locals:3: '*.example.org' does not look like a host name and will match nothing",
        "control/locals:4: 'joe@example.org' does not look like a host name and will match nothing",
        "control/rcpthosts:1: has a carriage return, which is kept",
        "control/smtproutes:1: 'relay.example' has no colon and is ignored",
        "control/virtualdomains:1: 'example.net joe' has no colon and is ignored",
    ]


def test_a_default_delivery_may_have_several_lines_but_must_say_something(home: Path) -> None:
    put(home, defaultdelivery="|dot-forward .forward\n./Maildir/\n\n")
    assert load(str(home)).delivery.defaultdelivery == b"|dot-forward .forward\n./Maildir/"
    put(home, defaultdelivery="\n \n")
    assert complaints(home)[0].startswith("control/defaultdelivery: is empty and would throw mail away")


def test_listeners_are_endpoints_one_per_line_and_an_empty_file_is_off(home: Path) -> None:
    put(home, listensmtp="# both\ntcp:25\ntcp6:25:interface=\\:\\:\n", listenpop3="tcp:110\n")
    assert load(str(home)).listen.smtp == ("tcp:25", "tcp6:25:interface=\\:\\:")
    assert load(str(home)).listen.pop3 == ("tcp:110",)
    put(home, listensmtp="")
    assert load(str(home)).listen.smtp == ()
    put(home, listensmtp="tcp:25\n2525\n")
    assert complaints(home) == ["control/listensmtp:2: '2525' is no endpoint; write for example tcp:25"]


def test_an_empty_checkpassword_is_none(home: Path) -> None:
    put(home, checkpassword="/bin/checkpassword\n")
    assert load(str(home)).pop3.checkpassword == b"/bin/checkpassword"
    put(home, checkpassword="\n")
    assert load(str(home)).pop3.checkpassword is None


def test_an_empty_double_bounce_recipient_stays_empty(home: Path) -> None:
    put(home, doublebounceto="\n")
    assert load(str(home)).send.doublebounceto == b""


def test_tables_are_named_if_they_are_there(home: Path) -> None:
    put(home, tcprules="127.:allow\n", **{"morercpthosts.cdb": ""})
    assert load(str(home)).access.directory == f"{home}/control"
    assert load(str(home)).smtp.morercpthosts == f"{home}/control/morercpthosts.cdb"


def test_what_cannot_be_read_is_a_complaint(home: Path) -> None:
    (home / "control" / "rcpthosts").mkdir()
    (home / "control" / "smtproutes").symlink_to("nowhere")
    put(home, maxerrors="x\n", databytes="x\n")
    with pytest.raises(Complaints) as raised:
        load(str(home))
    assert [complaint.name for complaint in raised.value.complaints] == ["rcpthosts", "smtproutes", "maxerrors"]
    assert [complaint.name for complaint in raised.value.warnings] == ["databytes"]
    assert "control/rcpthosts: cannot be read: Is a directory" in str(raised.value)


def test_a_complaint_shows_foreign_bytes_escaped_and_short(home: Path) -> None:
    (home / "control" / "maxerrors").write_bytes(b"\x1b[31m\xff" + b"x" * 1000)
    (complaint,) = complaints(home)
    assert complaint.isascii() and complaint.isprintable() and len(complaint) < 200


def test_control_may_be_a_symbolic_link(home: Path) -> None:
    (home / "control").rename(home / "etc-qmail")
    (home / "control").symlink_to("etc-qmail")
    assert load(str(home)).me == b"mail.example.org"


def test_a_stamp_differs_if_and_only_if_a_file_of_its_section_does(home: Path) -> None:
    before = stamp(str(home), "smtp")
    put(home, virtualdomains="a.example:joe\n")
    assert stamp(str(home), "smtp") == before
    put(home, rcpthosts="a.example\n")
    with_hosts = stamp(str(home), "smtp")
    assert with_hosts != before
    put(home, **{"hosts.new": "b.example\n"})
    (home / "control" / "hosts.new").rename(home / "control" / "rcpthosts")
    assert stamp(str(home), "smtp") != with_hosts
    (home / "control" / "rcpthosts").unlink()
    assert stamp(str(home), "smtp") == before
    put(home, me="b.example.org\n")
    assert stamp(str(home), "smtp") != before


def test_a_complaint_names_file_and_line() -> None:
    assert str(Complaint("me", 0, "x")) == "control/me: x"
    assert str(Complaint("locals", 3, "x")) == "control/locals:3: x"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(schema.ROWS)), st.binary(max_size=30)))
def test_any_content_gives_settings_or_complaints(home: Path, files: dict[str, bytes]) -> None:
    for name in schema.ROWS:
        path = home / "control" / name
        path.unlink(missing_ok=True)
        if name in files:
            path.write_bytes(files[name])
    try:
        load(str(home))
    except Complaints as refused:
        assert refused.complaints
