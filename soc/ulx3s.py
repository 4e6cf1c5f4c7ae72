# SPDX-License-Identifier: Apache-2.0
"""The system for the board ULX3S with an ECP5-85F: pins and clocks, and the files for its tools.

25 MHz -- PLL -- sys (everything), sys_ps (the same, 90 degrees later: the SDRAM's clock pin)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from litedram.modules import MT48LC16M16
from litedram.phy import GENSDRPHY
from litex.build.io import DDROutput
from litex.gen import LiteXModule
from litex.soc.cores.clock import ECP5PLL
from litex_boards.platforms import radiona_ulx3s
from migen import ClockDomain, ClockSignal, Signal

from golden.hardware.configuration import Hardware
from soc import software
from soc.console import BAUD
from soc.simulation import quiet
from soc.system import Options, System

TOP = "psf_ulx3s"
INPUT_HZ = 25_000_000
DEVICE = ("--85k", "--package", "CABGA381", "--speed", "6")  # 6: the slowest


class Clocks(LiteXModule):
    """``rst``: resets the system, as LiteX wants it; so does button F1."""

    def __init__(self, platform, clock_hz: int) -> None:
        self.rst = Signal()
        self.cd_sys = ClockDomain()
        self.cd_sys_ps = ClockDomain()
        self.pll = pll = ECP5PLL()
        button = platform.request("user_btn", 1)  # F1: high when pressed
        self.comb += pll.reset.eq(self.rst | button)
        pll.register_clkin(platform.request("clk25"), INPUT_HZ)
        pll.create_clkout(self.cd_sys, clock_hz)
        pll.create_clkout(self.cd_sys_ps, clock_hz, phase=90)
        self.specials += DDROutput(1, 0, platform.request("sdram_clock"), ClockSignal("sys_ps"))
        self.comb += platform.request("wifi_gpio0").eq(1)  # low restarts the board's ESP32


@dataclass(frozen=True)
class Files:
    """In the folder: Verilog of the system, its constraints, and what else it is made of."""

    verilog: Path
    constraints: Path
    sources: tuple[Path, ...]


def write(folder: Path, hardware: Hardware, clock_hz: int, parameters: bool = False) -> Files:
    """Write Verilog and constraints of the system, firmware in its ROM, to ``folder``.

    parameters: as of PruneSpikformer. Without them, the accelerator's sources are not among
    ``sources``: whoever synthesises elaborates it for ``hardware``.
    """
    platform = radiona_ulx3s.Platform(device="LFE5U-85F", toolchain="trellis")
    options = Options(hardware.name, clock_hz, "serial", BAUD, parameters)
    with quiet():
        phy = GENSDRPHY(platform.request("sdram"), clock_hz)
        module = MT48LC16M16(clock_hz, "1:1")
        soc = System(platform, options, Clocks(platform, clock_hz), phy, module, rom=[0])
        soc.finalize()
        soc.rom.mem.init = software.firmware(folder / "firmware", software.headers(soc))
        platform.build(soc, build_dir=str(folder), build_name=TOP, run=False)
    own = folder / f"{TOP}.v"
    others = [Path(source[0]) for source in platform.sources]
    return Files(
        own,
        folder / f"{TOP}.lpf",
        tuple(p for p in others if p.resolve() != own.resolve() and p.name != own.name),
    )
