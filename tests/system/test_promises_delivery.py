"""Local delivery as the documents promise it: .qmail files and what stands behind them, on a running server."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, town

pytestmark = pytest.mark.system

needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")
NO_MAILBOX = "Sorry,_no_mailbox_here_by_that_name"
H = "test.example"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "tom", "x") as made, running(Office(made)) as daemon:
        yield daemon


def text(
    office: Office, ext: str, lines: str, message: bytes = b"Subject: x\n\nbody\n", sender: str = "s@far.example"
) -> str:
    """Write joe's .qmail-EXT, send a message to it, and return the report of the delivery."""
    office.town.file("joe", f".qmail-{ext}", lines)
    return office.deliver(f"joe-{ext}@{H}", sender, message)


def test_a_comment_is_ignored_and_comments_alone_deliver_nothing(office: Office) -> None:
    """S142."""
    assert text(office, "comments", "# nothing\n#|exit 100\n").endswith("success: did_0+0+0/")


def test_a_program_gets_the_message_in_the_home_directory_by_sh(office: Office) -> None:
    """S143, S163, S082."""
    report = text(office, "program", "|pwd; cat > got; echo two; echo $0\n")
    assert report.endswith(f"success: {office.town.directory('joe')}/two//bin/sh/did_0+0+1/"), report
    assert office.town.read("joe", "got").endswith(" -0000\nSubject: x\n\nbody\n")


def test_an_mbox_has_a_from_line_quoting_and_an_empty_line_at_the_end(office: Office) -> None:
    """S144, S240."""
    message = b"Subject: m\n\nFrom me\n>From you\nlast"
    assert text(office, "mbox", "./Box\n", message).endswith("did_1+0+0/")
    lines = office.town.read("joe", "Box").split("\n")
    assert lines[0].startswith("From s@far.example ") and len(lines[0].split()) == 7
    assert lines[1:3] == ["Return-Path: <s@far.example>", f"Delivered-To: joe-mbox@{H}"]
    assert lines[-5:] == [">From me", ">>From you", "last", "", ""]


def test_an_mbox_that_another_program_has_locked_waits(office: Office) -> None:
    """S144, S240: a reader that holds the lock keeps our message out of its file."""
    path = office.town.file("joe", "Locked", "")
    office.town.file("joe", ".qmail-locked", "./Locked\n")
    with open(path, "r+b") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        since = office.mark()
        office.queue(f"joe-locked@{H}")
        office.wait_for(lambda line: "starting" in line and f"joe-locked@{H}" in line, since)
        office.deliver(f"joe-comments@{H}")
        assert stream.read() == b""
    assert office.report(f"joe-locked@{H}", since).endswith("did_1+0+0/")
    assert office.town.read("joe", "Locked").startswith("From ")


def test_a_maildir_gets_one_file_with_return_path_and_delivered_to(office: Office) -> None:
    """S145, S147: made with maildirmake; a maildir that is not there defers."""
    path = f"{office.town.directory('joe')}/Other"
    office.town.run("maildirmake", path, user="joe")
    assert {oct(stat.S_IMODE(os.stat(f"{path}/{name}").st_mode)) for name in ("", "cur", "new", "tmp")} == {"0o700"}
    assert text(office, "maildir", "./Other/\n").endswith("did_1+0+0/")
    (name,) = os.listdir(f"{path}/new")
    with open(f"{path}/new/{name}", "rb") as stream:
        content = stream.read()
    assert content.startswith(b"Return-Path: <s@far.example>\nDelivered-To: joe-maildir@test.example\n")
    assert content.endswith(b"Subject: x\n\nbody\n") and os.listdir(f"{path}/tmp") == []
    assert "deferral: Unable_to_chdir_to_maildir._(#4.2.1)/" in text(office, "nomaildir", "./Nowhere/\n")


