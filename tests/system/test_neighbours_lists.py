"""Programs that take mail over by .qmail files: list managers in Majordomo's style, and UUCP (FAQ 2.3, 4.3)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.neighbours import SHELL, recipe, script, sections
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
UUCP = "Send by UUCP (FAQ 2.3)"
# What Majordomo's wrapper runs, reduced to what concerns a mail system: it reads a message with a From_ line, calls
# sendmail with -oi and -f, and changes the file of the list.
WRAPPER = r"""#!/bin/sh
sendmail=SENDMAIL
program=$1; shift
cat > message.$$
sender=$(sed -n '1s/^From \([^ ]*\) .*/\1/p' message.$$)
case $program in
resend)
    list=$2
    { echo "Sender: club-$list-owner@$HOST"
      sed -e 1d -e '/^Return-Path: /d' -e '/^Delivered-To: /d' message.$$; } |
        $sendmail -oi -f "club-$list-owner@$HOST" "$3@$HOST"
    ;;
majordomo)
    command=$(sed '1,/^$/d;q' message.$$)
    set -- $command
    [ "$1" = subscribe ] && echo "$sender" >> "lists/$2"
    printf 'To: %s\nSubject: Majordomo results\n\n>>>> %s\nSucceeded.\n' "$sender" "$command" |
        $sendmail -oi -t -f "club-majordomo-owner@$HOST"
    ;;
