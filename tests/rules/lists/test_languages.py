"""Lists speak ten languages, and say the same in each."""

from __future__ import annotations

import re
import unicodedata

import pytest

from qmtwist.rules.lists import answer, newlist
from qmtwist.rules.lists.administration import text_name
from qmtwist.rules.lists.languages import LANGUAGES, Language, code_in, language
from qmtwist.rules.lists.texts import PHRASES, TEXTS

OF = answer.List(b"list", b"h.dom", b"")
OTHERS = [code for code in LANGUAGES if code != "en"]
COLUMNS = 84
ADDRESS = re.compile(r"<#l#>([-a-z.0-9_=]*)([^\s@<>]*)@<#h#>")
EVERY = [(code, name) for code in LANGUAGES for name in TEXTS]


def addresses(text: str) -> list[str]:
    """The list's addresses that a text names, without what is a word of its language in them."""
    return sorted(found[1] if found[2] else found[1] + "!" for found in ADDRESS.finditer(text))


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def filled(speech: Language, name: str) -> str:
    return answer.fill(OF, speech.texts[name].encode(), b"ann@x.y", b"list-sc.1.abc-ann=x.y@h.dom").decode()


def test_every_language_is_there() -> None:
    assert set(LANGUAGES) >= {"en", "de", "fr", "es", "pt", "it", "nl", "sv", "pl", "ja"}
    for code in LANGUAGES:
        speech = language(code)
        assert set(speech.texts) == set(TEXTS) and set(speech.phrases) == set(PHRASES), code
    assert language("tlh") == language("en") == Language(TEXTS, PHRASES)


@pytest.mark.parametrize(("code", "name"), EVERY)
def test_a_text_says_the_same_in_every_language(code: str, name: str) -> None:
    text, english = language(code).texts[name], TEXTS[name]
    assert addresses(text) == addresses(english)
    assert re.findall(r"^!.*$", text, re.M) == re.findall(r"^!.*$", english, re.M)
    assert re.findall(r"^%%%$", text, re.M) == re.findall(r"^%%%$", english, re.M)
    assert re.findall(r"<#[^lh]#>", text) == []
    assert text.endswith("\n") and (text[-2:] == "\n\n") == (english[-2:] == "\n\n")
    assert text.startswith("\n") == english.startswith("\n")
    assert code == "en" or text != english


@pytest.mark.parametrize(("code", "name"), EVERY)
def test_nothing_is_left_to_fill_in(code: str, name: str) -> None:
    text = filled(language(code), name)
    assert "<#" not in text and not re.search(r"^!", text, re.M)
    has_target = "!A\n" in TEXTS[name]
    assert ("   ann@x.y\n" in text) == has_target
    assert ("   list-sc.1.abc-ann=x.y@h.dom\n" in text) == ("!R\n" in TEXTS[name])
    assert ("@h.dom" in text) == ("@<#h#>" in TEXTS[name] or "!R\n" in TEXTS[name])


@pytest.mark.parametrize(("code", "name"), EVERY)
def test_lines_fit_into_a_window_and_are_clean(code: str, name: str) -> None:
    text = language(code).texts[name]
    assert all(width(line) <= COLUMNS and line == line.rstrip() for line in text.split("\n"))
    assert unicodedata.is_normalized("NFC", text) and "\t" not in text and "\r" not in text


@pytest.mark.parametrize("code", LANGUAGES)
def test_subjects_in_every_language(code: str) -> None:
    phrases = language(code).phrases
    for name, phrase in phrases.items():
        assert re.findall("<#[12]#>", phrase) == re.findall("<#[12]#>", PHRASES[name]), name
        assert ("<#l#>" in phrase) >= ("<#l#>" in PHRASES[name]), name
        said = OF.fill(phrase.encode()).replace(b"<#1#>", b"top").replace(b"<#2#>", b"7").decode()
        assert "<#" not in said and said == said.strip(), name
        assert "\n" not in said or name == "TXT_TRAILER"
    trailer = phrases["TXT_TRAILER"]
    assert trailer.startswith("-- \n") and "-unsubscribe@" in trailer
    assert trailer.isascii() or code == "ja"  # so that it can be put behind any text
    subjects = [phrase for name, phrase in phrases.items() if name.startswith("SUB_")]
    assert len(set(subjects)) == len(subjects)


@pytest.mark.parametrize("code", LANGUAGES)
def test_moderators_are_told_the_subjects_that_they_get(code: str) -> None:
    speech = language(code)
    for name in ("SUB_MOD_SUBSCRIBE", "SUB_MOD_UNSUBSCRIBE", "SUB_MODERATE"):
        word = re.split(r"[ :の]", speech.phrases[name])[0]
        assert word in speech.texts["mod-help"], name


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_that_can_be_edited_is_in_the_list_of_them(code: str) -> None:
    names = re.findall(r"^([a-z_]+) {2,}\S", language(code).texts["edit-list"], re.M)
    assert {text_name(name.encode()) for name in names} == set(TEXTS) and len(names) == len(TEXTS)


@pytest.mark.parametrize("code", OTHERS)
def test_a_new_list_speaks_its_language(code: str) -> None:
    plan = newlist.Plan(b"/l", b"list", b"h.dom", b"/bin", b"s" * 32, switches=b"t", language=code)
    made = newlist.files(plan)
    assert made["ezmlmrc"] == code.encode() + b"\n" and made["charset"] == b"UTF-8\n"
    assert made["text/sub-ok"].decode() == language(code).texts["sub-ok"]
    assert not any(b"<#" in text for name, text in made.items() if name.removeprefix("text/") not in TEXTS)
    assert made["text/trailer"].decode().startswith("-- \n") and made["text/trailer"].endswith(b"@h.dom\n")


@pytest.mark.parametrize(
    ("path", "code"),
    [("de", "de"), ("/etc/ezmlm/pt_BR", "pt"), ("/usr/lib/de/ezmlm/fr/ezmlmrc", "fr"), ("default", ""), ("", "")],
)
def test_a_path_that_is_about_a_language(path: str, code: str) -> None:
    assert code_in(path) == code
