"""Users from a directory, as docs/howto/neighbours.md has it: users/assign from what ldapsearch prints."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import environment, running
from tests.support.neighbours import recipe, script
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
LDAP = "Users from a directory"
# What `ldapsearch -LLL` prints: attributes in any order, no empty line behind the last entry of some versions.
ENTRY = """dn: uid={user},ou=people,dc=test,dc=example
{first}: {value}
uid: {user}
gidNumber: {gid}
homeDirectory: {home}
"""


@pytest.fixture
def office() -> Iterator[Office]:
    with town("joe", "ann") as made, running(Office(made)) as daemon:
        yield daemon


def entry(made: Town, user: str, **other: str) -> str:
    uid, gid = made.owner("joe")
    values = {"user": user, "first": "uidNumber", "value": str(uid), "gid": str(gid), "home": made.directory("joe")}
    return ENTRY.format(**{**values, **other})


def export(made: Town, answer: str, status: int = 0) -> int:
    """Run the page's commands with a directory that answers so; their exit status."""
    programs = os.path.join(made.top, "programs")
    os.makedirs(programs, exist_ok=True)
    script(made, "answer.ldif", answer)
    script(made, "programs/ldapsearch", f"#!/bin/sh\ncat {made.top}/answer.ldif\nexit {status}\n")
    script(made, "programs/ldap-assign", recipe(LDAP, "sh"))
    command = recipe(LDAP, "sh", 1).replace("/var/qmail", made.path)
    path = f"{programs}:/usr/bin:/bin"
    return subprocess.run(["/bin/sh", "-c", command], env={**environment(), "PATH": path}).returncode


def test_users_of_the_directory_get_mail(office: Office) -> None:
    """S299: with extensions, and while the server runs."""
    made = office.town
    assert export(made, f"{entry(made, 'joe')}\n{entry(made, 'j.miller')}") == 0
    made.file("joe", ".qmail-list", "./Maildir/\n")
    for address in (f"j.miller@{H}", f"joe@{H}", f"joe-list@{H}", f"j.miller-list@{H}"):
        report = office.deliver(address)
        assert ": success: did_1+0+0/" in report, report
    assert len(office.wait_for_messages("joe", 4)) == 4


def test_a_directory_that_is_away_changes_nothing(office: Office) -> None:
    """S299: also when it has said half of its answer, or none."""
    made = office.town
    before = made.read_users("assign")
    assert export(made, entry(made, "joe"), status=1) != 0
    assert export(made, "") != 0
    assert made.read_users("assign") == before
    assert ": success: " in office.deliver(f"ann@{H}")


def test_an_entry_that_would_break_the_table_is_left_out(office: Office) -> None:
    """S299: names and directories come from whoever may write to the directory."""
    made = office.town
    bad = [
        entry(made, "root", value="0"), entry(made, "a:b"), entry(made, "+x"), entry(made, "", home="/"),
        entry(made, "ann", home="relative"), entry(made, "eve", home="/tmp:0:0:/root"), entry(made, "bob", gid="0"),
        entry(made, "tom", first="uidNumber:", value="MAo="),
    ]  # fmt: skip
    assert export(made, "\n".join([*bad, entry(made, "joe")])) == 0
    assert [line.partition(":")[0] for line in made.read_users("assign").splitlines()] == ["=joe", "+joe-", "."]
