"""The texts of lists in other languages than English, each a module that is imported when a list wants it."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "sv")
"""By their codes (ISO 639-1)."""
ENGLISH = "en"


class Language(NamedTuple):
    """The texts of a list, and what is said in subjects."""

    texts: dict[str, str]
    phrases: dict[str, str]


def language(code: str) -> Language:
    """The texts in a language of `LANGUAGES`; in English for any other.

    >>> language("de").phrases["SUB_WELCOME"], language("xx").phrases["SUB_WELCOME"]
    ('Willkommen auf der Liste <#l#>@<#h#>', 'WELCOME to <#l#>@<#h#>')
    """
    place = "texts" if code not in LANGUAGES or code == ENGLISH else "languages." + code
    module = __import__("qmtwist.rules.lists." + place, fromlist=["TEXTS"])
    return Language(module.TEXTS, module.PHRASES)


def code_in(path: str) -> str:
    """The language that a path is about, such as that of ezmlm-idx's file which made a list; empty for none.

    >>> code_in("/etc/ezmlm/de/ezmlmrc"), code_in("pt_BR"), code_in("/etc/ezmlm/default/ezmlmrc")
    ('de', 'pt', '')
    """
    for part in reversed(path.strip().split("/")):
        code = part.replace("-", "_").partition("_")[0].lower()
        if code in LANGUAGES:
            return code
    return ""
