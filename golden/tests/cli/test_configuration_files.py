# SPDX-License-Identifier: Apache-2.0
"""Every key of every configuration file, at its limits and beyond them; the cases are made from the
classes that read the files, so a new key is tested without a line here."""

import math
import re
from dataclasses import dataclass

import pytest
from msgspec import inspect

from golden.cli.configuration_files import FILES, PAGE, page, tables_of
from golden.cli.sweep.config import to_toml
from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.settings import keys, load, read


@dataclass(frozen=True)
class Case:
    """A value of one key; good: the key may have it (a rule between keys may still refuse)."""

    table: str
    key: str
    value: object
    good: bool
    allowed: str = ""

    def __str__(self):
        return f"{self.table}.{self.key}={self.value!r}"[:60]


def values(form):
    """(value, whether it is allowed) at the limits of a type, beyond them, and of other types."""
    match form:
        case inspect.Metadata():
            yield from values(form.type)
        case inspect.BoolType():
            yield from ((True, True), (False, True), (1, False), ("true", False))
        case inspect.IntType():
            step = form.multiple_of or 1
            assert form.ge is not None and form.le is not None, "a number without limits"
            yield from ((form.ge, True), (form.le, True))
            yield from ((form.ge - step, False), (form.le + step, False))
            yield from ((form.ge + 0.5, False), (str(form.ge), False), (True, False))
            if step > 1:
                yield form.ge + 1, False
        case inspect.FloatType():
            assert form.ge is not None or form.gt is not None, "a number without a lower limit"
            for limit, inside, away in (
                (form.ge, True, -math.inf), (form.le, True, math.inf),
                (form.gt, False, math.inf), (form.lt, False, -math.inf),
            ):  # fmt: skip
                if limit is not None:
                    limit = float(limit)
                    yield limit, inside
                    yield math.nextafter(limit, away), not inside
            yield from ((math.nan, False), ("0.5", False), (True, False))
            if form.le is not None or form.lt is not None:
                yield math.inf, False
        case inspect.StrType():
            yield from ((3, False), ([], False))
            if form.pattern:
                yield from (("mine.py:method", True), ("nothing", False))
        case inspect.LiteralType():
            yield from ((value, True) for value in form.values)
            yield from (("nothing", False), (1, False))
        case inspect.VarTupleType():
            yield [], not form.min_length
            yield from (([v], good) for v, good in values(form.item_type))
            yield "text", False
        case inspect.DictType():
            yield {}, True
            yield from (({"q": v}, good) for v, good in values(form.value_type))
            yield [], False
        case inspect.UnionType():
            yield from values(form.types[0])
        case _:
            raise TypeError(f"no cases for {form}")


def cases(kind):
    for table, owner in tables_of(kind):
        for name, key in keys(owner).items():
            if key.table is None:
                yield from (Case(table, name, v, good, key.allowed) for v, good in values(key.form))
            else:
                yield Case(table, name, 3, False)
                yield Case(f"{table}.{name}".lstrip("."), "colour", "red", False)


@pytest.mark.parametrize("kind", [k for k, _ in FILES.values()], ids=lambda k: k.__name__)
def test_every_key_at_and_beyond_its_limits(kind, tmp_path):
    """A value outside is one sentence with file, key, value and range. A value inside is read as it
    is, or a rule between keys refuses it."""
    path, wrong, seen = tmp_path / "a b.toml", [], 0
    for case in cases(kind):
        inner = {case.key: case.value}
        for part in reversed(case.table.split(".") if case.table else []):
            inner = {part: inner}
        path.write_text(to_toml(inner), encoding="utf-8")
        name = f"{case.table}.{case.key}".lstrip(".")
        try:
            found, said = load(path, kind), ""
        except UserError as error:
            said = str(error)
        begins = said.startswith(f"{path}: ") and "\n" not in said
        if case.key == "colour":
            fine = begins and f": there is no setting '{name}'; known are " in said
        elif not case.good:
            own = rf": (an entry of )?{re.escape(name)}(\.q)? is .+, it must be ."
            fine = begins and re.search(own, said)
        elif said:
            fine = begins and case.allowed not in said
        else:
            for part in name.split("."):
                found = getattr(found, part)
            given = tuple(case.value) if isinstance(case.value, list) else case.value
            fine = found == given
        seen += 1
        if not fine:
            wrong.append(f"{case}: {said or 'read'}")
    assert not wrong, "\n".join(wrong)
    assert seen > 10


def test_sizes_of_the_integer_network():
    """The same for sizes that come from a checkpoint or the command line."""
    for name, key in keys(NetworkConfig).items():
        for value, good in values(key.form):
            if not good:
                with pytest.raises(UserError, match=rf"network\.{name} is .*, it must be "):
                    NetworkConfig(**{name: value})
    assert NetworkConfig(pooled_stages=[1, 2]).pooled_stages == (1, 2)
    with pytest.raises(UserError, match="each stage once"):
        NetworkConfig(pooled_stages=(3, 3))


def test_all_files_of_the_project_are_read():
    """Each by the class of one command at least, and each command has a file."""
    kinds = {kind for kind, _ in FILES.values()}
    read_by = set()
    for path in sorted(paths.CONFIGS.rglob("*.toml")):
        fitting = set()
        for kind in kinds:
            try:
                load(path, kind)
            except UserError:
                continue
            fitting.add(kind)
        assert fitting, path
        read_by |= fitting
    assert read_by == kinds


def test_every_key_has_a_meaning():
    for kind, _ in FILES.values():
        for table, owner in tables_of(kind):
            for name, key in keys(owner).items():
                assert key.table or key.meaning, f"{table}.{name}"


def test_page_is_as_it_would_be_made():
    assert PAGE.read_text() == page()


def test_long_values_are_cut():
    with pytest.raises(UserError, match=r"is 'x{50,60} \.\.\., it must be") as error:
        read(FILES["psf train"][0], {"train": {"device": "x" * 1000}})
    assert len(str(error.value)) < 200
