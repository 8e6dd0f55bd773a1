"""NamedTuple, Enum, Protocol and the types of collections.abc, without what importing `typing` and `enum` costs.

Importing `typing` takes a program longer than starting Python does, `enum` half of that: they bring re, functools and
collections along (`bench/cli.py` has the figures). Programs that run once per message cannot pay that, so every room
below `services` takes these names from here. Type checkers see the originals.

Where `typing` is loaded already, as in the server, NamedTuple and Enum are the originals at run time as well.
Elsewhere they are forms that behave alike and are made without compiling anything.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # every checker takes a name like this for true

__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Awaitable",
    "Callable",
    "ClassVar",
    "Collection",
    "Container",
    "Enum",
    "Final",
    "Generator",
    "Iterable",
    "Iterator",
    "Mapping",
    "MutableMapping",
    "NamedTuple",
    "NoReturn",
    "Protocol",
    "Sequence",
    "Set",
    "Sized",
    "assert_never",
    "cast",
    "deque",
]

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import (
        Awaitable,
        Callable,
        Collection,
        Container,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        MutableMapping,
        Sequence,
        Set,
        Sized,
    )
    from enum import Enum
    from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Protocol, assert_never, cast
else:
    from _collections import _tuplegetter, deque

    # `os` has loaded this one; collections.abc would load the rest of collections for the same classes
    from _collections_abc import (
        Awaitable,
        Callable,
        Collection,
        Container,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        MutableMapping,
        Sequence,
        Set,
        Sized,
    )

    Any = ClassVar = Final = NoReturn = object  # annotations are not evaluated

    class Protocol:
        """A seam; who has its methods need not know it."""

    def cast(kind, value):
        """The value: what the checker is told about it is nothing to do."""
        return value

    def assert_never(value):
        """A case that the checker has shown not to come."""
        raise AssertionError(f"unexpected {value!r}")

    def _new(cls, /, *values, **named):
        """A tuple of the fields: in their order or by name, the rest from the defaults."""
        count = len(values)
        if named or count != len(cls._fields):
            values += tuple([_field(cls, name, named) for name in cls._fields[count:]])
            if named or len(values) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {cls._fields}, not {list(named) or count}")
        return tuple.__new__(cls, values)

    def _field(cls, name, named):
        if name in named:
            return named.pop(name)
        if name in cls._field_defaults:
            return cls._field_defaults[name]
        raise TypeError(f"{cls.__name__} needs {name}")

    def _make(cls, values):
        """One from all its fields in order."""
        result = tuple.__new__(cls, values)
        if len(result) != len(cls._fields):
            raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(result)}")
        return result

    def _replace(self, /, **named):
        """A copy with some fields changed."""
        result = self._make([named.pop(name, value) for name, value in zip(self._fields, self, strict=True)])
        if named:
            raise ValueError(f"{type(self).__name__} has no {list(named)}")
        return result

    def _asdict(self):
        """Field names to values."""
        return dict(zip(self._fields, self, strict=True))

    def _repr(self):
        shown = [f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _getnewargs(self):
        return tuple(self)

    class _Maker(type):
        """Makes of `class X(NamedTuple)` a tuple with names."""

        def __new__(cls, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body.pop(field) for field in fields if field in body}
            missing = fields[: len(fields) - len(defaults)]
            if list(defaults) != list(fields[len(missing) :]):
                raise TypeError(f"{name}: a field without default follows one with")
            made = {field: _tuplegetter(place, "") for place, field in enumerate(fields)}
            made |= {
                "__slots__": (),
                "__new__": _new,
                "__repr__": _repr,
                "__getnewargs__": _getnewargs,
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
                "_make": classmethod(_make),
                "_replace": _replace,
                "_asdict": _asdict,
            }
            return type(name, (tuple,), made | body)

    class _Choices(type):
        """Makes of the plain values in `class X(Enum)` its members."""

        def __new__(cls, name, bases, body):
            values = {key: value for key, value in body.items() if key[:1] != "_" and not hasattr(value, "__get__")}
            made = type.__new__(cls, name, bases, {key: value for key, value in body.items() if key not in values})
            made._members = {}
            for key, value in values.items():
                member = object.__new__(made)
                member.name, member.value = key, value
                made._members[value] = member
                setattr(made, key, member)
            return made

        def __call__(cls, value):
            """The member with this value.

            :raises ValueError: none has it.
            """
            if value not in cls._members:
                raise ValueError(f"{value!r} is not a valid {cls.__name__}")
            return cls._members[value]

        def __iter__(cls):
            return iter(cls._members.values())

        def __len__(cls):
            return len(cls._members)

    class LightEnum(metaclass=_Choices):
        """A closed set of named values."""

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __str__(self):
            return f"{type(self).__name__}.{self.name}"

        def __copy__(self):
            return self

        def __deepcopy__(self, memo):
            return self

        def __reduce_ex__(self, protocol):
            return type(self), (self.value,)

    LightNamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
    if "typing" in sys.modules:
        from enum import Enum
        from typing import NamedTuple
    else:
        Enum, NamedTuple = LightEnum, LightNamedTuple
