"""Where mail goes: locals, virtual domains, users, and the control files that say so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")


def prepare(made: Town) -> None:
    """bob has two domains; one address, a wildcard, an exception and a catch-all besides."""
    made.write(
        "control/virtualdomains",
        "nowhere.mil:bob\nNoWhere2.mil:bob-nowhere\neverywhere.org:bob-everywhere\nfred@nowhere.mil:ann\n"
        ".wild.org:bob-wild\nexempt.wild.org:\ntest.example:bob-both\nmovie.edu:alias-movie\n",
    )
    made.write("control/percenthack", "hack.example\n")
    made.write("control/locals", f"{H}\nhack.example\n")
    made.alias("movie-bob", "bob@bobshost.movie.example\n")
    for ext, word in (
        ("default", "default"),
        ("nowhere-info", "nowhere"),
        ("everywhere-info", "everywhere"),
        ("everywhere-default", "catch-all"),
        ("wild-default", "wild"),
    ):
        made.file("bob", f".qmail-{ext}", f"|echo {word} $LOCAL\n")
    made.file("ann", ".qmail-fred", "|echo fred $LOCAL\n")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("bob", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


def reported(office: Office, recipient: str, local: str) -> str:
    """What the delivery of a message to this recipient said; `local` is the name under which it is delivered."""
    since = office.mark()
    office.queue(recipient)
    return office.report(local, since)


def test_a_virtual_domain_belongs_to_its_user(office: Office) -> None:
    """S130, S131, S047, S132: root and postmaster too; two domains apart; a single address; any capitals."""
    for name in ("x", "root", "postmaster"):
        assert f"default_bob-{name}/" in reported(office, f"{name}@NOWHERE.mil", f"bob-{name}@NOWHERE.mil")
    assert "nowhere_bob-nowhere-info/" in reported(office, "info@nowhere2.mil", "bob-nowhere-info@nowhere2.mil")
    assert "everywhere_bob-everywhere-info/" in reported(
        office, "info@everywhere.org", "bob-everywhere-info@everywhere.org"
    )
    assert "catch-all_" in reported(office, "any@everywhere.org", "bob-everywhere-any@everywhere.org")
    assert "fred_ann-fred/" in reported(office, "fred@nowhere.mil", "ann-fred@nowhere.mil")


def test_wildcards_and_exceptions(office: Office) -> None:
    """S133."""
    assert "wild_" in reported(office, "x@a.wild.org", "bob-wild-x@a.wild.org")
    for recipient in ("x@wild.org", "x@exempt.wild.org"):
        since = office.mark()
        office.queue(recipient)
        office.wait_for_line(f"to remote {recipient}", since)


def test_locals_win_over_virtualdomains(office: Office) -> None:
    """S134, S035: and the check says so."""
    assert "did_1+0+0" in reported(office, f"ann@{H.upper()}", f"ann@{H.upper()}")
    said = office.town.attempt("qmtwist", "check", "--home", office.town.path).stdout.decode()
    assert any("virtualdomains" in line and H in line for line in said.splitlines()), said


def test_a_big_network(office: Office) -> None:
    """S138: the alias of a virtual domain forwards to the user's own host."""
    since = office.mark()
    office.queue("bob@movie.edu")
    office.wait_for_line("to remote bob@bobshost.movie.example", since)


def test_percenthack_and_missing_hosts(office: Office) -> None:
    """S038, S031."""
    assert "did_1+0+0" in reported(office, f"ann%{H}@hack.example", f"ann@{H}")
    assert "did_1+0+0" in reported(office, "ann", f"ann@{H}")


def test_our_own_address_is_local(office: Office) -> None:
    """S140, S034, S049."""
    office.town.forget("ann")
    with office.smtp() as client:
        client.sendmail("s@far.example", ["ann@[127.0.0.1]"], b"Subject: x\r\n\r\n")
    assert f"\nDelivered-To: ann@{H}\n".encode() in office.wait_for_messages("ann", 1)[0]


def test_the_catch_all_takes_what_is_not_local(office: Office) -> None:
    """S133, S135: `:prefix` is everything else, and its program sees sender, user and host."""
    made = office.town
    made.alias("uucp-default", '|echo "${SENDER:-MAILER-DAEMON}" "$DEFAULT@$HOST"; grep -c ^Delivered-To || :\n')
    since = office.mark()
    with open(f"{made.path}/control/virtualdomains", "a", encoding="ascii") as stream:
        stream.write(":alias-uucp\n")
    office.signal(signal.SIGHUP)
    office.wait_for_line("control: ", since)
    assert "success: s@far.example_joe@far.example/0/" in reported(
        office, "joe@far.example", "alias-uucp-joe@far.example"
    )
    assert "did_1+0+0" in office.deliver(f"ann@{H}")
    since = office.mark()
    office.queue("x@exempt.wild.org")
    office.wait_for_line("to remote x@exempt.wild.org", since)


# -- users


