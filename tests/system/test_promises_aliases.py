""".forward files and aliases as the documents promise them, on a running server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, environment, running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
VIRTUAL = "virt.example"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """Everybody's .forward is obeyed; the aliases of sendmail's administrator are in a file of their own."""
    with town("joe", "ann", "tom") as made:
        made.write("control/defaultdelivery", "|dot-forward .forward\n./Maildir/\n")
        made.write("control/virtualdomains", f"{VIRTUAL}:alias\n")
        rcpthosts = made.read_control("rcpthosts")
        made.write("control/rcpthosts", f"{rcpthosts}{VIRTUAL}\n")
        made.alias("default", f"| fastforward -d {aliases_of(made)}.cdb\n")
        with running(Office(made)) as daemon:
            yield daemon


def aliases_of(made: Town) -> str:
    """Our /etc/aliases."""
    return f"{made.top}/aliases"


def aliases(office: Office, text: str) -> None:
    """Write the aliases, and make them effective as the administrator does."""
    with open(aliases_of(office.town), "w", encoding="latin-1") as stream:
        stream.write(text)
    office.town.run("newaliases", aliases_of(office.town))


def forward(office: Office, text: str | None) -> None:
    """joe's .forward file, or none."""
    office.town.forget("ann")
    office.town.forget("joe")
    if text is not None:
        office.town.file("joe", ".forward", text)
    elif os.path.exists(path := f"{office.town.directory('joe')}/.forward"):
        os.unlink(path)


def test_without_a_forward_file_mail_goes_to_the_mailbox(office: Office) -> None:
    """S278."""
    forward(office, None)
    assert office.deliver(f"joe@{H}").endswith("did_1+0+1/")
    office.wait_for_messages("joe", 1)


def test_a_forward_file_of_comments_is_none(office: Office) -> None:
    """S278."""
    forward(office, "# back on Monday\n\n")
    assert office.deliver(f"joe@{H}").endswith("did_1+0+1/")


def test_a_forward_file_sends_mail_on(office: Office) -> None:
    """S278: and the lines below do nothing."""
    forward(office, f"ann@{H}\n")
    report = office.deliver(f"joe@{H}")
    assert re.search(r"success: dot-forward:_info:_qp_\d+/did_0\+0\+1/$", report), report
    (message,) = office.wait_for_messages("ann", 1)
    assert f"\nDelivered-To: joe@{H}\n".encode() in message and b"Return-Path: <s@far.example>\n" in message
    assert office.town.messages("joe") == []


def test_backslash_user_keeps_a_copy(office: Office) -> None:
    """S278: the usual form of sendmail's users."""
    forward(office, f"\\joe, ann@{H}\n")
    office.deliver(f"joe@{H}")
    office.wait_for_messages("ann", 1)
    office.wait_for_messages("joe", 1)


def test_a_program_a_file_and_an_included_list(office: Office) -> None:
    """S278."""
    made = office.town
    home = made.directory("joe")
    path = made.file("joe", "friends", f"# all of them\nann@{H}\n")
    forward(office, f'"|cat > from-program"\n{home}/saved\n:include:{path}\n')
    office.deliver(f"joe@{H}")
    (message,) = office.wait_for_messages("ann", 1)
    assert message.endswith(b"Subject: x\n\nbody\n")
    for name in ("from-program", "saved"):
        text = made.read("joe", name)
        assert text.startswith("From s@far.example ") and f"\nDelivered-To: joe@{H}\n" in text


def test_a_forward_file_with_a_mistake_keeps_the_mail_in_the_queue(office: Office) -> None:
    """S278: nothing is lost, and nothing is done by halves."""
    forward(office, '"|cat > half"\nann (home\n')
    report = office.deliver(f"joe@{H}")
    assert "deferral: dot-forward:_fatal:_unable_to_parse_this_line:_ann_(home" in report
    assert office.town.read("joe", "half") == ""
    forward(office, None)
    office.signal(signal.SIGALRM)
    office.wait_for_messages("joe", 1)