@needs_accounts
def test_a_maildir_of_another_user_defers_and_then_delivers(office: Office) -> None:
    """S148."""
    path = f"{office.town.directory('joe')}/Roots"
    office.town.run("maildirmake", path)  # as root
    since = office.mark()
    report = text(office, "roots", "./Roots/\n")
    assert "deferral:" in report and "(#4." in report
    for name in ("", "/cur", "/new", "/tmp"):
        os.chown(path + name, *office.town.owner("joe"))
    office.signal(signal.SIGALRM)
    office.wait_for(lambda line: "success" in line, since)
    assert len(os.listdir(f"{path}/new")) == 1


def test_forward_lines_forward_and_wrong_ones_are_named(office: Office) -> None:
    """S146, S158, S167: & and plain addresses; what can never be an address is deferred with its line."""
    town = office.town
    town.forget("ann")
    assert text(office, "fwd", f"&ann@{H}\nann@{H}\n&ann\n").split("success: ")[1].startswith("did_0+3+0/")
    assert len(office.wait_for_messages("ann", 3)) >= 1
    for ext, wrong in (("w1", "&<ann@test.example>"), ("w2", "& ann@test.example"), ("w3", "&Ann <ann@test.example>")):
        report = text(office, ext, wrong + "\n")
        assert "deferral:" in report and "line" in report, report


def test_lines_of_each_kind_are_counted_and_a_forward_names_its_message(office: Office) -> None:
    """S079, S082."""
    since = office.mark()
    report = text(office, "all", f"./Maildir/\n./Box\n|true\n&ann@{H}\n")
    counts, qp = report.split("success: ")[1].rstrip("/").split("/")
    assert counts == "did_2+1+1"
    office.wait_for_line(f" from <s@far.example> {qp.replace('_', ' ')} uid ", since)  # the forward can be traced


def test_the_most_special_file_serves_an_extension(office: Office) -> None:
    """S150, S170."""
    for name in ("a-b", "a-default", "default"):
        office.town.file("joe", f".qmail-{name}", f"|echo by {name} DEFAULT=${{DEFAULT-unset}}\n")
    assert "by_a-b_DEFAULT=unset/" in office.deliver(f"joe-a-b@{H}")
    assert "by_a-default_DEFAULT=c/" in office.deliver(f"joe-a-c@{H}")
    assert "by_default_DEFAULT=a/" in office.deliver(f"joe-a@{H}")
    assert "by_default_DEFAULT=anything-else/" in office.deliver(f"joe-anything-else@{H}")
    os.unlink(f"{office.town.directory('joe')}/.qmail-default")


def test_an_extension_without_a_file_bounces(office: Office) -> None:
    """S151, S084, S122."""
    assert f"failure: {NO_MAILBOX}._(#5.1.1)/" in office.deliver(f"joe-nothing@{H}")
    with office.smtp() as client:
        client.helo("c")
        client.mail("s@far.example")
        assert client.rcpt(f"joe-nothing@{H}")[0] == 550


def test_no_file_and_an_empty_file_mean_the_default_delivery(office: Office) -> None:
    """S152."""
    for content in (None, ""):
        if content is not None:
            office.town.file("tom", ".qmail", content)
        before = len(office.town.messages("tom"))
        assert office.deliver(f"tom@{H}").endswith("success: did_1+0+0/")
        assert len(office.town.messages("tom")) == before + 1


def test_dots_in_addresses_are_colons_in_file_names(office: Office) -> None:
    """S153, S154, S165, S166, S155."""
    town = office.town
    town.alias("p:d:q:bach", "|echo bach $LOCAL\n")
    town.alias("postmaster", "|echo pm\n")
    town.alias("root", f"&ann@{H}\n")
    os.symlink(".qmail-postmaster", f"{town.path}/alias/.qmail-mailer-daemon")
    assert "bach_P.D.Q.Bach/" in office.deliver(f"P.D.Q.Bach@{H}")
    assert "success: pm/" in office.deliver(f"PoStMaStEr@{H}")
    assert "success: pm/" in office.deliver(f"mailer-daemon@{H}")  # S126
    assert "did_0+1+0/" in office.deliver(f"root@{H}")
    assert office.deliver(f"JOE-Comments@{H}").endswith("did_0+0+0/")


