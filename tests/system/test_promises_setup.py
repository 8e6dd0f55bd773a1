"""Set-up, links, documents and control files as the documents promise them, on the product as installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, environment, running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "dolphin.example.com"
needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")
TOP = ("alias", "bin", "boot", "control", "doc", "man", "queue", "run", "users")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", host=H) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture
def place() -> Iterator[Office]:
    """A home with a server that the test starts itself."""
    with town("joe", host=H) as made:
        yield Office(made)


def tree_of(made: Town) -> dict[str, tuple[int, int, int]]:
    """Owners and modes of everything in a home."""
    found = {}
    for directory, folders, names in os.walk(made.path):
        for name in (*folders, *names):
            status = os.lstat(f"{directory}/{name}")
            found[os.path.relpath(f"{directory}/{name}", made.path)] = (status.st_uid, status.st_gid, status.st_mode)
    return found


def test_setup_makes_a_home_that_needs_nothing_else(place: Office) -> None:
    """S001, S002, S005, S007, S015, S021, S036: with control/me alone mail is received, delivered and bounced."""
    made = place.town
    texts = {name: made.read_control(name) for name in ("me", "locals", "rcpthosts", "defaultdomain", "plusdomain")}
    assert texts == dict.fromkeys(("me", "locals", "rcpthosts"), f"{H}\n") | dict.fromkeys(
        ("defaultdomain", "plusdomain"), "example.com\n"
    )
    assert sorted(os.listdir(made.path)) == sorted(TOP)
    before = tree_of(made)
    made.run("qmtwist", "setup", "--home", made.path, "--host", "other.example.com")
    assert tree_of(made) == before and made.read_control("me") == f"{H}\n"
    if made.is_real:
        assert made.check() == ""
    for name in ("defaultdomain", "plusdomain", "rcpthosts", "locals"):
        os.unlink(f"{made.path}/control/{name}")
    with running(place):
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe@{H}"], b"Subject: x\r\n\r\n")
        place.wait_for_messages("joe", 1)
        place.deliver(f"nobody-there@{H}", f"joe@{H}")
        assert b"qmail-send program at" in place.wait_for_messages("joe", 2)[1] + place.town.messages("joe")[0]


def test_check_names_what_is_wrong(place: Office) -> None:
    """S005: one line each."""
    made = place.town
    os.chmod(f"{made.path}/queue/mess", 0o777)
    os.rmdir(f"{made.path}/queue/intd")
    lines = made.attempt("qmtwist", "check", "--home", made.path).stdout.decode().splitlines()
    assert len([line for line in lines if "queue/mess:" in line]) == 1
    assert len([line for line in lines if "queue/intd:" in line]) == 1


def test_parts_of_the_home_may_be_links(place: Office) -> None:
    """S006: control, queue, alias and users live elsewhere; everything works."""
    made = place.town
    for name in ("control", "queue", "alias", "users"):
        shutil.move(f"{made.path}/{name}", f"{made.top}/{name}")
        os.symlink(f"{made.top}/{name}", f"{made.path}/{name}")
    if made.is_real:
        subprocess.run(["cp", "-a", f"{made.top}/queue", f"{made.top}/queue.copy"], check=True)
        made.run("qmtwist", "setup", "--home", made.path, "--host", H)
        assert made.check() == ""
    made.alias("info", f"&joe@{H}\n")
    with running(place):
        place.deliver(f"info@{H}")
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe@{H}"], b"Subject: x\r\n\r\n")
        made.run("qmail-inject", text=f"To: joe@{H}\n\n")
        place.wait_for_messages("joe", 3)
        assert made.run("qmail-qstat").startswith("messages in queue: 0")


def test_sendmail_finds_its_home_through_a_link(office: Office) -> None:
    """S017: /usr/lib/sendmail is a link, and so is newaliases; also as an ordinary user."""
    made = office.town
    os.makedirs(f"{made.top}/usr/lib", exist_ok=True)
    links = {name: f"{made.top}/usr/lib/{name}" for name in ("sendmail", "newaliases", "mailq")}
    for name, path in links.items():
        os.symlink(made.program(name), path)
    os.symlink(links["sendmail"], f"{made.top}/usr/sendmail")  # a link to a link
    made.forget("ann")
    for number, path in enumerate((links["sendmail"], f"{made.top}/usr/sendmail")):
        made.run(path, "-t", "-i", text=f"To: ann@{H}\nSubject: {number}\n\n.\n", user="joe")
    messages = office.wait_for_messages("ann", 2)
    assert all(text.rstrip().endswith(b".") for text in messages)
    made.run(links["mailq"])
    ended, direct = made.attempt(links["newaliases"]), made.attempt("newaliases")
    assert (ended.returncode, ended.stderr) == (direct.returncode, direct.stderr)


@needs_accounts
def test_setup_and_check_leave_a_running_server_alone(office: Office) -> None:
    """S005, S019: an update may set up before it stops the old server; owners are qmail's again after the stop."""
    made = office.town
    if not made.is_real:
        pytest.skip("no private name spaces here")
    before = {name: owner for name, owner in tree_of(made).items() if name.startswith("queue/")}
    made.run("qmtwist", "setup", "--home", made.path, "--host", H)
    assert {name: tree_of(made)[name][:2] for name in before} == {name: owner[:2] for name, owner in before.items()}
    assert made.check() == ""
    assert "did_1+0+0" in office.deliver(f"joe@{H}")


