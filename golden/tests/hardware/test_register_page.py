# SPDX-License-Identifier: Apache-2.0
"""The table of docs/reference/registers.md says what the register description says."""

import re

from golden.contract import paths
from golden.hardware.registers.register_map import Access, load

PAGE = paths.ROOT / "docs/reference/registers.md"
LINE = re.compile(r"^\| (0x\w+) \| (\w+) \| ([^|]+?) \|\s*([^|]*?)\s*\|", re.MULTILINE)
LETTERS = {Access.RO: "RO", Access.RW: "RW", Access.WO: "WO", Access.W1C: "W1C", Access.W1S: "W1S"}


def test_the_table_of_the_page():
    known = {n: r for n, r in load().items() if not n.startswith("COUNTERS")}
    found = {m[2]: (int(m[1], 16), m[3], m[4]) for m in LINE.finditer(PAGE.read_text())}
    assert list(found) == list(known)
    for name, (address, access, reset) in found.items():
        register = known[name]
        fields = register.fields
        assert address == register.address, name
        writable = {f.access for f in fields} - {Access.RO} or {Access.RO}
        letters, _, mark = access.replace(", lock", " lock").partition(" ")
        assert {letters} == {LETTERS[a] for a in writable}, name
        assert (mark == "(s)") == any(f.sampled for f in fields), name
        if reset:
            value = sum((f.reset or 0) << f.low for f in fields)
            assert int(reset.replace("_", ""), 0) == value, name
        else:
            assert name in {
                "CAP0",
                "CAP1",
                "CAP2",
                "CAP3",
                "CAP4",
                "CAP6",
                "BUS",
            }  # of the configuration