@needs_accounts
def test_an_alias_of_a_users_name_is_never_used(office: Office) -> None:
    """S167, S155, S156."""
    town = office.town
    town.alias("tom", "|echo alias tom\n")
    assert "did_1+0+0" in office.deliver(f"tom@{H}")
    path = town.directory("x")
    os.chown(path, 0, 0)  # tom's home now belongs to root: he is no mail user
    town.alias("x", "|echo alias x\n")
    assert "alias_x/" in office.deliver(f"x@{H}")
    os.chown(path, *town.owner("x"))


def test_luser_relay(office: Office) -> None:
    """S157, with a forward line: the program `forward` has its own promise."""
    town = office.town
    town.forget("ann")
    town.alias("default", f"&ann@{H}\n")
    assert "did_0+1+0/" in office.deliver(f"nobody-of-that-name@{H}")
    assert f"Delivered-To: nobody-of-that-name@{H}".encode() in office.wait_for_messages("ann", 1)[0]
    os.unlink(f"{town.path}/alias/.qmail-default")


def test_a_list_owner_takes_the_bounces(office: Office) -> None:
    """S158, S159, S160, S124, S125, S177."""
    town = office.town
    town.file("joe", ".qmail-sos-owner", "|echo owner\n")
    assert f"joe-sos-owner@{H}" in text(office, "sos", "|echo $NEWSENDER\n")
    town.forget("ann")
    text(office, "sos", f"&ann@{H}\n")
    assert office.wait_for_messages("ann", 1)[0].startswith(f"Return-Path: <joe-sos-owner@{H}>\n".encode())
    town.forget("ann")
    town.file("joe", ".qmail-verp-owner", "|echo owner\n")
    town.file("joe", ".qmail-verp-owner-default", "|echo bounced $DEFAULT\n")
    text(office, "verp", f"&ann@{H}\n")
    assert office.wait_for_messages("ann", 1)[0].startswith(f"Return-Path: <joe-verp-owner-ann={H}@{H}>\n".encode())
    assert f"bounced_ann={H}" in office.deliver(f"joe-verp-owner-ann={H}@{H}", "")  # as her host would bounce


def test_a_loop_bounces(office: Office) -> None:
    """S161."""
    message = f"Delivered-To: joe-comments@{H}\nSubject: x\n\n".encode()
    report = office.deliver(f"joe-comments@{H}", message=message)
    assert "failure: This_message_is_looping:_it_already_has_my_Delivered-To_line._(#5.4.6)/" in report


@pytest.mark.parametrize("code", [64, 65, 70, 76, 77, 78, 100, 112])
def test_permanent_exit_codes(office: Office, code: int) -> None:
    """S162, S127."""
    assert "failure: " in text(office, f"exit{code}", f"|exit {code}\n")


@pytest.mark.parametrize("code", [1, 71, 75, 111, 255])
def test_temporary_exit_codes(office: Office, code: int) -> None:
    """S162."""
    assert "deferral: " in text(office, f"exit{code}", f"|exit {code}\n")


def test_exit_99_ends_the_file(office: Office) -> None:
    """S162, S163."""
    assert "success: first/did_0+0+1/" in text(office, "exit99", "|echo first; exit 99\n|exit 100\n")


@needs_accounts
def test_a_program_has_its_users_groups_only(office: Office) -> None:
    """S164: the shell's `groups` shows the user's own gid, no supplementary ones."""
    uid, gid = office.town.owner("joe")
    assert text(office, "ids", "|id -u; id -g; id -G\n").endswith(f"success: {uid}/{gid}/{gid}/did_0+0+1/")


@needs_accounts
def test_a_home_that_disappears_defers(office: Office) -> None:
    """S168, S187: with users/cdb, whatever the password file says."""
    town = office.town
    uid, gid = town.owner("joe")
    town.write("users/assign", f"=gone:joe:{uid}:{gid}:{town.top}/people/gone:::\n.\n")
    town.run("qmail-newu")
    try:
        report = office.deliver(f"gone@{H}")
        assert "deferral: Unable_to_switch_to_" in report and "(#4." in report
    finally:
        os.unlink(f"{town.path}/users/cdb")


