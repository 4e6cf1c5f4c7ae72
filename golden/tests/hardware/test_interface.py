# SPDX-License-Identifier: Apache-2.0
"""The generated package says what the table says: Yosys (read_slang) elaborates it and tells, for
every bit, where it comes from. That reads SystemVerilog, and knows nothing of the generator."""

import json
import random
import subprocess
import sys

import pytest

from golden.contract import paths
from golden.contract.errors import UserError
from golden.hardware import isa
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.interface import generate, packing, structs, table

pytestmark = pytest.mark.smoke

PACKAGES = [paths.ROOT / "rtl" / f"{name}.sv" for name in ("psf_pkg", "psf_control_pkg")]
YOSYS = (
    "import sys; from pyosys import libyosys as ys; d = ys.Design(); "
    "[ys.run_pass(line, d) for line in sys.argv[1:]]"
)
CHANGED = Hardware.named("4x16,acc_width=24,patch_lines=256")
DECODED = {"load_t": isa.OP_LOAD, "layer_t": isa.OP_LAYER}


def probe() -> str:
    """A module that shows every constant, and every field as bits of a descriptor or a vector."""
    ports, lines = ["input logic [1023:0] d"], []

    def show(name: str, width: int, value: str) -> None:
        ports.append(f"output logic [{width - 1}:0] {name}")
        lines.append(f"assign {name} = {value};")

    for c in table.CONSTANTS:
        show(c.name, 32, f"32'(psf_pkg::{c.sv})")
    for e in table.ENUMERATIONS:
        for code in e.codes:
            name = f"{e.prefix}_{code.name}"
            show(name, 32, f"32'(psf_pkg::{name})")
            show(f"bits_{name}", 32, f"$bits(psf_pkg::{name})")
    for name in CONFIGURATIONS:
        show(f"preset_{name}", packing.size("config_t"), f"psf_pkg::CFG_{name.upper()}")
        for p in table.PARAMETERS:
            show(f"preset_{name}_{p.name}", 32, f"psf_pkg::CFG_{name.upper()}.{p.sv}")
    lines.append(f"localparam psf_pkg::config_t Changed = {CHANGED.sv_literal()};")
    for p in table.PARAMETERS:
        show(f"changed_{p.name}", 32, f"Changed.{p.sv}")
    for s in structs.STRUCTS:
        name = f"{structs.package(s.name)}::{s.name}"
        show(f"bits_{s.name}", 32, f"$bits({name})")
        lines.append(f"{name} v_{s.name};")
        lines.append(f"assign v_{s.name} = d[{packing.size(s.name) - 1}:0];")
        for f in s.fields:
            show(f"{s.name}_{f.name}", f.bits, f"v_{s.name}.{f.name}")
    for struct, op in DECODED.items():
        decode = f"psf_pkg::to_{struct.removesuffix('_t')}(d[511:0])"
        lines += [f"psf_pkg::{struct} d_{struct};", f"assign d_{struct} = {decode};"]
        for field, (_, _, bits) in isa.FIELDS[op].items():
            show(f"decoded_{struct}_{field}", bits, f"d_{struct}.{field}")
    return f"module probe ({', '.join(ports)});\n" + "\n".join(lines) + "\nendmodule\n"


@pytest.fixture(scope="module")
def bits(tmp_path_factory) -> dict[str, list[int | str]]:
    """Port -> its bits, lowest first: the index of a bit of ``d``, or "0" or "1"."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.sv").write_text(probe())
    files = " ".join(map(str, PACKAGES))
    passes = (f"read_slang --top probe {files} probe.sv", "opt_clean", "write_json probe.json")
    subprocess.run([sys.executable, "-c", YOSYS, *passes], cwd=folder, check=True)
    ports = json.loads((folder / "probe.json").read_text())["modules"]["probe"]["ports"]
    places = {net: i for i, net in enumerate(ports["d"]["bits"])}
    return {name: [places.get(b, b) for b in port["bits"]] for name, port in ports.items()}


def constant(port: list[int | str]) -> int:
    assert set(port) <= {"0", "1"}
    return int("".join(map(str, reversed(port))), 2)


def test_constants(bits):
    for c in table.CONSTANTS:
        assert constant(bits[c.name]) == c.value, c.name
    for prefix in ("OP", "TARGET", "MODE", "ERROR"):
        names = [n for n in vars(isa) if n.startswith(f"{prefix}_")]
        assert len(names) == {"OP": 4, "TARGET": 6, "MODE": 4, "ERROR": 15}[prefix]
        for name in names:
            assert constant(bits[name]) == getattr(isa, name), name


def test_presets(bits):
    for name, hardware in CONFIGURATIONS.items():
        for p in table.PARAMETERS:
            assert constant(bits[f"preset_{name}_{p.name}"]) == getattr(hardware, p.name)
        packed = constant(bits[f"preset_{name}"])
        assert packed == packing.pack("config_t", hardware.sv_parameters())
    for p in table.PARAMETERS:
        assert constant(bits[f"changed_{p.name}"]) == getattr(CHANGED, p.name)


@pytest.mark.parametrize("struct", DECODED)
def test_bit_positions(bits, struct):
    """Every field of the descriptor comes from where software writes it."""
    fields = isa.FIELDS[DECODED[struct]]
    assert set(packing.widths(struct)) == set(fields)
    for name, (word, low, width) in fields.items():
        first = 32 * word + low
        assert bits[f"decoded_{struct}_{name}"] == list(range(first, first + width)), name


@pytest.mark.parametrize("struct", [s.name for s in structs.STRUCTS])
def test_packing(bits, struct):
    assert constant(bits[f"bits_{struct}"]) == packing.size(struct)
    vector = random.getrandbits(packing.size(struct))
    values = packing.unpack(struct, vector)
    assert packing.pack(struct, values) == vector
    for name, value in values.items():
        port = bits[f"{struct}_{name}"]
        assert sum((vector >> place & 1) << i for i, place in enumerate(port)) == value, name


def test_packing_refuses():
    with pytest.raises(ValueError, match="has no field"):
        packing.pack("job_t", {"irc": 1})
    with pytest.raises(ValueError, match="does not fit into 1 bits"):
        packing.pack("job_t", {"irq": 2})
    with pytest.raises(ValueError, match="the vector has more"):
        packing.unpack("job_t", 1 << packing.size("job_t"))


def test_nothing_is_stale():
    assert generate.stale() == []


def test_stale_files_are_named(tmp_path, monkeypatch):
    for name in (*generate.WHOLE, *generate.BLOCKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((paths.ROOT / name).read_text())
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert generate.stale() == []
    package = tmp_path / "rtl" / "psf_pkg.sv"
    package.write_text(package.read_text().replace("logic [15:0] charge", "logic [7:0] charge"))
    assert generate.stale() == ["rtl/psf_pkg.sv"]
    assert generate.write() == ["rtl/psf_pkg.sv"]
    assert package.read_text() == PACKAGES[0].read_text()


def test_blocks():
    text = "a\n# generated: one (by this)\nold\n# end generated\nb\n"
    new = generate.filled(text, {"one": lambda: "new\n"}, "file")
    assert new == text.replace("old", "new")
    with pytest.raises(UserError, match="has no block 'one'"):
        generate.filled(text, {"two": str}, "file")
    with pytest.raises(UserError, match="restore the lines that mark them"):
        generate.filled(text, {"one": str, "two": str}, "file")