def test_assignments_take_effect_at_once(office: Office) -> None:
    """S179, S180, S181, S182: exact, by prefix; without the last dot nothing changes."""
    made = office.town
    uid, gid = made.owner("bob")
    home = made.directory("bob")
    made.file("bob", ".qmail-sales", "|echo exact\n")
    made.file("bob", ".qmail-x-default", "|echo prefix $DEFAULT\n")
    before = made.read_users("assign")
    lines = f"=sold:bob:{uid}:{gid}:{home}:-:sales:\n+pre.:bob:{uid}:{gid}:{home}:-:x-:\n"
    try:
        made.write("users/assign", lines + before if before else lines + ".\n")
        made.run("qmail-newu")
        assert "exact/" in office.deliver(f"sold@{H}")
        assert "prefix_tail/" in office.deliver(f"Pre.tail@{H}")
        made.write("users/assign", "=lost:bob:1:1:/::::\n")
        failed = made.attempt("qmail-newu")
        assert failed.returncode != 0 and failed.stderr.startswith(b"qmail-newu: fatal: ")
        assert "exact/" in office.deliver(f"sold@{H}")
    finally:
        made.write("users/assign", before or ".\n")
        made.run("qmail-newu")


def test_qmail_getpw(office: Office) -> None:
    """S186, S154, S155, S170."""
    made = office.town
    if not made.is_real:
        pytest.skip("needs root: accounts of their own")
    uid, gid = made.owner("bob")
    for local, dash, ext in (("bob", "", ""), ("bob-a-b", "-", "a-b"), ("BOB", "", "")):
        wanted = [b"bob", b"%d" % uid, b"%d" % gid, made.directory("bob").encode(), dash.encode(), ext.encode(), b""]
        assert made.attempt("qmail-getpw", local).stdout.split(b"\0") == wanted
    for local in ("root", "no-such"):
        assert made.attempt("qmail-getpw", local).stdout.split(b"\0")[0] == b"alias"


def test_qmail_pw2u(office: Office) -> None:
    """S183, S184, S185, S156."""
    made = office.town
    uid, gid = made.owner("bob")
    home = made.directory("bob")
    lines = {
        "bob": f"bob:x:{uid}:{gid}::{home}:/bin/sh",
        "ann": f"ann:x:{made.owner('ann')[0]}:{gid}::{made.directory('ann')}:/bin/sh",
        "root": "root:x:0:0::/root:/bin/sh",
        "Bad": f"Bad:x:{uid}:{gid}::{home}:/bin/sh",
        "other": f"other:x:{uid + 1000}:{gid}::{home}:/bin/sh",
        "alias": f"alias:x:{os.stat(made.path + '/alias').st_uid}:{gid}::{made.path}/alias:/bin/sh",
    }
    text = "\n".join([*lines.values(), ""])
    said = made.run("qmail-pw2u", text=text).splitlines()
    assert f"=bob:bob:{uid}:{gid}:{home}:::" in said and f"+bob-:bob:{uid}:{gid}:{home}:-::" in said
    assert said[-1] == "." and any(line.startswith("+:alias:") for line in said)
    assert not any(line.startswith(("=root", "=Bad", "=other")) for line in said)
    try:
        made.write("users/exclude", "ann\n")
        made.write("users/mailnames", "bob:bobby:robert\n")
        made.write("users/subusers", "help:bob:helpdesk:\n")
        made.write("users/append", "=extra:bob:1:1:/x:::\n")
        said = made.run("qmail-pw2u", text=text).splitlines()
        assert not any(line.startswith("=ann") for line in said) and not any(line.startswith("=bob:") for line in said)
        assert [line.split(":")[0] for line in said if line[0] == "="] == ["=bobby", "=robert", "=help", "=extra"] or {
            "=bobby",
            "=robert",
            "=help",
            "=extra",
        } <= {line.split(":")[0] for line in said}
        os.unlink(f"{made.path}/users/subusers")
        made.write("users/include", "ann\nalias\n")
        assert not any(line.startswith("=bobby") for line in made.run("qmail-pw2u", text=text).splitlines())
    finally:
        for name in ("include", "exclude", "mailnames", "subusers", "append"):
            if os.path.exists(f"{made.path}/users/{name}"):
                os.unlink(f"{made.path}/users/{name}")
    gone = f"gone:x:{uid}:{gid}::{made.top}/people/gone:/bin/sh\n"
    assert made.attempt("qmail-pw2u", "-h", text=text + gone).returncode != 0


@needs_accounts
def test_only_users_cdb_knows_them(office: Office) -> None:
    """S187: a user who has vanished from the password file is delivered to by users/cdb, or deferred."""
    made = office.town
    uid, gid = made.owner("bob")
    made.write("users/assign", f"=ghost:ghost:{uid}:{gid}:{made.directory('bob')}:-:default:\n.\n")
    made.run("qmail-newu")
    try:
        assert "default_ghost/" in office.deliver(f"ghost@{H}")
    finally:
        os.unlink(f"{made.path}/users/cdb")
        os.unlink(f"{made.path}/users/assign")
