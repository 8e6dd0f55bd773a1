"""Many messages as one: in all forms, for those who may have them."""

from __future__ import annotations

import os
import re
import time
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.readinglist import ask, bodies, directory, news, parts, post, reading_list, write

TOP = "This is the program"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return reading_list(tmp_path)


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