def test_a_program_that_has_succeeded_is_not_run_by_the_next_attempt(office: Office) -> None:
    """The message is delivered after all when what stood in the way is gone."""
    made = office.town
    forward(office, f'"|echo >> counted"\n"|test -f may-go || exit 75"\nann@{H}\n')
    assert "deferral:" in office.deliver(f"joe@{H}")
    made.file("joe", "may-go", "")
    office.signal(signal.SIGALRM)
    office.wait_for_messages("ann", 1)
    assert made.read("joe", "counted") == "\n"
    forward(office, None)


def test_two_forward_files_that_name_each_other_end_in_a_bounce(office: Office) -> None:
    """S278: the Delivered-To lines show it."""
    made = office.town
    forward(office, f"tom@{H}\n")
    made.file("tom", ".forward", f"joe@{H}\n")
    since = office.mark()
    office.queue(f"joe@{H}", sender=f"ann@{H}")
    office.wait_for_line("failure: This_message_is_looping:_it_already_has_my_Delivered-To_line._(#5.4.6)/", since)
    (bounce,) = office.wait_for_messages("ann", 1)
    assert f"\n<joe@{H}>:\n".encode() in bounce
    os.unlink(f"{made.directory('tom')}/.forward")
    forward(office, None)


def start(made: Town, delivery: str) -> subprocess.Popen[str]:
    """The rc of the documents with this default delivery."""
    script = f'exec env - PATH="{made.path}/bin:$PATH" qmail-start "$1"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "rc", delivery],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=made.before_exec(),
        cwd="/",
    )


@pytest.mark.parametrize("last", ["./Maildir/", "|preline procmail"])
def test_the_default_delivery_may_begin_with_dot_forward(last: str) -> None:
    """S279."""
    with town("joe", "ann") as made:
        if "procmail" in last and not (made.is_real and shutil.which("procmail")):
            pytest.skip("needs procmail and accounts")
        place = Office(made)
        made.file("joe", ".procmailrc", "DEFAULT=$HOME/Maildir/\n")
        made.file("ann", ".forward", f"joe@{H}\n")
        process = start(made, f"|dot-forward .forward\n{last}")
        try:
            place.queue(f"joe@{H}", message=b"Subject: own\n\n")
            place.queue(f"ann@{H}", message=b"Subject: forwarded\n\n")
            wait_until(lambda: len(made.messages("joe")) == 2)
        finally:
            process.terminate()
            process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0


def test_the_aliases_file_is_active(office: Office) -> None:
    """S280."""
    aliases(office, f'MAILER-DAEMON: postmaster\nPostmaster: root\nroot: ann@{H},\n  "|cat > log"\nwww: root')
    for address in ("postmaster", "WWW", "mailer-daemon"):
        office.town.forget("ann")
        assert "success: " in office.deliver(f"{address}@{H}")
        office.wait_for_messages("ann", 1)
    with open(f"{office.town.path}/alias/log", encoding="latin-1") as stream:
        assert f"\nDelivered-To: root@{H}\n" in stream.read()


def test_who_is_no_alias_gets_no_mail(office: Office) -> None:
    """S280."""
    aliases(office, f"root: ann@{H}\n")
    report = office.deliver(f"nobody@{H}")
    assert "failure: Sorry,_no_mailbox_here_by_that_name._(#5.1.1)/" in report


def test_users_come_before_aliases(office: Office) -> None:
    """S280: the table is asked about addresses that belong to nobody."""
    aliases(office, f"tom: ann@{H}\n")
    office.town.forget("tom")
    office.deliver(f"tom@{H}")
    office.wait_for_messages("tom", 1)


def test_a_mistake_leaves_the_aliases_in_effect(office: Office) -> None:
    """S280: with the line where it is."""
    made = office.town
    aliases(office, f"root: ann@{H}\n")
    with open(aliases_of(made), "a", encoding="latin-1") as stream:
        stream.write("info: /dev/null\n")
    ended = made.attempt("newaliases", aliases_of(made))
    assert ended.returncode == 111
    assert ended.stderr.decode() == (
        f"newaliases: fatal: file delivery /dev/null not supported\nnewaliases: {aliases_of(made)}:2: here\n"
    )
    made.forget("ann")
    office.deliver(f"root@{H}")
    office.wait_for_messages("ann", 1)


