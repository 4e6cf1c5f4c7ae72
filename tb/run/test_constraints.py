# SPDX-License-Identifier: Apache-2.0
"""The constraints of psf_top name ports that it has, and all that they should; the Tcl that makes
an IP-XACT core names files that there are. OpenSTA reads the SDC where it is installed.
"""

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tb.run.sources import ROOT
from tb.run.test_packaging import core_files

FOLDER = ROOT / "constraints"
PORT = re.compile(r"^    (input|output) +logic (\[[^\]]+\])? *(\w+)", re.MULTILINE)
PORTS = {
    n: (way, bits or "") for way, bits, n in PORT.findall((ROOT / "rtl/psf_top.sv").read_text())
}
CONSTANT = (
    "m_axi_a?id m_axi_a?size m_axi_a?burst m_axi_a?lock m_axi_a?cache m_axi_a?prot m_axi_wstrb"
)


def ports(text: str) -> list[tuple[str, list[str]]]:
    """The lines of a file of constraints that name ports: (command, patterns)."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [(line, re.findall(r"\[get_ports (?:\{([^}]*)\}|(\S+))\]", line)) for line in lines]
    return [(line, " ".join(a or b for a, b in named).split()) for line, named in found if named]


def matched(pattern: str) -> set[str]:
    """The ports, or buses, that a pattern names."""
    name = pattern.replace("[*]", "*")
    bus = "*" in name
    return {p for p, (_, bits) in PORTS.items() if p == name.rstrip("*") and bool(bits) == bus}


def test_ports_are_read():
    assert len(PORTS) == 55 and PORTS["clk_i"] == ("input", "")
    assert PORTS["m_axi_araddr"] == ("output", "[AxiAddrWidth-1:0]")


@pytest.mark.parametrize("name", sorted(p.name for p in FOLDER.glob("*.[sx]dc")))
def test_every_port_exists(name):
    """A bus is named as one (``*``), a single signal is not."""
    named = [pattern for _, found in ports((FOLDER / name).read_text()) for pattern in found]
    assert named
    for pattern in named:
        assert len(matched(pattern)) == 1, pattern


def test_lpf():
    named = re.findall(
        r'^FREQUENCY PORT "(\w+)" [\d.]+ MHZ;$', (FOLDER / "psf.lpf").read_text(), re.M
    )
    assert named == ["clk_i"]


def test_every_port_is_constrained():
    """In the SDC: inputs and outputs by their delay, constants by a false path; in the XDC, too."""
    delayed: dict[str, set[str]] = {"set_input_delay": set(), "set_output_delay": set()}
    false = set()
    for line, found in ports((FOLDER / "psf.sdc").read_text()):
        names = {name for pattern in found for name in matched(pattern)}
        if line.startswith("set_false_path -to"):
            false |= names
        elif not line.startswith("create_clock"):
            delayed[line.split()[0]] |= names
    constant = {n for n in PORTS for p in CONSTANT.split() if fnmatch.fnmatch(n, p)}
    assert false == constant
    inputs = {n for n, (way, _) in PORTS.items() if way == "input"}
    assert delayed["set_input_delay"] == inputs - {"clk_i"}
    assert delayed["set_output_delay"] >= PORTS.keys() - inputs - constant
    ((_, found),) = ports((FOLDER / "psf.xdc").read_text())
    assert {name for pattern in found for name in matched(pattern)} == constant


def test_a_port_that_is_not_there_is_noticed():
    assert not matched("m_axi_arqos*") and not matched("m_axi_araddr") and not matched("clk_i*")


def test_opensta_reads_it(tmp_path):
    """On an empty block with the ports of psf_top: no warning, and every input has a delay."""
    if not shutil.which("sta"):
        pytest.skip("OpenSTA is not installed (apt-get install opensta; `make synth` does it, too)")
    lines = []
    for name, (way, bits) in PORTS.items():
        lines.append(f"{way} {'[3:0] ' if bits else ''}{name}")
    (tmp_path / "top.v").write_text(f"module psf_top ({', '.join(PORTS)});\n" + "".join(
        f"  {line};\n" for line in lines) + "endmodule\n")  # fmt: skip
    (tmp_path / "run.tcl").write_text(
        f"read_verilog top.v\nlink_design psf_top\nset psf_period 8.0\n"
        f'source {FOLDER / "psf.sdc"}\nputs "period [get_property [get_clocks psf_clk] period]"\n'
    )
    done = subprocess.run(
        ["sta", "-no_splash", "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "period 8" in said and "Warning" not in said and "Error" not in said, said


STUBS = """
proc unknown {args} { lappend ::calls $args; return stub }
proc puts {args} {}
proc close_project {} {}
"""


def test_vivado_script_names_the_files_of_the_core():
    """Run by Tcl with every command of Vivado replaced by one that only notes it."""
    tcl = pytest.importorskip("tkinter").Tcl()
    tcl.eval(STUBS)
    tcl.eval(f"set argv {{}}; source {{{FOLDER / 'package_ip.tcl'}}}")
    calls = [tcl.splitlist(call) for call in tcl.splitlist(tcl.eval("set calls"))]
    added = [tcl.splitlist(call[-1]) for call in calls if call[0] == "add_files"]
    names = [Path(name).relative_to(ROOT).as_posix() for files in added for name in files]
    assert sorted(names) == sorted(
        [*core_files(), "constraints/psf.xdc", "constraints/psf_ooc.xdc"]
    )
    assert all((ROOT / name).is_file() for name in names)
    given = {call[1]: call[2] for call in calls if call[0] == "set_property" and len(call) > 3}
    assert given["top"] == "psf_top" and given["version"] == "0.4" and given["range"] == "4096"
    kinds = {call[1] for call in calls if call[0] == "ipx::infer_bus_interface"}
    assert kinds <= PORTS.keys() and len(kinds) == 3
