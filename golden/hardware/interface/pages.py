# SPDX-License-Identifier: Apache-2.0
"""The generated tables of ``docs/reference/formats.md``."""

from collections.abc import Iterable, Sequence

from golden.hardware.interface import table
from golden.hardware.interface.kinds import Descriptor, Enumeration, Parameter, Record


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n" + "".join(f"| {' | '.join(_cell(c) for c in line)} |\n" for line in lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|")


def parameters() -> str:
    """The parameters and their presets."""

    def limits(p: Parameter) -> str:
        parts = [f"{p.low} to {p.high}", "a power of two" if p.power_of_two else "", p.condition]
        return ", ".join(filter(None, parts))

    return _table(
        ("SystemVerilog", "Python", "meaning", "range", *table.PRESETS),
        (
            (f"`{p.sv}`", f"`{p.name}`", p.meaning, limits(p), *p.presets.values())
            for p in table.PARAMETERS
        ),
    )


def constants() -> str:
    """What every configuration shares."""
    rows = ((f"`{c.sv}`", f"`{c.name}`", c.value, c.meaning) for c in table.CONSTANTS)
    return _table(("SystemVerilog", "Python", "value", "meaning"), rows)


def _codes(e: Enumeration) -> str:
    rows = ((c.value, f"`{e.prefix}_{c.name}`", c.meaning) for c in e.codes)
    return _table(("code", "name", "meaning"), rows)


def opcodes() -> str:
    """The four kinds of descriptors."""
    return _codes(table.OPCODES)


def modes() -> str:
    """Layer modes."""
    return _codes(table.MODES)


def _fields(d: Descriptor) -> str:
    rows = []
    for f in sorted(d.fields, key=lambda f: (f.word, f.low)):
        high = f.low + f.bits - 1
        bits = f"{high}:{f.low}" if f.bits > 1 else str(f.low)
        rows.append((f.word, bits, f"`{f.name}`", f.meaning))
    return _table(("word", "bits", "field", "meaning"), rows)


def load() -> str:
    """Fields of OP_LOAD."""
    return _fields(table.LOAD)


def layer() -> str:
    """Fields of OP_LAYER."""
    return _fields(table.LAYER)


def store() -> str:
    """Fields of OP_STORE."""
    return _fields(table.STORE)


def _records(records: Iterable[Record], last: str) -> str:
    targets = {c.name: c for c in table.TARGETS.codes}
    rows = []
    for r in records:
        code = targets[r.target]
        name = f"`{table.TARGETS.prefix}_{code.name}`"
        rows.append((code.value, name, code.meaning, r.contents, r.place))
    return _table(("code", "target", "memory", "record i in DRAM", last), rows)


def records() -> str:
    """Load targets and their records."""
    return _records(table.RECORDS, "goes to")


def coded() -> str:
    """Coded records."""
    return _records(table.CODED_RECORDS, "means")


def causes() -> str:
    """Error causes."""
    rows = (
        (
            c.value,
            c.name,
            c.meaning,
            f"`{c.found_by}`" if c.found_by.startswith("psf_") else c.found_by,
            "the bus address" if c.address else "0",
        )
        for c in table.CAUSES.codes
        if c.value
    )
    return _table(("cause", "name", "what happened", "found by", "ERROR_ADDR"), rows)


def counters() -> str:
    """The counters of a layer."""
    rows = ((i, f"`{c.name}`", c.meaning) for i, c in enumerate(table.COUNTERS))
    return _table(("number", "name", "counts"), rows)


def features() -> str:
    """Feature bits of CAP5."""
    rows = ((16 + i, f"`{name}`", meaning) for i, (name, meaning) in enumerate(table.FEATURES))
    return _table(("bit of CAP5", "name", "meaning"), rows)


BLOCKS = {
    block.__name__: block
    for block in (
        parameters, constants, opcodes, load, layer, store, modes, records, coded, causes,
        counters, features,
    )
}  # fmt: skip
