# SPDX-License-Identifier: Apache-2.0
"""A cycle model and a trace of one's own.

The model is the class `SilentTokens`: a dense array that skips a token whose inputs are all silent,
and nothing else. The trace is what three layers of a network are fed: here those of the
project's network on a test image; yours come from your own simulator as 0 and 1.

    python examples/own_peer.py          # ten seconds
    python examples/own_peer.py --rtl    # and the RTL on the same spikes: some minutes

Both commands that run here can be typed: `psf peers` compares all models without RTL, `psf bench`
with it. The format of a trace: docs/log/traces.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from golden import api
from golden.cli.call import psf
from golden.contract.paths import CHECKPOINTS
from golden.hardware.peers.product import Product
from golden.hardware.workload.recording import Recording, write

SOURCES = {  # layer: (the layer whose spikes it is fed, outputs, kernel)
    "convolution": ("tokenizer.1", 32, 3),
    "query": ("tokenizer.4", 64, 1),
    "hidden": ("blocks.0.proj", 256, 1),
}


class SilentTokens:
    """inputs x ceil(outputs / pes) cycles for each (timestep, token) with a spike among its inputs;
    one cycle for each without."""

    def __call__(self, product: Product, pes: int) -> int:
        """product.spikes: uint8 (T, tokens, inputs).  product.outputs: N."""
        fired = int(product.spikes.any(axis=2).sum())
        silent = product.spikes.shape[0] * product.spikes.shape[1] - fired
        return fired * product.spikes.shape[2] * -(-product.outputs // pes) + silent


def record(path: Path) -> None:
    """Write the trace: per layer its input spikes (T, C, H, W)."""
    network = api.load(CHECKPOINTS / "balanced.safetensors")
    trace = api.forward(network, api.test_images(network, 1).images)
    layers = []
    for name, (source, outputs, kernel) in SOURCES.items():
        spikes = trace.spike[source][0]  # (T, tokens, C)
        steps, tokens, channels = spikes.shape
        side = round(tokens**0.5)
        maps = spikes.transpose(0, 2, 1).reshape(steps, channels, side, side)
        layers.append(Recording(name, maps, outputs, kernel))
    write(path, layers)


def main(arguments: list[str] | None = None) -> dict[str, int]:
    """Record, compare; the cycles of every model for the whole trace."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/own_peer"))
    parser.add_argument("--rtl", action="store_true", help="run the RTL, too")
    chosen = parser.parse_args(arguments)
    work, model = chosen.folder, f"{__file__}:SilentTokens"
    work.mkdir(parents=True, exist_ok=False)
    trace, report = work / "own_trace.npz", work / "peers.json"
    record(trace)
    psf("peers", "--trace", trace, "--density", 0.25, "--model", model, "--out", report)
    if chosen.rtl:
        psf("bench", "--trace", trace, "--density", 0.25, "--model", model)
    return json.loads(report.read_text())["cycles_of"]


if __name__ == "__main__":
    main()
