# SPDX-License-Identifier: Apache-2.0
"""The rules of psf_program: two in-order streams through one ring, and waits by counts.

The layer stream has the layers, the stores and the end of every job. Jobs follow each other in both
streams, so that the loads of a job may overtake the layers of the job before.
"""

from collections import deque
from dataclasses import dataclass

from golden.hardware import isa

RING, AHEAD = 64, 8  # descriptors in front of the items and of the loads, at most
POLICIES = ("ring", "eager", "lazy")
_KIND = {isa.OP_LAYER: "layer", isa.OP_STORE: "store"}


@dataclass
class _Item:
    """A descriptor that was fetched."""

    place: int  # among all of all jobs
    job: int
    index: int
    op: int
    fields: dict[str, int]
    wait_loads: int = 0


def descriptors(program: bytes) -> list[tuple[int, dict[str, int]]]:
    """Decoded descriptors, up to and including the end."""
    out = []
    for descriptor in isa.cut(program):
        out.append(isa.decode(descriptor))
        if out[-1][0] == isa.OP_END:
            return out
    raise ValueError("the program has no end")


def execution_order(program: bytes, policy: str = "ring"):
    """Yield ("load" | "layer" | "store", fields) of one job: see :func:`job_order`."""
    for _, kind, _, fields in job_order(program, 1, policy):
        yield kind, fields


def job_order(program: bytes, jobs: int, policy: str = "ring"):
    """Yield (job, "load" | "layer" | "store", index of the descriptor, fields) in an order that
    the hardware may take.

    ``ring``: as many descriptors at a time as the hardware's ring has, a load goes before a layer.
    ``eager``: loads as early as their waits allow, without such a limit: what one could overwrite
    too early. ``lazy``: loads only when a layer waits for them. Raises RuntimeError on a deadlock.
    """
    listing = descriptors(program)
    pending = deque(
        _Item(len(listing) * job + i, job, i, *item)
        for job in range(jobs)
        for i, item in enumerate(listing)
    )
    items_room, loads_room = (RING, AHEAD) if policy == "ring" else (len(pending), len(pending))
    loads, items, running = deque(), deque(), None
    decoded, loaded, done = ([0] * jobs for _ in range(3))  # per job; done: layers and stores
    retired = 0

    def may_load(load: _Item) -> bool:
        if load.fields["wait_items"]:
            return done[load.job] >= load.fields["wait_items"]
        return retired >= load.job or done[load.job - 1] >= load.fields["wait_previous"]

    while pending or loads or items or running:
        while pending:
            item = pending[0]
            queue = loads if item.op == isa.OP_LOAD else items
            if loads and item.place - loads[0].place >= loads_room:
                break
            if items and item.place - items[0].place >= items_room:
                break
            # A store or the end waits for every load before it.
            item.wait_loads = item.fields.get("wait_loads", decoded[item.job])
            decoded[item.job] += item.op == isa.OP_LOAD
            queue.append(pending.popleft())
        load = loads and may_load(loads[0])
        ready = not running and items and items[0].wait_loads <= loaded[items[0].job]
        if load and not (policy == "lazy" and (ready or running)):
            item = loads.popleft()
            yield item.job, "load", item.index, item.fields
            loaded[item.job] += 1
        elif ready:
            running = items.popleft()  # its place in the ring is free while it runs
        elif running:
            if running.op == isa.OP_END:
                retired = running.job + 1
            else:
                yield running.job, _KIND[running.op], running.index, running.fields
                done[running.job] += 1
            running = None
        else:
            raise RuntimeError(
                f"deadlock in job {retired} after {loaded[retired]} loads and "
                f"{done[retired]} layers and stores"
            )


def prove_progress(program: bytes, jobs: int = 3) -> None:
    """Run the streams against each other in every policy; a deadlock is a bug of the compiler."""
    for policy in POLICIES:
        for _ in job_order(program, jobs, policy):
            pass
