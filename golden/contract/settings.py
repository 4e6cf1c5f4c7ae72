# SPDX-License-Identifier: Apache-2.0
"""Settings with ranges: what a key may be stands in its annotation, once.

A class of settings is a frozen dataclass below :class:`Settings`; a key is one line,

    epochs: Annotated[int, Meta(ge=1, le=9, description="passes over the images")] = 3

with ``Meta`` of msgspec (a bound is part of the range for ge and le, not for gt and lt). Wrong
types and values are a UserError of one sentence, whether they come from a TOML file
(:func:`load`), a checkpoint or code; rules between keys stand in the class's ``__post_init__``
behind ``super().__post_init__()``. ``docs/reference/configuration_files.md`` and the test of all
limits are made from :func:`keys`. A key that names a place has in its ``extra`` an ``anchor``, a
function that makes a text of a file absolute by the file's folder (:func:`beside`).
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from golden.contract.errors import UserError

T = TypeVar("T", bound="Settings")
MOST_BYTES = 1 << 20  # of a configuration file
LONGEST = 60  # characters of a value that a message repeats


@dataclass(frozen=True)
class Settings:
    """Base of all settings; ``table`` is what messages call the table that a class describes."""

    table: ClassVar[str] = ""

    def __init_subclass__(cls, table: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.table = table

    def __post_init__(self) -> None:
        for name, key in keys(type(self)).items():
            value = key.checked(getattr(self, name), f"{self.table}.{name}".lstrip("."))
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Key:
    """One key of a class of settings.

    ``kind``: its type with its range, as annotated.  ``default``: its value when a file does not
    have it.  ``table``: the class of settings that it holds, None for a plain value.
    """

    kind: Any
    default: Any
    table: type[Settings] | None

    @property
    def form(self) -> inspect.Type:
        """msgspec's description of the type."""
        return inspect.type_info(self.kind)

    @property
    def meaning(self) -> str:
        """The description in the annotation."""
        found = self.form
        said = found.extra_json_schema if isinstance(found, inspect.Metadata) else None
        return (said or {}).get("description", "")

    @property
    def allowed(self) -> str:
        """The values that it may have, in words."""
        return allowed(self.form)

    def anchored(self, value: Any, folder: Path | None) -> Any:
        """``value`` as it stands in a file of ``folder``, with the place that it may name."""
        anchor = self._extra.get("anchor")
        return anchor(value, folder) if anchor and folder is not None else value

    @property
    def _extra(self) -> dict[str, Any]:
        found = self.form
        return (isinstance(found, inspect.Metadata) and found.extra) or {}

    def checked(self, value: Any, name: str) -> Any:
        """``value`` in its type (a list as tuple, a whole number as float where it is one); a
        UserError that calls it ``name`` when it is not allowed."""
        if self.table is not None:
            if getattr(value, "table", None) != self.table.table:
                raise UserError(f"{name} is {shown(value)}, it must be a table")
            return value if isinstance(value, self.table) else self.table(**vars(value))
        try:
            return msgspec.convert(value, self.kind)
        except msgspec.ValidationError:
            name, value, kind = _culprit(name, value, self.kind)
            wanted = allowed(inspect.type_info(kind))
            raise UserError(f"{name} is {shown(value)}, it must be {wanted}") from None


@cache
def keys(kind: type[Settings]) -> dict[str, Key]:
    """The keys of a class of settings by name, in order."""
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for entry in fields(kind):
        default = entry.default
        if entry.default_factory is not MISSING:
            default = entry.default_factory()
        table = type(default) if isinstance(default, Settings) else None
        found[entry.name] = Key(hints[entry.name], default, table)
    return found


def load(path: Path, kind: type[T]) -> T:
    """Read a TOML file into settings; every mistake is a UserError that names the file."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise UserError(f"the configuration file {path} is larger than {MOST_BYTES} bytes")
        table = tomllib.loads(text.decode())
    except FileNotFoundError:
        raise UserError(f"the configuration file {path} does not exist") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"the configuration file {path} cannot be read: {error}") from error
    try:
        return read(kind, table, folder=path.parent)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def beside(text: str, folder: Path) -> str:
    """A path in a file of ``folder``: relative to the file if it exists there, else as it is (what
    golden.contract.paths.of_setting makes of it)."""
    place = folder.absolute() / text
    return str(place) if text and place.exists() else text


def read(kind: type[T], table: dict[str, Any], prefix: str = "", folder: Path | None = None) -> T:
    """Settings from a table; ``prefix`` is in front of the names of its keys in messages,
    ``folder`` holds the file that the table stands in."""
    known, values = keys(kind), {}
    for name, value in table.items():
        if name not in known:
            raise UserError(f"there is no setting '{prefix}{name}'; known are {', '.join(known)}")
        key = known[name]
        if key.table is not None and isinstance(value, dict):
            value = read(key.table, value, f"{prefix}{name}.", folder)
        values[name] = key.anchored(key.checked(value, prefix + name), folder)
    return kind(**values)


def allowed(form: inspect.Type) -> str:
    """The values of a type in words: "a whole number from 1 to 64"."""
    match form:
        case inspect.Metadata():
            said = (form.extra or {}).get("allowed")
            return said or allowed(form.type)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            step = f"multiple of {form.multiple_of}" if form.multiple_of else "whole number"
            return f"a {step}{_range(form)}"
        case inspect.FloatType():
            return f"a number{_range(form)}"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType():
            return f"one of {', '.join(form.values)}"
        case inspect.VarTupleType():
            least = f" of at least {form.min_length}" if form.min_length else ""
            return f"a list{least}, each {allowed(form.item_type)}"
        case inspect.DictType():
            return f"a table, each value {allowed(form.value_type)}"
        case inspect.UnionType():
            return " or ".join(
                allowed(x) for x in form.types if not isinstance(x, inspect.NoneType)
            )
    raise TypeError(f"settings have no values of type {form}")


def _culprit(name: str, value: Any, kind: Any) -> tuple[str, Any, Any]:
    """What makes ``value`` wrong, as (its name, the value, what it should be): the value itself or
    an entry of a list or table."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    inner, entries = get_args(plain), ()
    if get_origin(plain) is tuple and isinstance(value, list | tuple):
        entries = ((f"an entry of {name}", item, inner[0]) for item in value)
    elif get_origin(plain) is dict and isinstance(value, dict):
        entries = ((f"{name}.{key}", item, inner[1]) for key, item in value.items())
    for entry in entries:
        try:
            msgspec.convert(*entry[1:])
        except msgspec.ValidationError:
            return entry
    return name, value, kind


def shown(value: Any) -> str:
    """A value as a message repeats it."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _range(form: inspect.IntType | inspect.FloatType) -> str:
    if form.ge is not None and form.le is not None:
        return f" from {form.ge} to {form.le}"
    bounds = {"above": form.gt, "at least": form.ge, "below": form.lt, "at most": form.le}
    parts = [f"{words} {bound}" for words, bound in bounds.items() if bound is not None]
    return " " + " and ".join(parts) if parts else ""