def test_aliases_that_lead_to_themselves_bounce(office: Office) -> None:
    """S280: the sender learns it, and nothing runs in circles."""
    aliases(office, f"me: me\ndale: chip\nchip: dale\na@{H}: b@{H}\nb@{H}: a@{H}\n")
    since = office.mark()
    office.deliver(f"me@{H}")
    office.deliver(f"chip@{H}")
    for _ in range(2):
        line = office.wait_for_line("failure: This_message_is_looping", since)
        since = office.log.index(line, since) + 1
    assert "failure: Sorry,_the_aliases_of_this_address_lead_nowhere_but_to_each_other." in office.deliver(f"a@{H}")


def test_virtual_domains_in_the_aliases_file(office: Office) -> None:
    """S281: `@virt: x` and `joe@virt: y`."""
    aliases(office, f"@{VIRTUAL}: ann@{H}\njoe@{VIRTUAL}: tom@{H}\n")
    office.town.forget("ann")
    office.town.forget("tom")
    office.queue(f"anybody@{VIRTUAL}", message=b"Subject: any\n\n")
    office.queue(f"joe@{VIRTUAL}", message=b"Subject: joe\n\n")
    (one,), (other,) = office.wait_for_messages("ann", 1), office.wait_for_messages("tom", 1)
    assert one.endswith(b"Subject: any\n\n") and other.endswith(b"Subject: joe\n\n")


def test_the_owner_of_a_list_gets_its_bounces(office: Office) -> None:
    """S281: and readers get it from the owner's address."""
    aliases(office, f"team: ann@{H}, nobody-here@{H}\nowner-team: tom@{H}\n")
    office.town.forget("ann")
    office.town.forget("tom")
    office.queue(f"team@{H}")
    (message,) = office.wait_for_messages("ann", 1)
    assert message.startswith(f"Return-Path: <owner-team@{H}>\n".encode())
    (bounce,) = office.wait_for_messages("tom", 1)
    assert b"nobody-here" in bounce and bounce.startswith(b"Return-Path: <>\n")


def test_a_list_in_a_file_is_kept_by_its_owner(office: Office) -> None:
    """S282: newinclude without root; printmaillist and setmaillist read what it writes."""
    made = office.town
    path = made.file("joe", "list", f"ann@{H} (Ann), Tom <tom@{H}>\n")
    made.run("newinclude", path, user="joe")
    aliases(office, f"readers: :include:{path}\n")
    made.forget("ann")
    made.forget("tom")
    office.queue(f"readers@{H}")
    office.wait_for_messages("ann", 1)
    office.wait_for_messages("tom", 1)
    with open(f"{path}.bin", "rb") as stream:
        binary = stream.read()
    printed = made.run("printmaillist", text=binary)
    assert printed == f"&tom@{H}\n&ann@{H}\n"
    made.run("setmaillist", f"{path}.bin", f"{path}.tmp", text=printed.splitlines()[1] + "\n", user="joe")
    made.forget("ann")
    made.forget("tom")
    office.deliver(f"readers@{H}")
    office.wait_for_messages("ann", 1)
    assert made.messages("tom") == []


def test_a_table_of_its_own_language(office: Office) -> None:
    """S282: setforward, and printforward to look at it."""
    made = office.town
    table = f"{aliases_of(made)}.cdb"
    text = f"info@{H}:\n, &ann@{H}\n, |cat\\ >\\ info-log\n;\n"
    made.run("setforward", table, f"{made.top}/aliases.tmp", text=text)
    with open(table, "rb") as stream:
        assert made.run("printforward", text=stream.read()) == text
    made.forget("ann")
    assert "success: " in office.deliver(f"info@{H}")
    office.wait_for_messages("ann", 1)
    assert os.path.getsize(f"{made.path}/alias/info-log") > 0
