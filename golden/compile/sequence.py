# SPDX-License-Identifier: Apache-2.0
"""The sequencer's rules: two in-order streams with bounded queues, and waits by counts."""

from collections import deque

from golden.compile import isa

LOAD_QUEUE, LAYER_QUEUE = 4, 2


def descriptors(program: bytes) -> list[tuple[int, dict[str, int]]]:
    """Decoded descriptors, up to and including the end."""
    out = []
    for at in range(0, len(program), isa.DESCRIPTOR_BYTES):
        out.append(isa.decode(program[at : at + isa.DESCRIPTOR_BYTES]))
        if out[-1][0] == isa.OP_END:
            return out
    raise ValueError("the program has no end")


def execution_order(program: bytes, policy: str = "queues"):
    """Yield ("load" | "layer" | "store", fields) in an order that the sequencer may take.

    ``queues``: descriptors pass queues of the hardware's depths, a load goes before a layer.
    ``eager``: loads as early as their waits allow, with unlimited queues: what one could overwrite
    too early. ``lazy``: loads only when a layer waits for them. Raises RuntimeError on a deadlock.
    """
    pending = deque(descriptors(program))
    depth = (LOAD_QUEUE, LAYER_QUEUE) if policy == "queues" else (len(pending), len(pending))
    loads, layers, done_loads, done_layers = deque(), deque(), 0, 0
    while pending or loads or layers:
        while pending:
            op, values = pending[0]
            if op == isa.OP_LOAD and len(loads) < depth[0]:
                loads.append(values)
            elif op == isa.OP_LAYER and len(layers) < depth[1]:
                layers.append(values)
            elif op in (isa.OP_STORE, isa.OP_END) and not loads and not layers:
                if op == isa.OP_STORE:
                    yield "store", values
            else:
                break
            pending.popleft()
        load = loads and loads[0]["wait_layers"] <= done_layers
        layer = layers and layers[0]["wait_loads"] <= done_loads
        if load and not (policy == "lazy" and layer):
            yield "load", loads.popleft()
            done_loads += 1
        elif layer:
            yield "layer", layers.popleft()
            done_layers += 1
        elif loads or layers:
            raise RuntimeError(f"deadlock after {done_loads} loads and {done_layers} layers")


def prove_progress(program: bytes) -> None:
    """Run the streams against each other in every policy; a deadlock is a bug of the compiler."""
    for policy in ("queues", "eager", "lazy"):
        for _ in execution_order(program, policy):
            pass
