# SPDX-License-Identifier: Apache-2.0
"""``psf``: the accelerator in a system with a processor, simulated and on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from golden.cli.options import BALANCED, SEEDS, Checkpoint, Config, Data, Images, group
from golden.cli.project import need_checkout

PANEL = "System: a processor, memory and the accelerator"
# The default network takes as many cycles as with the weights of 2x8, and 28 block RAMs fewer.
BOARD = "2x8,bank_depth=1024,row_depth=1024"
BOARD_MHZ = 30
Clock = Annotated[float, typer.Option(min=5, max=100, help="MHz of the system.")]
Serve = Annotated[
    bool, typer.Option("--serve", help="Wait for `psf board run` instead, until Ctrl-C.")
]
board = group("The system on a board, over its serial port.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command(rich_help_panel=PANEL)(soc)
    app.command(rich_help_panel=PANEL)(bitstream)
    app.add_typer(board, name="board", rich_help_panel=PANEL)


def soc(
    images: Images = 8,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    data: Data = "",
    serve: Serve = False,
) -> None:
    """Firmware on a RISC-V processor classifies test images with the accelerator, simulated."""
    need_checkout("soc")
    from soc.run import run_soc, wait_for_board

    if serve:
        wait_for_board(config)
    raise typer.Exit(run_soc(checkpoint, config, images, data))


def bitstream(
    config: Config = BOARD,
    clock: Clock = BOARD_MHZ,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="Of place and route.")] = 1,
    netlist: Annotated[
        bool, typer.Option("--netlist", help="Stop before place and route, which takes longest.")
    ] = False,
) -> None:
    """The system for the board ULX3S-85F: synthesis, place and route, bitstream."""
    need_checkout("bitstream")
    from soc.bitstream import run_bitstream

    raise typer.Exit(run_bitstream(config, clock, seed, netlist))


@board.command("run")
def board_run(
    images: Annotated[list[Path], typer.Argument(help="PNG or JPEG files.")],
    port: Annotated[str, typer.Option(help="Serial port, such as /dev/ttyUSB0.")],
    checkpoint: Checkpoint = BALANCED,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds to wait for an answer.")
    ] = 60.0,
) -> None:
    """Send images to the system and print what it says; compares with the golden model."""
    need_checkout("board run")
    from soc.board import run_board

    raise typer.Exit(run_board(port, images, checkpoint, timeout))


@board.command("simulate")
def board_simulate(
    images: Images = 1,
    config: Config = BOARD,
    netlist: Annotated[
        bool, typer.Option("--netlist", help="The netlist of `psf bitstream` in place of RTL.")
    ] = False,
    clock: Clock = BOARD_MHZ,
    send: Annotated[
        bool,
        typer.Option("--send", help="Send the network, too, which takes long: else it is there."),
    ] = False,
    checkpoint: Checkpoint = BALANCED,
    data: Data = "",
    serve: Serve = False,
) -> None:
    """The FPGA of the board at its pins, with a model of its SDRAM: classifies test images."""
    need_checkout("board simulate")
    from soc.simulated_board import simulate, wait_for_board

    if serve:
        wait_for_board(config, clock, netlist)
    raise typer.Exit(simulate(config, clock, netlist, checkpoint, images, data, send))
