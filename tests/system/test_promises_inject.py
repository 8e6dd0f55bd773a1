"""Injection as the documents promise it: qmail-inject as users, scripts and cron jobs call it, on a running server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
STAMPS = "Date: x\nMessage-ID: <x@y>\n"
# One user whoever runs the tests; what is not named here must not come from outside.
NOBODY = dict.fromkeys(("MAILUSER", "QMAILUSER", "USER", "LOGNAME"), "joe")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "tom") as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture
def made(office: Office) -> Town:
    for user in office.town.users:
        office.town.forget(user)
    return office.town


def printed(made: Town, text: str, *words: str, **more: str) -> str:
    """What `qmail-inject -n` makes of a message."""
    ended = made.attempt(
        "env", "-u", "NAME", *_settings(NOBODY | more), made.program("qmail-inject"), "-n", *words, text=text
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode("latin-1")


def _settings(more: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in more.items()]


def line(made: Town, name: str, text: str, **more: str) -> str:
    """One line of what `qmail-inject -n` prints."""
    found = [line for line in printed(made, text, **more).split("\n") if line.startswith(f"{name}: ")]
    assert len(found) == 1, found
    return found[0].removeprefix(f"{name}: ")


def test_a_message_of_one_line_is_delivered(office: Office, made: Town) -> None:
    """S246: `echo to: me | qmail-inject`, and the same to somebody by his address."""
    assert made.attempt("sh", "-c", f"echo to: joe | {made.program('qmail-inject')}", user="joe").returncode == 0
    assert made.attempt("sh", "-c", f"echo To: joe@{H} | {made.program('qmail-inject')}", user="ann").returncode == 0
    for message in office.wait_for_messages("joe", 2):
        assert b"\nDate: " in message and b"\nMessage-ID: <" in message and b"\nFrom: " in message


def test_who_gets_it_is_what_the_options_say(office: Office, made: Town) -> None:
    """S247."""
    since = office.mark()
    made.run("qmail-inject", "joe", text="To: ann\nSubject: arguments\n\n")
    made.run("qmail-inject", "-a", "joe", text="To: ann\nSubject: arguments\n\n")
    made.run("qmail-inject", "-h", "joe", text="To: ann\nSubject: header\n\n")
    made.run("qmail-inject", "-A", text="To: ann\nSubject: header\n\n")
    made.run("qmail-inject", "-H", "joe", text="To: ann\nSubject: both\n\n")
    made.run("qmail-inject", "-n", "-N", "tom", text="")
    assert made.run("qmail-inject", "-n", "tom", text="Subject: not sent\n\n").endswith("Subject: not sent\n\n")
    joe, ann = office.wait_for_messages("joe", 3), office.wait_for_messages("ann", 3)
    subjects = [sorted(re.findall(rb"\nSubject: (.*)\n", b"".join(found))) for found in (joe, ann)]
    assert subjects == [[b"arguments", b"arguments", b"both"], [b"both", b"header", b"header"]]
    assert len(office.wait_for_messages("tom", 1)) == 1
    made.run("qmail-inject", "-f", "nonexistent", "joe", text="\n")
    office.wait_for(lambda line: f"from <nonexistent@{H}>" in line, since)
    # what cannot be delivered comes back to the sender that -f names
    made.run("qmail-inject", "-fann", "nobody-here", text="Subject: lost\n\n")
    assert b"Sorry, no mailbox here by that name" in b"".join(office.wait_for_messages("ann", 4))


def test_header_grammar_and_long_lines(office: Office, made: Town) -> None:
    """S248: groups, comments, routes, missing commas; lines of any length."""
    long = "x" * 100_000
    header = f'To: team: joe (the first) "ann"@{H};, <@relay.example,@other:tom@{H}>\nX-Long: {long}\n\nbody\n'
    made.run("qmail-inject", "-h", text=header)
    for user in ("joe", "ann", "tom"):
        assert f"\nX-Long: {long}\n".encode() in office.wait_for_messages(user, 1)[0]
    assert line(made, "To", "To: a b, c: d; e\n") == f"a@{H}, b@{H}, c: d@{H};, e@{H}"


def test_what_is_missing_is_added_and_bcc_removed(office: Office, made: Town) -> None:
    """S249."""
    made.run("qmail-inject", text="To: joe\nBcc: ann, tom\nSubject: s\n\n")
    for user in ("joe", "ann", "tom"):
        message = office.wait_for_messages(user, 1)[0]
        assert b"Bcc" not in message and b"ann" not in message.partition(b"\nDate: ")[2]
        assert re.search(rb"\nDate: .*\nMessage-ID: <.*@test.example>\nFrom: .*\nTo: joe@test.example\n", message)


def test_a_resent_message_goes_to_the_resent_fields(office: Office, made: Town) -> None:
    """S249: the first block stays as it was."""
    made.run("qmail-inject", text="From: a@b.c\nTo: joe\nDate: then\nMessage-ID: <1@2>\nResent-To: ann\n\n")
    message = office.wait_for_messages("ann", 1)[0]
    assert b"\nResent-Date: " in message and b"\nResent-From: " in message and b"\nResent-Message-ID: " in message
    assert message.endswith(
        b"\nFrom: a@b.c\nTo: joe@%s\nDate: then\nMessage-ID: <1@2>\nResent-To: ann@%s\n\n" % (2 * (H.encode(),))
    )
    assert not made.messages("joe")


def test_defaulthost_completes_names(made: Town) -> None:
    """S250."""
    path = f"{made.path}/control/defaulthost"
    made.write("control/defaulthost", "af.mil\n")
    try:
        text = printed(made, "To: fred\n\n")
        assert "\nFrom: joe@af.mil\nTo: fred@af.mil\n" in text and text.startswith("Return-Path: <joe@af.mil>\n")
    finally:
        os.unlink(path)


def test_the_environment_makes_from(made: Town) -> None:
    """S251, S253: MAILHOST and MAILUSER, QMAILINJECT=f; what comes before what."""
    boss = {"MAILHOST": "af.mil", "MAILUSER": "boss", "QMAILUSER": "boss"}
    assert line(made, "From", "To: x\n", **boss) == "boss@af.mil"
    assert line(made, "From", "From: other\nTo: x\n", **boss) == f"other@{H}"
    assert line(made, "From", "From: other\nTo: x\n", QMAILINJECT="f", **boss) == "boss@af.mil"
    settings = {"LOGNAME": "l", "USER": "u", "MAILUSER": "m", "QMAILUSER": "q", "MAILHOST": "m.ex", "QMAILHOST": "q.ex"}
    settings |= {"NAME": "n", "MAILNAME": "mn", "QMAILNAME": "qn"}
    assert line(made, "From", "To: x\n", **settings) == '"qn" <q@q.ex>'
    command = f"{made.program('qmail-inject')} -n"
    for unset, wanted in (
        ("QMAILUSER QMAILHOST QMAILNAME", '"mn" <m@m.ex>'),
        ("QMAILUSER QMAILHOST QMAILNAME MAILUSER MAILNAME MAILHOST", f'"n" <u@{H}>'),
        ("QMAILUSER QMAILHOST QMAILNAME MAILUSER MAILNAME MAILHOST USER NAME", f"l@{H}"),
        (" ".join(settings), f"anonymous@{H}"),
    ):
        ended = made.attempt("sh", "-c", f"unset {unset}; exec {command}", text="To: x\n", more=settings)
        assert f"\nFrom: {wanted}\n" in ended.stdout.decode()


def test_mail_to_a_list_gets_mail_followup_to(office: Office, made: Town) -> None:
    """S252."""
    lists = made.file("joe", ".lists", "# mine\nsos@heaven.af.mil\n")
    text = f"{STAMPS}From: joe\nTo: SOS@heaven.af.mil, ann\n\n"
    assert "\nMail-Followup-To: SOS@heaven.af.mil,\n  ann@test.example\n" in printed(made, text, QMAILMFTFILE=lists)
    assert line(made, "Mail-Followup-To", "To: sos@heaven.af.mil\n", QMAILMFTFILE=lists) == "sos@heaven.af.mil"
    assert "Followup" not in printed(made, "To: ann\n", QMAILMFTFILE=lists)


def test_sender_and_hosts_from_the_environment(made: Town) -> None:
    """S254, S255."""
    text = printed(made, "To: x\n", QMAILSUSER="bounce", QMAILSHOST="b.example")
    assert text.startswith("Return-Path: <bounce@b.example>\n") and f"\nFrom: joe@{H}\n" in text
    hosts = {
        "QMAILDEFAULTHOST": "dh",
        "QMAILDEFAULTDOMAIN": "dd.ex",
        "QMAILPLUSDOMAIN": "pp.ex",
        "QMAILIDHOST": "id.ex",
    }
    text = printed(made, "To: a, b@c, d@e+\n", **hosts)
    assert "To: a@dh.dd.ex, b@c.dd.ex, d@e.pp.ex\n" in text and re.search(
        r"\nMessage-ID: <\d+\.\d+\.qmail@id\.ex>\n", text
    )


def test_letters_of_qmailinject(made: Town) -> None:
    """S256, S257."""
    assert line(made, "From", "To: x\n", QMAILINJECT="c", QMAILNAME="Joe") == f"joe@{H} (Joe)"
    path = "Return-Path: <list@l.example>\nTo: x\n"
    assert line(made, "Return-Path", path) == "<list@l.example>"
    assert line(made, "Return-Path", path, QMAILINJECT="s") == f"<joe@{H}>"
    assert line(made, "Message-ID", "Message-ID: <mine>\nTo: x\n") == "<mine>"
    assert "mine" not in line(made, "Message-ID", "Message-ID: <mine>\nTo: x\n", QMAILINJECT="i")
    assert line(made, "Return-Path", "To: x\n", QMAILINJECT="r") == f'<"joe-@{H}-"@[]>'
    assert re.fullmatch(rf"<joe-\d+\.\d+@{H}>", line(made, "Return-Path", "To: x\n", QMAILINJECT="m"))
    assert re.fullmatch(rf'<"joe-\d+\.\d+-@{H}-"@\[\]>', line(made, "Return-Path", "To: x\n", QMAILINJECT="mr"))


def test_each_recipient_has_a_sender_of_its_own_with_letter_r(office: Office, made: Town) -> None:
    """S257: the delivery side expands it."""
    ended = made.attempt("qmail-inject", "ann", "tom", text="\n", more={**NOBODY, "QMAILINJECT": "r"})
    assert ended.returncode == 0
    for user in ("ann", "tom"):
        message = office.wait_for_messages(user, 1)[0]
        assert message.startswith(b"Return-Path: <joe-%s=%s@%s>\n" % (user.encode(), H.encode(), H.encode()))


@pytest.mark.parametrize("words", [("qmail-inject",), ("sendmail", "-t")])
def test_lines_that_end_in_cr_lf_are_understood(office: Office, made: Town, words: tuple[str, ...]) -> None:
    """S258: what PHP pipes in, header in CR LF and the text as the script had it."""
    made.run(*words, text="To: joe\r\nSubject: s\r\nX-Folded: a\r\n b\r\n\r\nline\r\nlast\n")
    message = office.wait_for_messages("joe", 1)[0]
    assert message.endswith(b"\nSubject: s\nX-Folded: a\n b\n\nline\nlast\n") and b"\r" not in message


def test_a_name_that_is_not_ascii_arrives_readable(office: Office, made: Town) -> None:
    """Unlike qmail: the name of the environment is encoded; what the message itself says is not touched."""
    more = {**NOBODY, "QMAILNAME": "Zoë Müller"}
    assert made.attempt("qmail-inject", text="To: Jürgen <joe>\nSubject: Grüße\n\n".encode(), more=more).returncode == 0
    message = office.wait_for_messages("joe", 1)[0]
    assert b"\nFrom: =?utf-8?q?Zo=C3=AB_M=C3=BCller?= <joe@test.example>\n" in message
    assert 'To: "Jürgen" <joe@test.example>\nSubject: Grüße\n'.encode() in message


def test_a_message_without_recipients_is_an_error(office: Office, made: Town) -> None:
    """Unlike qmail, which says that it was sent."""
    for words in (("qmail-inject",), ("qmail-inject", "-a"), ("sendmail", "-t")):
        ended = made.attempt(*words, "-flost", text="Subject: s\n\n")
        assert ended.returncode in (100, 64, 65) and b"no recipients" in ended.stderr
    made.run("qmail-inject", "-fkept", "joe", text="\n")
    office.wait_for_line(f"from <kept@{H}>")
    assert not [line for line in office.log if f"from <lost@{H}>" in line]


def test_a_program_in_the_place_of_the_queue_is_run(made: Town) -> None:
    """S119: QMAILQUEUE, for a scanner that refuses."""
    scanner = made.file("joe", "scanner", "#!/bin/sh\ncat >/dev/null\nexit 31\n", 0o755)
    ended = made.attempt("qmail-inject", "joe", text="\n", more={"QMAILQUEUE": scanner})
    assert (ended.returncode, ended.stderr) == (
        100,
        b"qmail-inject: fatal: mail server permanently rejected message (#5.3.0)\n",
    )
