"""mail/shapes: NamedTuple and Enum without `typing` and `enum` behave like the originals."""

from __future__ import annotations

import copy
import enum
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

from qmtwist.mail import shapes

TOP = str(Path(__file__).parents[2])
Light: Any = vars(shapes)["LightNamedTuple"]


class Letter(Light):  # type: ignore[misc]
    """A letter."""

    sender: bytes
    size: int = 0
    marks: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.size == 0


class Original(typing.NamedTuple):
    """A letter."""

    sender: bytes
    size: int = 0
    marks: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.size == 0


FORMS = pytest.mark.parametrize("form", [Letter, Original])


@FORMS
def test_fields_come_in_order_or_by_name_and_the_rest_from_the_defaults(form: Any) -> None:
    assert form(b"a", 2, (3,)) == (b"a", 2, (3,))
    assert form(marks=(1,), sender=b"a") == (b"a", 0, (1,))
    assert form(b"a").is_empty and not form(b"a", size=2).is_empty
    assert (form(b"a", 7).sender, form(b"a", 7).size, form(b"a").marks) == (b"a", 7, ())


@FORMS
@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((b"a", 1, (), 4), {}), ((b"a",), {"colour": 1}), ((b"a",), {"sender": b"b"}), ((), {"size": 1})],
)
def test_a_field_too_many_or_too_few_is_an_error(form: Any, values: tuple[object, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        form(*values, **named)


@FORMS
def test_what_tuples_with_names_can_do(form: Any) -> None:
    letter = form(b"a", 2)
    assert letter._replace(size=5) == (b"a", 5, ())
    with pytest.raises((TypeError, ValueError)):
        letter._replace(colour=5)
    assert letter._asdict() == {"sender": b"a", "size": 2, "marks": ()}
    assert form._make([b"a", 1, ()]) == (b"a", 1, ())
    with pytest.raises(TypeError):
        form._make([b"a"])
    assert repr(letter) == f"{form.__name__}(sender=b'a', size=2, marks=())"
    assert (form._fields, form._field_defaults) == (("sender", "size", "marks"), {"size": 0, "marks": ()})
    assert (form.__bases__, form.__doc__, form.__module__) == ((tuple,), "A letter.", __name__)
    with pytest.raises(AttributeError):
        letter.size = 3
    with pytest.raises(AttributeError):
        letter.colour = 3


@FORMS
def test_it_can_be_taken_apart_and_copied(form: Any) -> None:
    match form(b"a", 2):
        case form(sender, size=size):
            assert (sender, size) == (b"a", 2)
        case _:
            pytest.fail("no match")
    letter = form(b"a", 2)
    for twin in (copy.copy(letter), copy.deepcopy(letter), pickle.loads(pickle.dumps(letter))):
        assert (twin, type(twin)) == (letter, form)


@pytest.mark.parametrize("form", [Light, typing.NamedTuple])
def test_a_field_without_default_cannot_follow_one_with(form: Any) -> None:
    with pytest.raises(TypeError):
        exec("class Wrong(form):\n    size: int = 0\n    sender: bytes\n", {"form": form})


def test_a_program_gets_the_light_form_and_no_part_of_typing_with_it() -> None:
    code = (
        f"import sys; sys.path.append({TOP!r}); from qmtwist.mail import shapes; "
        "heavy = {'typing', 're', 'enum', 'functools', 'collections'} & set(sys.modules); "
        "print(shapes.NamedTuple is shapes.LightNamedTuple, sorted(heavy))"
    )
    ended = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, check=True)
    assert ended.stdout == b"True []\n"


def test_where_typing_is_loaded_already_the_original_is_used() -> None:
    assert (shapes.NamedTuple, shapes.Enum) == (typing.NamedTuple, enum.Enum)


LightEnum: Any = vars(shapes)["LightEnum"]


class Colour(LightEnum):  # type: ignore[misc]
    """A colour."""

    RED = b"r"
    BLUE = b"b"

    def shout(self) -> str:
        return self.name + "!"  # type: ignore[no-any-return]


class OriginalColour(enum.Enum):
    """A colour."""

    RED = b"r"
    BLUE = b"b"

    def shout(self) -> str:
        return self.name + "!"


@pytest.mark.parametrize("form", [Colour, OriginalColour])
def test_a_choice_is_one_of_its_members_and_knows_its_name(form: Any) -> None:
    red, blue = form
    assert (red is form.RED, form(b"b") is blue, red == blue, len(form), len({red, blue})) == (True, True, False, 2, 2)
    assert (red.name, red.value, red.shout(), repr(red)) == ("RED", b"r", "RED!", f"<{form.__name__}.RED: b'r'>")
    assert isinstance(red, form) and form.__doc__ == "A colour." and str(red) == f"{form.__name__}.RED"
    with pytest.raises(ValueError):
        form(b"x")
    for twin in (copy.copy(red), copy.deepcopy(red), pickle.loads(pickle.dumps(red))):
        assert twin is red
