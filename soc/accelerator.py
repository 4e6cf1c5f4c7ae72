# SPDX-License-Identifier: Apache-2.0
"""The accelerator as a module of LiteX: an AXI master, an AXI4-Lite slave and an interrupt.

self.psf = PruneSpikformer(platform, "2x8")
add_to(self, self.psf, origin=0x9000_0000)                  # registers and interrupt
self.submodules += LiteDRAMAXI2Native(self.psf.memory, ...)  # or self.bus.add_master(...)
"""

from __future__ import annotations

from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect.axi import AXIInterface, AXILiteInterface
from migen import ClockSignal, Instance, Module, ResetSignal, Signal

from golden.hardware.configuration import Hardware
from tb.run.sources import sources_of

TOP = "psf_top"
REGISTER_BYTES = 4096


class Interrupt(Module):
    """A level, in the place where LiteX looks for the interrupt of a module."""

    def __init__(self) -> None:
        self.irq = Signal()


class PruneSpikformer(LiteXModule):
    """psf_top in the clock domain ``sys``.

    platform: gets the sources, or None where a flow reads them by itself.  config: of the hardware,
    by name, such as "2x8".  parameters: whether the instance names them (a netlist that is
    synthesised for this configuration beforehand has none).

    ``memory`` is the AXI4 master (64 bits), ``registers`` the AXI4-Lite slave (32 bits, 4 KiB),
    ``ev.irq`` the interrupt.
    """

    def __init__(self, platform, config: str, parameters: bool = True) -> None:
        self.hardware = Hardware.named(config)
        self.memory = memory = AXIInterface(data_width=64, address_width=32, id_width=1)
        self.registers = registers = AXILiteInterface(data_width=32, address_width=32)
        self.ev = Interrupt()
        ports = {"i_clk_i": ClockSignal(), "i_rst_ni": ~ResetSignal(), "o_irq_o": self.ev.irq}
        for channel in ("aw", "ar"):
            there, here = getattr(memory, channel), getattr(registers, channel)
            ports |= {
                f"o_m_axi_{channel}{name}": getattr(there, name)
                for name in ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "valid")
            }
            ports[f"i_m_axi_{channel}ready"] = there.ready
            ports[f"i_s_axil_{channel}addr"] = here.addr[:12]
            ports[f"i_s_axil_{channel}valid"] = here.valid
            ports[f"o_s_axil_{channel}ready"] = here.ready
        for bus, name, to, back in ((memory, "m_axi", "o", "i"), (registers, "s_axil", "i", "o")):
            ports |= {
                f"{to}_{name}_wdata": bus.w.data,
                f"{to}_{name}_wstrb": bus.w.strb,
                f"{to}_{name}_wvalid": bus.w.valid,
                f"{back}_{name}_wready": bus.w.ready,
                f"{back}_{name}_bresp": bus.b.resp,
                f"{back}_{name}_bvalid": bus.b.valid,
                f"{to}_{name}_bready": bus.b.ready,
                f"{back}_{name}_rdata": bus.r.data,
                f"{back}_{name}_rresp": bus.r.resp,
                f"{back}_{name}_rvalid": bus.r.valid,
                f"{to}_{name}_rready": bus.r.ready,
            }
        ports |= {
            "o_m_axi_wlast": memory.w.last,
            "i_m_axi_bid": memory.b.id,
            "i_m_axi_rid": memory.r.id,
            "i_m_axi_rlast": memory.r.last,
        }
        values = self.hardware.sv_parameters() if parameters else {}
        self.specials += Instance(TOP, **{f"p_{n}": v for n, v in values.items()}, **ports)
        if platform is not None:
            for path in sources_of(TOP):
                platform.add_source(str(path))


def add_to(soc, accelerator: PruneSpikformer, origin: int, name: str = "psf") -> None:
    """Give the accelerator's registers a place on the bus of a LiteX SoC, not cached, and its
    interrupt a number; ``accelerator`` is the attribute ``name`` of ``soc``."""
    region = SoCRegion(origin=origin, size=REGISTER_BYTES, cached=False)
    soc.bus.add_slave(name=name, slave=accelerator.registers, region=region)
    soc.irq.add(name, use_loc_if_exists=True)