def test_a_sticky_home_and_a_writable_one_defer(office: Office) -> None:
    """S169."""
    path = office.town.directory("joe")
    for mode, words in ((0o1755, "Home_directory_is_sticky"), (0o757, "is_writable")):
        os.chmod(path, mode)
        try:
            assert "deferral: " in (report := office.deliver(f"joe@{H}")) and words in report, report
        finally:
            os.chmod(path, 0o755)
    office.town.file("joe", ".qmail-open", "|true\n", 0o666)
    assert "deferral: " in (report := office.deliver(f"joe-open@{H}")), report


VARIABLES = "|env | sort > env; echo done\n"


def variables(office: Office, recipient: str, sender: str = "s@far.example") -> dict[str, str]:
    """The environment of a program of joe's."""
    assert "done/" in office.deliver(recipient, sender)
    return dict(line.split("=", 1) for line in office.town.read("joe", "env").splitlines() if "=" in line)


def test_programs_know_the_delivery_by_its_variables(office: Office) -> None:
    """S172, S173, S174, S175, S176, S177, S178: and nothing of the server leaks."""
    town = office.town
    town.file("joe", ".qmail-b-c-default", VARIABLES)
    town.write("control/locals", f"{H}\na.b.c.{H}\n")
    since = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("control: ", since)
    found = variables(office, f"joe-b-c-d@a.b.c.{H}")
    exact = {
        "SENDER": "s@far.example",
        "RECIPIENT": f"joe-b-c-d@a.b.c.{H}",
        "USER": "joe",
        "HOME": town.directory("joe"),
        "LOCAL": "joe-b-c-d",
        "HOST": f"a.b.c.{H}",
        "EXT": "b-c-d",
        "EXT2": "c-d",
        "EXT3": "d",
        "EXT4": "",
        "HOST2": "a.b.c.test",
        "HOST3": "a.b.c",
        "HOST4": "a.b",
        "DEFAULT": "d",
        "NEWSENDER": "s@far.example",
        "DTLINE": f"Delivered-To: joe-b-c-d@a.b.c.{H}",
        "RPLINE": "Return-Path: <s@far.example>",
    }
    assert {name: found.get(name) for name in exact} == exact
    assert found["UFLINE"].startswith("From s@far.example ")
    assert found["PATH"].split(":")[0] == f"{town.path}/bin"
    allowed = {
        *exact,
        "UFLINE",
        "PATH",
        "QMTWIST_HOME",
        "QMAILQUEUE",
        "TZ",
        "LANG",
        "LC_ALL",
        "PWD",
        "_",
        "SHLVL",
        "OLDPWD",
    }
    assert set(found) <= allowed
    town.file("joe", ".qmail-exact", VARIABLES)
    assert "DEFAULT" not in variables(office, f"joe-exact@{H}")
    assert variables(office, f"joe-exact@{H}", "")["SENDER"] == ""


def test_unset_descriptors_of_the_server_do_not_leak(office: Office) -> None:
    """S178: a program has descriptors 0, 1 and 2 and no other."""
    assert "success: 0/1/2/" in text(office, "fds", "|exec 9<&- ; for f in /proc/$$/fd/*; do echo ${f##*/}; done\n")


def test_a_mailbox_outside_the_home(office: Office) -> None:
    """S171, S027: /var/spool/mail by a program, or a name that begins with a slash."""
    spool = f"{office.town.top}/spool"
    os.makedirs(spool, exist_ok=True)
    os.chmod(spool, 0o1777)
    assert "did_1+0+1/" in text(office, "vsm", f'|cat > {spool}/"$USER".x\n{spool}/joe\n')
    assert os.stat(f"{spool}/joe").st_uid == office.town.owner("joe")[0]
    with open(f"{spool}/joe", encoding="ascii") as stream:
        assert stream.read().startswith("From s@far.example ")
