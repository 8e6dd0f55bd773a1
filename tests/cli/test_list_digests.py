"""Digests: when it is time for one, what is in it, who gets it; and what comes from the archive in their forms."""

from __future__ import annotations

import os
import re
import time
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued

TOP = "This is the program"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"LOCAL": "list", "HOST": "h.dom", "SENDER": "joe@x.y"}
    made.run("ezmlm-make", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")
    os.makedirs(f"{directory(made)}/digest/subscribers")
    made.run("ezmlm-sub", directory(made), "joe@x.y")
    made.run("ezmlm-sub", f"{directory(made)}/digest", "ann@x.y")
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def post(place: FilterHome, *subjects: str, more: str = "", body: str = "") -> None:
    """Messages as ezmlm-send keeps them."""
    last = int(read(place, "num").split(":")[0])
    for number, subject in enumerate(subjects, last + 1):
        path = Path(f"{directory(place)}/archive/{number // 100}/{number % 100:02d}")
        path.parent.mkdir(exist_ok=True)
        text = f"Subject: {subject}\nFrom: Ann <ann@x.y>\nX-Secret: x\n{more}\n{body or f'body {number}'}"
        path.write_bytes(text.encode("latin-1"))
        path.chmod(0o744)
        write(place, "num", f"{number}:{number}\n")


def write(place: FilterHome, name: str, text: str) -> None:
    Path(f"{directory(place)}/{name}").write_text(text)


def read(place: FilterHome, name: str) -> str:
    return Path(f"{directory(place)}/{name}").read_text()


def news(place: FilterHome, *words: str, text: bytes = b"", expected: int = 0, **changes: str | None) -> Queued:
    """What ezmlm-get queues."""
    before = [letter.message for letter in place.queued]
    ended = place.run("ezmlm-get", *words, directory(place), text=text, **changes)
    assert ended[0] == expected and b"ezmlm-get: info: qp " in ended[2], ended
    (letter,) = [letter for letter in place.queued if letter.message not in before]
    return letter


def ask(place: FilterHome, action: str, *words: str, sender: str = "joe@x.y") -> Queued:
    return news(place, *words, LOCAL=f"list-{action}", SENDER=sender, expected=99, text=b"Subject: x\n\nplease\n")


def parts(letter: Queued) -> tuple[str, list[Message]]:
    """The text before the messages, and the messages."""
    first, *others = message_from_bytes(letter.message).get_payload()
    assert all(part.get_content_type() == "message/rfc822" for part in others)
    return first.get_payload(decode=True).decode(), [part.get_payload()[0] for part in others]


def bodies(letter: Queued) -> list[str]:
    return [message.get_payload() for message in parts(letter)[1]]


@pytest.mark.parametrize("local", ["list", "List", None])
def test_a_digest_has_what_came_since_the_last_one(place: FilterHome, local: str | None) -> None:
    post(place, "one", "two", "Re: one")
    letter = news(place, LOCAL=local)
    assert letter.sender == b"list-digest-return-1-@h.dom-@[]"
    assert letter.recipients[0] == b"ann@x.y" and letter.recipients[1].startswith(b"list-digest-return-receipt-1.")
    message = message_from_bytes(letter.message)
    assert message.get_content_type() == "multipart/digest" and message["To"] == "list@h.dom"
    assert message["Subject"].startswith("list Digest ") and message["Subject"].endswith(" Issue 1")
    assert message["List-Unsubscribe"] == "<mailto:list-digest-unsubscribe@h.dom>"
    assert message["List-Id"] == "<list.h.dom>" and message["Mailing-List"].startswith("contact list-help@")
    text, messages = parts(letter)
    assert "Topics (messages 1 through 3)\n\none\n\t1 by: Ann\n\t3 by: Ann\n\ntwo\n\t2 by: Ann\n\nAdmin" in text
    assert "list-digest-unsubscribe@h.dom" in text
    assert [one.get_payload() for one in messages] == ["body 1", "body 3", "body 2"]
    assert messages[0].keys() == ["Subject", "From"]
    assert read(place, "dignum").startswith("3:3:") and read(place, "digissue") == "1\n"
    assert place.run("ezmlm-get", directory(place), LOCAL=local) == (0, b"", b"ezmlm-get: info: nothing to digest\n")
    post(place, "four")
    second = news(place, LOCAL=local)
    assert bodies(second) == ["body 4"] and b" Issue 2\n" in second.message
    assert second.sender == b"list-digest-return-4-@h.dom-@[]"


def test_whoever_joins_later_does_not_get_what_nobody_got(place: FilterHome) -> None:
    place.run("ezmlm-unsub", f"{directory(place)}/digest", "ann@x.y")
    post(place, "one", "two")
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[2].endswith(b"nothing to digest\n")
    place.run("ezmlm-sub", f"{directory(place)}/digest", "tom@x.y")
    post(place, "three")
    assert bodies(news(place, LOCAL=None)) == ["body 3"]


def test_a_list_without_an_archive_has_no_digests(place: FilterHome) -> None:
    post(place, "one")
    os.unlink(f"{directory(place)}/archived")
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 100


def test_the_first_digest_of_an_old_list_is_no_archive(place: FilterHome) -> None:
    post(place, *["x"] * 150)
    assert len(bodies(news(place, LOCAL=None))) == 100


def test_what_is_too_much_for_one_digest_goes_into_several(place: FilterHome) -> None:
    write(place, "dignum", "1:1:1\n")
    post(place, "x", *["y"] * 1002)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 0
    sent = sorted(place.queued, key=lambda letter: letter.sender)
    assert [len(bodies(letter)) for letter in sent] == [2, 500, 500]
    post(place, "a", "b", "c", body="z" * (5 << 20))
    place.run("ezmlm-get", directory(place), LOCAL=None)
    assert [len(bodies(letter)) for letter in place.queued if b"zzz" in letter.message] == [1, 1, 1]
    assert read(place, "dignum").startswith("1006:1006:")


def test_a_digest_that_is_not_queued_is_not_sent_and_not_lost(place: FilterHome) -> None:
    post(place, "one")
    place.refuse(31)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 100
    place.refuse(53)
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[0] == 111
    place.refuse(None)
    ended = place.run("ezmlm-get", directory(place), LOCAL=None)
    assert ended[0] == 111 and b"a digest is on its way" in ended[2] and place.queued == []
    age(place)
    assert bodies(news(place, LOCAL=None)) == ["body 1"]
    assert not os.path.exists(f"{directory(place)}/digsending") and read(place, "digissue") == "1\n"


def age(place: FilterHome) -> None:
    """Let the receipt be late."""
    words = read(place, "digsending").split(":")
    write(place, "digsending", ":".join([*words[:5], str(int(words[5]) - 3601)]))


@pytest.mark.parametrize("program", ["ezmlm-return", "ezmlm-get", "ezmlm-manage"])
def test_a_receipt_proves_that_a_digest_was_sent(place: FilterHome, program: str) -> None:
    """Whoever was killed between the queue's answer and its own note left the digest as it was."""
    post(place, "one")
    first = news(place, LOCAL=None)
    when = read(place, "dignum").split(":")[2].strip()
    for name in ("dignum", "digissue"):
        os.unlink(f"{directory(place)}/{name}")
    write(place, "digsending", f"1:1:1:1:{when}:{when}\n")
    receipt = first.recipients[1].decode().partition("@")[0]
    forged = place.run(program, directory(place), text=first.message, LOCAL=receipt[:-1] + "x", SENDER="")
    assert forged[0] == (0 if program == "ezmlm-manage" else 99)
    assert os.path.exists(f"{directory(place)}/digsending")
    for _ in range(2):
        place.run(program, directory(place), text=first.message, LOCAL=receipt, SENDER="")
        assert not os.path.exists(f"{directory(place)}/digsending")
    assert read(place, "digissue") == "1\n" and read(place, "dignum") == f"1:1:{when}\n"
    assert place.run("ezmlm-get", directory(place), LOCAL=None)[2].endswith(b"nothing to digest\n")


def test_a_digest_is_the_same_message_when_it_goes_out_again(place: FilterHome) -> None:
    post(place, "one")
    first = message_from_bytes(news(place, LOCAL=None).message)
    for name in ("dignum", "digissue"):
        os.unlink(f"{directory(place)}/{name}")
    write(place, "digsending", f"1:1:1:1:{first['Message-ID'][1:].split('.')[0]}:5\n")
    ended = place.run("ezmlm-get", directory(place), LOCAL=None)
    assert ended[0] == 0
    one, other = (message_from_bytes(letter.message) for letter in place.queued)
    assert one["Message-ID"] == other["Message-ID"] and one["Subject"] == other["Subject"]


def test_a_digest_is_asked_for_by_its_code(place: FilterHome) -> None:
    post(place, "one")
    for code in ("dig.open", "dig.x", "dig."):
        assert place.run("ezmlm-get", directory(place), LOCAL=f"list-{code}") == (0, b"", b"")
    write(place, "digestcode", "Sesame\n")
    for code in ("dig.open", "dig.sesameq", "dig", "digest-sesame"):
        assert place.run("ezmlm-get", directory(place), LOCAL=f"list-{code}") == (0, b"", b"")
    text = b"Subject: x\n\nNext week there is no meeting.\n-- \nJoe\n"
    letter = news(place, LOCAL="list-dig.seSAME", text=text, expected=99)
    said = parts(letter)[0]
    assert "\nAdministrivia:\n\nNext week there is no meeting.\n\nTo get" in said and "Joe" not in said
    assert letter.recipients[0] == b"ann@x.y"
    post(place, "two")
    letter = news(place, LOCAL="list-dig-sesamer", text=b"Content-Type: text/html\n\n<b>", expected=99)
    assert b"\nEnd of list Digest\n*******" in letter.message and b"<b>" not in letter.message
    assert place.run("ezmlm-get", directory(place), LOCAL="list-dig.sesame", SENDER="")[0] == 100


def test_the_fields_that_are_shown(place: FilterHome) -> None:
    post(place, "one")
    write(place, "digheaders", "X-Secret\nfrom:\n")
    assert parts(news(place, LOCAL=None))[1][0].keys() == ["From", "X-Secret"]


@pytest.mark.parametrize(
    ("form", "kind", "fields", "order"),
    [
        ("m", "multipart/digest", 2, "132"),
        ("x", "multipart/mixed", 2, "132"),
        ("v", "multipart/digest", 3, "132"),
        ("n", "multipart/digest", 3, "123"),
    ],
)
def test_the_forms_with_parts(place: FilterHome, form: str, kind: str, fields: int, order: str) -> None:
    post(place, "=?utf-8?q?Zo=C3=AB?=", "two", "Re: =?utf-8?q?Zo=C3=AB?=")
    write(place, "digformat", "r\n")
    letters = [ask(place, f"get{form}.1_3"), ask(place, "get.1_3", "-f", form), news(place, "-f", form, LOCAL=None)]
    for letter in letters:
        assert message_from_bytes(letter.message).get_content_type() == kind
        text, messages = parts(letter)
        assert ("Topics" in text) is (form != "n") and ("\nZoë\n\t1 by: Ann" in text) is (form != "n")
        assert [one.get_payload()[5:] for one in messages] == list(order)
        assert {len(one.keys()) for one in messages} == {fields}


def test_plain_text(place: FilterHome) -> None:
    """RFC 1153."""
    post(place, "one", body="\n\ntext\n" + "-" * 30 + "\nmore\n\n\n")
    kind = "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: {}\n"
    post(place, "two", more=kind.format("quoted-printable"), body="Zo=EB\n")
    post(place, "three", more=kind.format("8bit"), body="Zo\xeb\n")
    mixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    inner = "--b\nContent-Type: {}\n\n{}\n"
    post(
        place,
        "four",
        more=mixed,
        body=inner.format("text/plain", "hi") + inner.format('a/b; name="x.y"', "?") + "--b--\n",
    )
    write(place, "digformat", "rfc\n")
    message = message_from_bytes(news(place, LOCAL=None).message)
    assert message["Content-Type"] == "text/plain; charset=utf-8"
    text = message.get_payload(decode=True).decode()
    start, one, two, three, four, last = (
        text.split("-" * 70)[0],
        *text.split("-" * 70)[1].split("\n" + "-" * 30 + "\n\n"),
    )
    assert "Topics (messages 1 through 4)" in start
    assert one == "\n\nFrom: Ann <ann@x.y>\nSubject: one\n\ntext\n " + "-" * 30 + "\nmore\n"
    assert two == "From: Ann <ann@x.y>\nSubject: two\n\nZoë\n" and three == two.replace("two", "three")
    assert four == "From: Ann <ann@x.y>\nSubject: four\n\nhi\n\n[a/b x.y]\n"
    assert last == "End of list Digest\n" + "*" * 18 + "\n"


def test_a_thread(place: FilterHome) -> None:
    post(place, "one", "two", "Re: ONE", "one more", "Re: Re: one")
    text, messages = parts(ask(place, "thread.3"))
    assert [one.get_payload() for one in messages] == ["body 1", "body 3", "body 5"]
    assert "Topics" not in text and "one\n\t1 by: Ann\n\t3 by: Ann" in text and "> body" not in text
    assert b"There is no such message" in ask(place, "thread.6").body
    assert place.run("ezmlm-get", directory(place), LOCAL="list-thread.1", SENDER="tom@x.y")[2].endswith(b"answered\n")
    assert bodies(ask(place, "threadn-2", sender="ann@x.y")) == ["body 2"]


@pytest.mark.parametrize(
    ("action", "numbers"),
    [
        ("get", [10, *range(11, 51)]),
        ("digest", [10, *range(11, 51)]),
        ("get.48_999", [48, 49, 50]),
        ("get49-50", [49, 50]),
        ("get-49.50", [49, 50]),
        ("getv.50_3", [50]),
        ("get.999_1000", list(range(1, 51))),
    ],
)
def test_which_messages(place: FilterHome, action: str, numbers: list[int]) -> None:
    post(place, *[f"s{number}" for number in range(1, 51)])
    write(place, "dignum", "10:10:1\n")
    assert bodies(ask(place, action)) == [f"body {number}" for number in numbers]


def test_who_gets_what(place: FilterHome) -> None:
    post(place, "one", "two")
    for name in ("allow", "mod"):
        os.makedirs(f"{directory(place)}/{name}/subscribers")
        place.run("ezmlm-sub", f"{directory(place)}/{name}", f"{name}@x.y")

    def gets(action: str, sender: str, *words: str) -> int:
        status, _, errors = place.run("ezmlm-get", *words, directory(place), LOCAL=f"list-{action}", SENDER=sender)
        return 99 if b"qp" in errors else 0 if errors.endswith(b"not answered\n") else status

    for sender, much in (("joe@x.y", 99), ("ann@x.y", 99), ("allow@x.y", 99), ("tom@x.y", 0)):
        assert gets("get.1_2", sender) == gets("index.1_2", sender) == gets("get", sender) == much
        assert gets("get.1", sender) == gets("index", sender) == 99
        assert gets("get.1", sender, "-s") == much and gets("get.1", sender, "-C") == 0
        assert gets("get.1", sender, "-P") == 100
    write(place, "subgetonly", "")
    assert gets("get.1", "tom@x.y") == 0 and gets("get.1", "tom@x.y", "-S") == 99
    write(place, "modgetonly", "")
    assert gets("get.1_2", "joe@x.y") == 100 and gets("get.1_2", "joe@x.y", "-p") == 99
    assert gets("get.1_2", "mod@x.y") == 99


def test_an_answer_without_its_bottom(place: FilterHome) -> None:
    post(place, "one", "two")
    assert "please" in parts(ask(place, "get.1_2"))[0]
    for letter in (ask(place, "get.1_2", "-B"), ask(place, "getm.2_2", "-B")):
        text = parts(letter)[0]
        assert TOP in text and "please" not in text and "-subscribe@" not in text
    write(place, "omitbottom", "")
    assert b"please" not in ask(place, "get.1").message and b"please" in ask(place, "get.2", "-b").message


@pytest.mark.parametrize(
    ("files", "words", "status"),
    [
        ({"num": "29:255"}, [], 99),
        ({"num": "30:0"}, [], 0),
        ({"num": "1:256"}, [], 0),
        ({"num": "1:1", "digsize": "0", "digcount": "1"}, [], 0),
        ({"num": "30:300", "digsize": "0", "digcount": "0"}, [], 99),
        ({"num": "1:1", "digsize": "0", "digcount": "0", "digtime": "0"}, [], 99),
        ({"num": "1:1"}, ["-k0", "-m", "1"], 0),
        ({"num": "1:1"}, ["-k0", "-m0", "-t0"], 0),
        ({"num": "1:1", "digcount": "1"}, ["-m5"], 99),
        ({"num": "1:1", "digcount": "many"}, [], 100),
        ({"num": "1:1"}, ["-m", "x"], 100),
        ({}, [], 99),
    ],
)
def test_when_it_is_time(place: FilterHome, files: dict[str, str], words: list[str], status: int) -> None:
    os.unlink(f"{directory(place)}/num")
    write(place, "dignum", f"0:0:{int(time.time()) - 3600}\n")
    for name, text in files.items():
        write(place, name, text + "\n")
    assert place.run("ezmlm-tstdig", *words, directory(place), LOCAL=None)[0] == status


def test_two_days_are_enough(place: FilterHome) -> None:
    write(place, "num", "1:1\n")
    for hours, status in ((47, 99), (48, 0)):
        write(place, "dignum", f"0:0:{int(time.time()) - hours * 3600 - 5}\n")
        assert place.run("ezmlm-tstdig", directory(place), LOCAL=None)[0] == status
    assert place.run("ezmlm-tstdig", "-t", "49", directory(place), LOCAL=None)[0] == 99


def test_one_digest_is_begun_at_a_time(place: FilterHome) -> None:
    write(place, "num", "50:1\n")
    assert [place.run("ezmlm-tstdig", directory(place))[0] for _ in range(3)] == [0, 99, 99]
    write(place, "tstdig", f"{int(time.time()) - 3700}\n")
    assert place.run("ezmlm-tstdig", directory(place))[0] == 0
    write(place, "dignum", f"10:0:{int(time.time()) + 1}\n")
    assert place.run("ezmlm-tstdig", directory(place))[0] == 0


def test_in_a_default_file_other_messages_pass(place: FilterHome) -> None:
    write(place, "num", "0:0\n")
    write(place, "dignum", f"0:0:{int(time.time())}\n")
    for action, status in (("help", 0), ("digest-subscribe", 0), ("dig.code", 99)):
        ended = place.run("ezmlm-tstdig", directory(place), LOCAL=f"list-{action}", DEFAULT=action)
        assert ended[0] == status


def test_a_hostile_message_stops_no_digest(place: FilterHome) -> None:
    """Parts in parts without an end, a header without one, bytes of all kinds."""
    deep = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(3000))
    post(place, "deep", more=deep.partition("\n\n")[0] + "\n", body=deep.partition("\n\n")[2])
    post(place, "=?utf-8?q?" + "=00" * 500 + "?=", "x" * 100_000, body="\x00\xff" * 1000 + "\r\n.\r\n--")
    write(place, "digformat", "r\n")
    began = time.monotonic()
    message = message_from_bytes(news(place, LOCAL=None).message)
    assert message.get_payload().endswith("End of list Digest\n" + "*" * 18 + "\n")
    for form in "mxvn":
        letter = ask(place, f"get{form}.1_3")
        assert letter.message.count(b"\nContent-Type: message/rfc822\n") >= 3
    assert time.monotonic() - began < 20