*) rm message.$$; exit 64 ;;
esac
status=$?
rm message.$$
exit $status
"""
# What uux is asked to do: the arguments and the message.
UUX = """#!/bin/sh
cd /var/qmail/alias || exit 75
{ for word; do echo "<$word>"; done; cat; } > asked.$$ && mv asked.$$ asked
"""


def files_of_the_list(made: Town) -> None:
    """The table of the page, in the home of `club`."""
    rows = re.findall(
        r"^\| `(\.qmail-[^`]*)` \| (?:a link to )?`(.*?)`", sections()["Run Majordomo and its like"], re.M
    )
    assert len(rows) == 5
    made.folder("club", "lists")
    for name, line in rows:
        if line.startswith("lists/"):
            made.file("club", line, f"joe@{H}\n", 0o755)
            os.symlink(line, f"{made.directory('club')}/{name}")
        else:
            made.file("club", name, line.replace("\\|", "|") + "\n")
    made.file("club", "wrapper", WRAPPER.replace("SENDMAIL", made.program("sendmail")), 0o755)


def gonzo(made: Town) -> None:
    """All mail for other hosts goes to a program that notes what uux is told."""
    made.write("control/virtualdomains", recipe(UUCP, "text"))
    made.alias("uucp-default", recipe(UUCP, "qmail").replace("/usr/bin/uux", script(made, "uux", UUX)))
    os.chown(f"{made.path}/alias", *alias_owner(made))


def alias_owner(made: Town) -> tuple[int, int]:
    """Who delivers for aliases."""
    return (1001, 1001) if made.is_real else made.owner("")


def prepare(made: Town) -> None:
    files_of_the_list(made)
    gonzo(made)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "bob", "club", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def nothing_yet(office: Office) -> None:
    for user in office.town.users:
        office.town.forget(user)


def arrived(office: Office, user: str) -> str:
    (message,) = office.wait_for_messages(user, 1)
    return message.decode("latin-1")


# -- Majordomo's way


def test_a_list_is_joined_and_posted_to(office: Office) -> None:
    """S290: programs get the From_ line by preline, and send by sendmail; the owner is the sender of every copy."""
    report = office.deliver(f"club-majordomo@{H}", f"bob@{H}", b"Subject: hello\n\nsubscribe hobby\n")
    assert report.endswith("success: did_0+0+1/"), report
    answer = arrived(office, "bob")
    assert answer.startswith(f"Return-Path: <club-majordomo-owner@{H}>\n") and ">>>> subscribe hobby" in answer
    assert office.town.read("club", "lists/hobby") == f"joe@{H}\nbob@{H}\n"
    office.town.forget("bob")
    letter = f"From: ann@{H}\nTo: club-hobby@{H}\nSubject: kites\n\n.\nbody\n".encode()
    assert ": success: " in office.deliver(f"club-hobby@{H}", f"ann@{H}", letter)
    for user in ("joe", "bob"):
        copy = arrived(office, user)
        # the sender is the owner of the list of addresses, not who wrote and not who passed it on
        assert copy.startswith(f"Return-Path: <club-hobby-outgoing-owner@{H}>\nDelivered-To: {user}@{H}\n")
        assert f"\nSender: club-hobby-owner@{H}\n" in copy and copy.endswith("\nSubject: kites\n\n.\nbody\n")
        assert f"\nDelivered-To: club-hobby-outgoing@{H}\n" in copy


def test_a_bounce_goes_to_the_owner_of_the_list(office: Office) -> None:
    """S290: not to who wrote to the list, and not to the list."""
    office.town.file("club", "lists/hobby", f"nobody-here@{H}\n", 0o755)
    letter = f"From: joe@{H}\nTo: club-hobby@{H}\nSubject: lost\n\nbody\n".encode()
    assert ": success: " in office.deliver(f"club-hobby@{H}", f"joe@{H}", letter)
    bounce = arrived(office, "ann")
    assert bounce.startswith("Return-Path: <>\n") and f"\n<nobody-here@{H}>:\n" in bounce
    assert f"\nDelivered-To: club-hobby-outgoing-owner@{H}\n" in bounce
    assert office.town.messages("joe") == []


@pytest.mark.parametrize("subscriber", ["|touch made-by-a-subscriber", "./made-by-a-subscriber"])
def test_a_subscriber_who_is_a_command_is_not_run(office: Office, subscriber: str) -> None:
    """S290: an executable list holds addresses only; the letter waits for whoever mends the list."""
    office.town.file("club", "lists/hobby", f"{subscriber}\n", 0o755)
    assert ": deferral: " in office.deliver(f"club-hobby-outgoing@{H}", f"ann@{H}")
    assert not os.path.exists(f"{office.town.directory('club')}/made-by-a-subscriber")


def test_a_wrapper_that_is_misused_bounces_and_one_that_crashes_waits(office: Office) -> None:
    """S290: the statuses of sysexits.h mean what they mean elsewhere."""
    for line, outcome in (("|preline ./wrapper nonsense\n", "failure"), ("|preline ./wrapper-is-away\n", "failure")):
        office.town.file("club", ".qmail-odd", line)
        assert f": {outcome}: " in office.deliver(f"club-odd@{H}", ""), line
    office.town.file("club", ".qmail-odd", "|kill -9 $$\n")
    assert ": deferral: " in office.deliver(f"club-odd@{H}", "")


# -- UUCP


def asked(office: Office, recipient: str, sender: str) -> str:
    """What uux was told about a message for another host."""
    path = f"{office.town.path}/alias/asked"
    since = office.mark()
    office.queue(recipient, sender, b"Subject: far\n\n.\nbody\n")
    local, _, host = recipient.rpartition("@")
    report = office.report(f"alias-uucp-{local}@{host}", since)
    assert report.endswith("success: did_0+0+1/"), report
    with open(path, encoding="latin-1") as stream:
        text = stream.read()
    os.unlink(path)
    return text


@pytest.mark.parametrize(
    ("sender", "shown"), [(f"joe@{H}", f"joe@{H}"), ("", "MAILER-DAEMON"), ("a b$(touch x)'\"@c", "a b$(touch x)'\"@c")]
)
def test_all_mail_for_other_hosts_goes_to_uux(office: Office, sender: str, shown: str) -> None:
    """FAQ 2.3: sender and recipient as arguments; a From_ line is left out, the Return-Path line stays."""
    words, _, message = asked(office, "bob.miller@far.example", sender).partition("Return-Path: ")
    assert words == f"<->\n<-r>\n<-gC>\n<-a{shown}>\n<gonzo!rmail>\n<(bob.miller@far.example)>\n"
    assert "\nDelivered-To: " not in message and message.endswith("\nSubject: far\n\n.\nbody\n")


def test_mail_for_our_own_host_stays_here(office: Office) -> None:
    """FAQ 2.3: `:alias-uucp` is for hosts that are not local."""
    assert ": success: " in office.deliver(f"joe@{H}")
    assert len(office.wait_for_messages("joe", 1)) == 1
    assert not os.path.exists(f"{office.town.path}/alias/asked")


def test_uux_that_fails_keeps_the_message(office: Office) -> None:
    """FAQ 2.3: a full spool, or the package removed: it is tried again."""
    line = recipe(UUCP, "qmail")
    try:
        office.town.alias(
            "uucp-default", line.replace("/usr/bin/uux", script(office.town, "no-uux", "#!/bin/sh\nexit 75\n"))
        )
        since = office.mark()
        office.queue("bob@far.example")
        assert ": deferral: " in office.report("alias-uucp-bob@far.example", since)
    finally:
        office.town.alias("uucp-default", line.replace("/usr/bin/uux", f"{office.town.top}/uux"))


@pytest.mark.skipif(
    shutil.which("uux", path=f"{os.environ.get('PATH', '')}:{SHELL}") is None,
    reason="uux is not here: Debian has it in uucp",
)
def test_the_real_uux_spools_it(office: Office) -> None:
    """FAQ 2.3: Taylor UUCP with a spool of its own; gonzo would get `rmail bob@far.example` and the message."""
    made = office.town
    spool = f"{made.top}/spool"
    os.mkdir(spool)
    os.chown(spool, *alias_owner(made))
    with open(f"{made.top}/uucp.conf", "w", encoding="ascii") as stream:
        stream.write(f"nodename pokey\nspool {spool}\nlockdir {spool}\nsysfile {made.top}/uucp.sys\n")
        stream.write(f"logfile {spool}/log\nstatfile {spool}/stat\ndebugfile {spool}/debug\n")
    with open(f"{made.top}/uucp.sys", "w", encoding="ascii") as stream:
        stream.write("system gonzo\ntime any\ncommands rmail\n")
    uux = shutil.which("uux", path=f"{os.environ.get('PATH', '')}:{SHELL}")
    line = recipe(UUCP, "qmail").replace("/usr/bin/uux", f"{uux} -I {made.top}/uucp.conf")
    try:
        made.alias("uucp-default", line)
        since = office.mark()
        office.queue("bob@far.example", f"joe@{H}", b"Subject: far\n\n.\nbody\n")
        report = office.report("alias-uucp-bob@far.example", since)
        assert ": success: " in report, report
    finally:
        made.alias("uucp-default", recipe(UUCP, "qmail").replace("/usr/bin/uux", f"{made.top}/uux"))
    texts = []
    for directory, _, names in os.walk(spool):
        for name in names:
            with open(os.path.join(directory, name), encoding="latin-1") as stream:
                texts.append(stream.read())
    assert any(text.endswith("Subject: far\n\n.\nbody\n") for text in texts), texts
    assert any("Queuing rmail bob@far.example" in text for text in texts), texts
