# SPDX-License-Identifier: Apache-2.0
"""The system: VexRiscv, a UART, SRAM, SDRAM behind LiteDRAM, and the accelerator beside them.

    VexRiscv (I$, D$) -- Wishbone -- ROM, SRAM, UART, registers of the accelerator (AXI4-Lite)
                            |
                         LiteDRAM -- SDRAM, 16 bits
                            |
                     accelerator (AXI4, 64 bits, a port of its own)

Processor and accelerator meet at LiteDRAM's crossbar, which serves them in turn. There is no cache
behind the processor's own, so firmware has to flush that one only.
"""

from __future__ import annotations

from dataclasses import dataclass

from litedram.frontend.axi import LiteDRAMAXI2Native
from litex.soc.integration.soc_core import SoCCore

from soc.accelerator import PruneSpikformer, add_to
from soc.console import BAUD

REGISTERS = 0x9000_0000  # not cached: LiteX has its I/O above 0x8000_0000
MAIN_RAM = 0x4000_0000
ROM_BYTES, SRAM_BYTES = 0x4000, 0x2000


@dataclass(frozen=True)
class Options:
    """Of the system. config: of the accelerator, by name.  clock_hz: of everything.  uart: as LiteX
    names it, ``serial`` of a board or ``sim``.  parameters: as of PruneSpikformer."""

    config: str
    clock_hz: int
    uart: str = "serial"
    baud: int = BAUD
    parameters: bool = True


class System(SoCCore):
    """platform: of LiteX.  crg: clock and reset.  phy, module: of the SDRAM.  rom: the firmware as
    32-bit words."""

    mem_map = SoCCore.mem_map | {"main_ram": MAIN_RAM}

    def __init__(self, platform, options: Options, crg, phy, module, rom: list[int]) -> None:
        self.crg = crg
        super().__init__(
            platform,
            options.clock_hz,
            cpu_type="vexriscv",
            cpu_variant="standard",
            integrated_rom_size=ROM_BYTES,
            integrated_rom_init=rom,
            integrated_sram_size=SRAM_BYTES,
            uart_name=options.uart,
            uart_baudrate=options.baud,
            with_timer=False,
        )
        self.sdrphy = phy
        self.add_sdram("sdram", phy=phy, module=module, l2_cache_size=0)
        sources = platform if options.parameters else None
        self.psf = PruneSpikformer(sources, options.config, options.parameters)
        add_to(self, self.psf, REGISTERS)
        port = self.sdram.crossbar.get_port(data_width=self.psf.memory.data_width)
        self.psf_memory = LiteDRAMAXI2Native(
            self.psf.memory, port, base_address=MAIN_RAM, w_buffer_depth=64, r_buffer_depth=64
        )
