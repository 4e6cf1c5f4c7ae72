# SPDX-License-Identifier: Apache-2.0
"""The netlist of the board (synth_ecp5's ``flat.json``) for its simulation.

A netlist of 60,000 cells as Verilog takes Verilator and the compiler hours. So its cells become a
table that soc/models/netlist.cpp works on, and only what is at the pins (PLL, pins in both
directions, the register of the clock's pin) stays Verilog. What a cell does is defined by Yosys:
cells_sim.v for logic, brams_map_16kd.v and dsp_map_18x18.v for the others.

Lines of the table, nets as numbers, 0 and 1 constant: ``nets N``; ``lut out a b c d table level``;
``ff q d ce lsr inverted_ce async set``; ``ram`` (distributed: luts of its outputs, data, address,
enable); ``bram``; ``mul``; ``in`` and ``out``: nets of the shell, lowest bit first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from golden.contract.errors import RunFailed

ENGINE = Path(__file__).parent / "models" / "netlist.cpp"
SHELL = ("EHXPLLL", "ODDRX1F", "TRELLIS_IO")
INOUT = "sdram_dq"  # LiteX declares it as an input, which nextpnr does not mind
_WIDTHS = {1, 2, 4, 9, 18, 36}


def number(text: str) -> int:
    """A parameter; what is undefined is 0."""
    return int(text.replace("x", "0").replace("z", "0") or "0", 2)


class Table:
    """The netlist of the module ``top``, read into lines."""

    def __init__(self, path: Path, top: str) -> None:
        self.module = json.loads(path.read_text())["modules"][top]
        self._nets: dict[int, int] = {}
        self.count = 2
        self.luts: list[tuple[int, tuple[int, ...], int]] = []
        self.lines: list[str] = []
        self.multipliers: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.shell: dict[str, dict] = {}
        clocks: set[int] = set()
        for name, cell in self.module["cells"].items():
            kind = cell["type"]
            if kind in SHELL:
                self.shell[name] = cell
            elif kind != "$scopeinfo":
                read = getattr(self, f"_{kind.lower()}", None)
                if read is None:
                    raise RunFailed(f"a cell {kind} has no model in soc/netlist.py")
                read(cell["parameters"], cell["connections"])
                clocks |= {
                    self.net(cell["connections"][pin])
                    for pin in ("CLK", "WCK", "CLKA", "CLKB")
                    if pin in cell["connections"]
                }
        clocks -= {0, 1}
        if len(clocks) != 1:
            raise RunFailed(f"the netlist has {len(clocks)} clocks; its simulation knows one")
        self.clock = clocks.pop()

    def new(self) -> int:
        """A net more."""
        self.count += 1
        return self.count - 1

    def net(self, bits: Sequence[int | str] | int | str) -> int:
        """The number of a net of the netlist."""
        bit = bits if isinstance(bits, int | str) else bits[0] if bits else "0"
        if isinstance(bit, str):
            return int(bit == "1")
        if bit not in self._nets:
            self._nets[bit] = self.new()
        return self._nets[bit]

    def lut(self, out: int, inputs: Sequence[int], function: Callable[..., int]) -> None:
        """A function of nets, without those that are constant; at most 4 remain."""
        free = tuple(dict.fromkeys(net for net in inputs if net > 1))
        if len(free) > 4:
            raise ValueError(f"{len(free)} inputs of a LUT")
        table = 0
        for i in range(16):
            values = {0: 0, 1: 1} | {net: i >> k & 1 for k, net in enumerate(free)}
            table |= (function(*(values[net] for net in inputs)) & 1) << i
        self.luts.append((out, free + (0,) * (4 - len(free)), table))

    def _lut4(self, parameters: dict, pins: dict) -> None:
        init = number(parameters["INIT"])
        inputs = [self.net(pins[pin]) for pin in "ABCD"]
        self.lut(
            self.net(pins["Z"]), inputs, lambda a, b, c, d: init >> (a + 2 * b + 4 * c + 8 * d)
        )

    def _mux(self, pins: dict, low: str, high: str, select: str) -> None:
        inputs = [self.net(pins[pin]) for pin in (low, high, select)]
        self.lut(self.net(pins["Z"]), inputs, lambda a, b, s: b if s else a)

    def _pfumx(self, _: dict, pins: dict) -> None:
        self._mux(pins, "BLUT", "ALUT", "C0")

    def _l6mux21(self, _: dict, pins: dict) -> None:
        self._mux(pins, "D0", "D1", "SD")

    def _ccu2c(self, parameters: dict, pins: dict) -> None:
        carry = self.net(pins["CIN"])
        for half in "01":
            init = number(parameters[f"INIT{half}"])
            if parameters[f"INJECT1_{half}"] != "NO":
                raise RunFailed("CCU2C with INJECT1 has no model in soc/netlist.py")
            inputs = [self.net(pins[pin + half]) for pin in "ABCD"]
            four, two = self.new(), self.new()
            self.lut(four, inputs, lambda a, b, c, d, t=init: t >> (a + 2 * b + 4 * c + 8 * d))
            self.lut(two, inputs[:2], lambda a, b, t=init: t >> (a + 2 * b))
            if pins.get(f"S{half}"):
                self.lut(self.net(pins[f"S{half}"]), [four, carry], lambda x, y: x ^ y)
            out = self.net(pins["COUT"]) if half == "1" and pins["COUT"] else self.new()
            self.lut(out, [four, two, carry], lambda x, y, z: z if x else y)
            carry = out

    def _trellis_ff(self, parameters: dict, pins: dict) -> None:
        enable = parameters.get("CEMUX", "1").strip()
        if parameters.get("CLKMUX", "CLK") != "CLK" or parameters.get("LSRMUX", "LSR") != "LSR":
            raise RunFailed("TRELLIS_FF with an inverted clock or reset has no model")
        ce = {"1": 1, "0": 0}.get(enable)
        if ce is None:
            ce = self.net(pins["CE"])
        values = (
            self.net(pins["Q"]), self.net(pins["DI"]), ce, self.net(pins.get("LSR", "0")),
            enable == "INV", parameters.get("SRMODE") == "ASYNC",
            parameters.get("REGSET") == "SET",
        )  # fmt: skip
        self._line("ff", values)

    def _trellis_dpr16x4(self, parameters: dict, pins: dict) -> None:
        if parameters.get("WCKMUX", "WCK") != "WCK" or parameters.get("WREMUX", "WRE") != "WRE":
            raise RunFailed("TRELLIS_DPR16X4 with an inverted pin has no model")
        init = number(parameters["INITVAL"])
        address = tuple(self.net(bit) for bit in pins["RAD"])
        first = len(self.luts)
        for i, bit in enumerate(pins["DO"]):
            table = sum((init >> (4 * word + i) & 1) << word for word in range(16))
            self.luts.append((self.net(bit), address, table))
        values = [first, *map(self.net, [*pins["DI"], *pins["WAD"], *pins["WRE"]])]
        self._line("ram", values)

    def _dp16kd(self, parameters: dict, pins: dict) -> None:
        widths = [number(parameters[f"DATA_WIDTH_{port}"]) for port in "AB"]
        known = {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG", "CSDECODE_A": "0b000",
                 "CSDECODE_B": "0b000", "CLKAMUX": "CLKA", "CLKBMUX": "CLKB"}  # fmt: skip
        low = [pin + port for port in "AB" for pin in ("RST", "CS0", "CS1", "CS2")]
        low = [f"CS{p[-1]}{p[2]}" if p.startswith("CS") else p for p in low]
        if (
            not set(widths) <= _WIDTHS
            or any(parameters[name] != value for name, value in known.items())
            or any(self.net(pins.get(pin, "0")) != 0 for pin in low)
        ):
            raise RunFailed("a mode of DP16KD has no model in soc/netlist.py")
        values = list(widths)
        for port in "AB":
            mode = parameters.get(f"WRITEMODE_{port}", "NORMAL")
            values.append(["NORMAL", "WRITETHROUGH", "READBEFOREWRITE"].index(mode))
        for port in "AB":
            wanted = [f"CE{port}", f"WE{port}", *(f"AD{port}{i}" for i in range(14))]
            wanted += [f"DI{port}{i}" for i in range(18)]
            values += [self.net(pins.get(pin, "0")) for pin in wanted]
        values += [self._output(pins, f"DO{port}{i}") for port in "AB" for i in range(18)]
        for i in range(64):
            word = number(parameters[f"INITVAL_{i:02X}"])
            values += [word >> (20 * j + 9 * k) & 511 for j in range(16) for k in range(2)]
        self._line("bram", values)

    def _mult18x18d(self, parameters: dict, pins: dict) -> None:
        if any(parameters.get(f"REG_{name}_CLK", "NONE") != "NONE"
               for name in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")):  # fmt: skip
            raise RunFailed("MULT18X18D with registers has no model in soc/netlist.py")
        wanted = [f"{x}{i}" for x in "AB" for i in range(18)] + ["SIGNEDA", "SIGNEDB"]
        inputs = tuple(self.net(pins[pin]) for pin in wanted)
        self.multipliers.append((tuple(self._output(pins, f"P{i}") for i in range(36)), inputs))

    def _output(self, pins: dict, pin: str) -> int:
        return self.net(pins[pin]) if pins.get(pin) else self.new()

    def _line(self, word: str, values: Iterable[int]) -> None:
        self.lines.append(" ".join([word, *map(str, map(int, values))]))

    def levels(self) -> tuple[list[int], list[int]]:
        """Of every LUT and of every multiplier: behind how many others it is at most.

        Raises:
            RunFailed: there is a loop.
        """
        nodes = [((out,), inputs) for out, inputs, _ in self.luts] + self.multipliers
        driver = {net: i for i, (outs, _) in enumerate(nodes) for net in outs}
        users: list[list[int]] = [[] for _ in nodes]
        waits = [0] * len(nodes)
        for i, (_, inputs) in enumerate(nodes):
            for net in set(inputs) & driver.keys():
                users[driver[net]].append(i)
                waits[i] += 1
        level = [0] * len(nodes)
        ready = [i for i, count in enumerate(waits) if not count]
        for i in ready:
            for user in users[i]:
                level[user] = max(level[user], level[i] + 1)
                waits[user] -= 1
                if not waits[user]:
                    ready.append(user)
        if len(ready) != len(nodes):
            raise RunFailed("the netlist has a combinational loop")
        return level[: len(self.luts)], level[len(self.luts) :]

    def ends(self) -> tuple[list[int], list[int]]:
        """Bits of the netlist that go from the shell to the table, and the other way."""
        driven, used = set(), set()
        for name, port in self.module["ports"].items():
            bits = {bit for bit in port["bits"] if isinstance(bit, int)}
            if name != INOUT:
                (driven if port["direction"] == "input" else used).update(bits)
        for cell in self.shell.values():
            for pin, bits in cell["connections"].items():
                outputs = pin in ("O", "Q", "LOCK") or pin.startswith("CLKO")
                if pin != "B":
                    (driven if outputs else used).update(b for b in bits if isinstance(b, int))
        clock = {bit for bit, net in self._nets.items() if net == self.clock}
        inputs = sorted((driven & self._nets.keys()) - clock)
        return inputs, sorted((used & self._nets.keys()) - driven)

    def text(self) -> str:
        """The table."""
        luts, multipliers = self.levels()
        inputs, outputs = self.ends()
        lines = [f"nets {self.count}"]
        for (out, pins, table), level in zip(self.luts, luts, strict=True):
            lines.append(" ".join(map(str, ("lut", out, *pins, table, level))))
        lines += self.lines
        for (outs, pins), level in zip(self.multipliers, multipliers, strict=True):
            lines.append(" ".join(map(str, ("mul", *outs, *pins, level))))
        for word, bits in (("in", inputs), ("out", outputs)):
            lines.append(" ".join(map(str, (word, len(bits), *map(self.net, bits)))))
        return "\n".join(lines) + "\nend\n"

    def verilog(self, top: str) -> str:
        """The shell: the module with its cells at the pins, everything else behind DPI."""
        inputs, outputs = self.ends()
        clock = next(bit for bit, net in self._nets.items() if net == self.clock)
        ports, lines, wires = [], [], set()
        for name, port in self.module["ports"].items():
            way = "inout" if name == INOUT else port["direction"]
            ports.append(f"  {way} wire [{len(port['bits']) - 1}:0] {name}")
            for i, bit in enumerate(port["bits"]):
                if name == INOUT:
                    continue
                value = f"n{bit}" if isinstance(bit, int) else f"1'b{int(bit == '1')}"
                here = f"{name}[{i}]"
                left, right = (value, here) if way == "input" else (here, value)
                lines.append(f"  assign {left} = {right};")
                wires |= {bit} if isinstance(bit, int) else set()
        both = self.module["ports"].get(INOUT, {"bits": []})["bits"]
        pads = {bit: f"{INOUT}[{i}]" for i, bit in enumerate(both)}
        for i, cell in enumerate(self.shell.values()):
            values = [
                f".{name}({len(v)}'b{v})" if set(v) <= set("01") else f'.{name}("{v.strip()}")'
                for name, v in cell["parameters"].items()
            ]
            pins = []
            for pin, (bit,) in ((p, b) for p, b in cell["connections"].items() if b):
                known = isinstance(bit, int)
                value = pads.get(bit, f"n{bit}") if known else f"1'b{int(bit == '1')}"
                pins.append(f".{pin}({value})")
                wires |= {bit} if known and bit not in pads else set()
            parameters = f"#({', '.join(values)}) " if values else ""
            lines.append(f"  {cell['type']} {parameters}u_{i} ({', '.join(pins)});")
        lines.append(f"  assign sent = {{{', '.join(f'n{bit}' for bit in reversed(inputs))}}};")
        lines += [f"  assign n{bit} = got[{i}];" for i, bit in enumerate(outputs)]
        wires |= {*inputs, *outputs, clock}
        sent, got = f"bit [{len(inputs) - 1}:0]", f"bit [{len(outputs) - 1}:0]"
        return "\n".join([
            f"module {top} (", ",\n".join(ports), ");",
            f'  import "DPI-C" function void psf_netlist_set(input {sent} sent, output {got} got);',
            f'  import "DPI-C" function void psf_netlist_edge(output {got} got);',
            *(f"  wire n{bit};" for bit in sorted(wires)),
            f"  wire {sent.replace('bit ', '')} sent;", f"  {got} got;", *lines,
            "  initial psf_netlist_set(sent, got);",
            "  always @(sent) psf_netlist_set(sent, got);",
            f"  always @(posedge n{clock}) psf_netlist_edge(got);",
            "endmodule", "",
        ])  # fmt: skip
