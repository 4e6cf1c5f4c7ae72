# SPDX-License-Identifier: Apache-2.0
"""What the commands of the board take when they are told nothing."""

from golden.cli.options import BALANCED
from golden.cli.system import BOARD
from golden.contract.network import QuantNetwork
from golden.contract.random_network import random_images
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles


def test_the_board_is_as_fast_as_2x8():
    """Its memories hold the default network, which takes as many cycles as with the larger ones."""
    network = QuantNetwork.load(BALANCED)
    image = random_images(network.config, 1)
    took = []
    for name in ("2x8", BOARD):
        program = compile_network(network, Hardware.named(name))
        took.append(cycles(program, network, image)[0].total)
    assert took[0] == took[1]