def test_documents_and_start_scripts(office: Office) -> None:
    """S008, S013: texts in doc/, scripts in boot/."""
    made = office.town
    assert os.listdir(f"{made.path}/doc") != []
    for name in ("home", "rc"):
        with open(f"{made.path}/boot/{name}", encoding="ascii") as stream:
            assert "qmail-start" in stream.read()


def test_every_program_has_a_page(office: Office) -> None:
    """S012: in HOME/man, and readable by man(1) where there is one."""
    made = office.town
    pages = {
        name.rpartition(".")[0]: f"{folder}/{name}"
        for folder, _, names in os.walk(f"{made.path}/man")
        for name in names
    }
    concepts = (
        "dot-qmail qmail-control qmail-log qmail-header envelopes forgeries addresses maildir mbox tcp-environ "
        "qmail-users qmail-command qmail-send"
    )
    assert {*os.listdir(f"{made.path}/bin"), *concepts.split()} <= set(pages)
    with open(pages["qmail-control"], encoding="utf-8") as stream:
        assert "concurrencyremote" in stream.read()
    if shutil.which("man") is not None:
        more = {"MANPATH": f"{made.path}/man", "MANPAGER": "cat", "PAGER": "cat"}
        for name in ("qmail-queue", "dot-qmail", "forgeries"):
            said = made.attempt("man", name, more=more)
            assert name.encode() in said.stdout, said


def test_showctl(office: Office) -> None:
    """S014."""
    made = office.town
    made.write("control/strange", "x\n")
    said = made.run("qmail-showctl")
    assert f"qmail home directory: {made.path}" in said
    assert "badmailfrom: (Default.) Any MAIL FROM is allowed." in said
    assert f"me: My name is {H}." in said
    assert "strange: I have no idea what this file does." in said
    os.unlink(f"{made.path}/control/strange")


def test_a_pseudo_domain_is_a_name_too() -> None:
    """S004, S028, S033: return addresses are set apart by defaulthost and idhost."""
    with town("joe", host="mash.local") as made:
        made.write("control/defaulthost", "real.example\n")
        made.write("control/idhost", "real.example\n")
        said = made.run("qmail-inject", "-n", text="To: fred\nCc: x@host\n\n", user="joe")
        assert "@real.example>" in next(line for line in said.splitlines() if line.startswith("Message-ID: "))
        assert "\nTo: fred@real.example\n" in "\n" + said
        assert "\nCc: x@host.mash.local\n" in said


def test_more_hosts_by_a_database(office: Office) -> None:
    """S037."""
    made = office.town
    made.write("control/morercpthosts", "Many.example\n.many.example\n")
    made.run("qmail-newmrh")
    deadline = time.monotonic() + LIMIT_S
    while True:
        with office.smtp() as client:
            client.helo("x")
            client.mail("s@far.example")
            codes = [client.rcpt(name)[0] for name in ("x@many.example", "x@a.MANY.example", "x@other.example")]
        if codes == [250, 250, 553]:
            break
        assert time.monotonic() < deadline, codes
        time.sleep(0.1)
    for name in ("morercpthosts", "morercpthosts.cdb"):
        os.unlink(f"{made.path}/control/{name}")


def test_the_greeting_and_the_patience_can_be_set(office: Office) -> None:
    """S043, S046."""
    made = office.town
    made.write("control/smtpgreeting", "mx.example hello\n")
    made.write("control/timeoutsmtpd", "1\n")
    since = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("timeoutsmtpd", since)
    with socket.create_connection(("127.0.0.1", office.smtp_port), LIMIT_S) as connection:
        said = b""
        while piece := connection.recv(1000):
            said += piece
    assert said == b"220 mx.example hello ESMTP\r\n451 timeout (#4.4.2)\r\n"
    for name in ("smtpgreeting", "timeoutsmtpd"):
        os.unlink(f"{made.path}/control/{name}")


@needs_accounts
def test_a_file_that_only_root_may_read(place: Office) -> None:
    """S050: it is read at the start; what cannot be reread is one clear line, and what was in force stays."""
    made = place.town
    if not made.is_real:
        pytest.skip("no private name spaces here")
    made.write("control/virtualdomains", "virtual.example:joe\n")
    os.chmod(f"{made.path}/control/virtualdomains", 0o600)
    made.file("joe", ".qmail-x", "|echo virtual\n")
    with running(place):
        for _ in range(2):
            since = place.mark()
            place.queue("x@virtual.example")
            assert "virtual/" in place.report("joe-x@virtual.example", since)
            since = place.mark()
            place.signal(signal.SIGHUP)
            place.wait_for(lambda line: line.startswith("alert: ") and "control/virtualdomains" in line, since)
        check = made.attempt("qmtwist", "check", "--home", made.path)
        assert b"control/virtualdomains" in check.stdout and b"chmod 644" in check.stdout


def test_missing_accounts_are_named(open_directory: str) -> None:
    """S009: on a machine without qmail's accounts setup says which commands make them; a user's home works without."""
    import pwd
    import sys

    try:
        pwd.getpwnam("qmailq")
    except KeyError:
        command = [sys.executable, "-m", "qmtwist.cli.main", "setup", "--home", f"{open_directory}/h", "--host", H]
        ended = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert ended.returncode == 0
        if os.geteuid() == 0:
            assert "useradd" in ended.stdout and "qmailq" in ended.stdout and "groupadd" in ended.stdout
    else:
        pytest.skip("this machine has the accounts")