def test_a_digest_speaks_the_language_of_its_list(place: FilterHome) -> None:
    post(place, "")
    write(place, "ezmlmrc", "es\n")
    os.unlink(f"{directory(place)}/text/digest")
    letter = news(place, LOCAL=None)
    (subject,) = re.findall(r"^Subject: (=\?.*(?:\n .*)*)", letter.header, re.M)
    assert str(make_header(decode_header(subject))).endswith(" número 1")
    text = parts(letter)[0]
    assert "\nTemas (mensajes 1 a 1)\n\n(sin asunto)\n\t1 de: Ann\n\nAvisos:\n\nPara recibir los resúmenes:" in text
    letter = ask(place, "get.1_1")
    assert "Resumen de: get.1_1" in letter.message.decode() and "Avisos:" in letter.message.decode()
    write(place, "text/messages", "TXT_ADMINISTRIVIA:Hola\nSUB_DIGEST_OF:de <#l#>: <#1#>\n")
    assert "\nSubject: de list: get.1_1\n" in ask(place, "get.1_1").header


def test_lists_of_ezmlm_idx_7_have_digests(place: FilterHome) -> None:
    """They say neither who they are nor what their Mailing-List field is."""
    for name in ("inlocal", "inhost", "mailinglist"):
        os.unlink(f"{directory(place)}/{name}")
    post(place, "one", "two")
    assert place.run("ezmlm-tstdig", "-m1", directory(place), LOCAL="vu-list")[0] == 0
    letter = news(place, LOCAL="vu-list")
    assert b"\nMailing-List: contact list-help@h.dom; run by ezmlm\n" in b"\n" + letter.message
    receipt = letter.recipients[1].decode().partition("@")[0].removeprefix("list-digest-return-")
    write(place, "digsending", "1:1:2:2:5:5\n")
    local = f"vu-list-digest-return-{receipt}"
    place.run("ezmlm-return", "-d", directory(place), LOCAL=local, DEFAULT=receipt, SENDER="")
    assert not os.path.exists(f"{directory(place)}/digsending")
    asked = news(place, LOCAL="vu-list-get.1_2", DEFAULT="get.1_2", expected=99)
    assert bodies(asked) == ["body 1", "body 2"]
    write(place, "digestcode", "sesame\n")
    post(place, "three")
    assert bodies(news(place, LOCAL="vu-list-dig.sesame", DEFAULT="dig.sesame", expected=99)) == ["body 3"]


def test_a_digest_for_twenty_thousand_is_one_queue_entry(place: FilterHome) -> None:
    people = "".join(f"user{number}@host{number % 500}.example\n" for number in range(20_000))
    assert place.run("ezmlm-sub", directory(place), "digest", text=people.encode())[0] == 0
    post(place, *[f"s{number}" for number in range(30)])
    began = time.monotonic()
    assert len(news(place, LOCAL=None).recipients) == 20_002
    assert time.monotonic() - began < 3
