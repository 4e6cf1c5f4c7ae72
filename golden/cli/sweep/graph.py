# SPDX-License-Identifier: Apache-2.0
"""Steps that need each other's results, on dask workers; every finished one is a JSON file.

A worker that dies takes nothing with it: dask gives its steps to another one, and what was finished
is read from its file. A step that fails stops those that need it and nothing else.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from distributed import Client, as_completed

from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.progress import Progress

Result = dict[str, Any]
ALONE = threading.Lock()  # torch's random numbers belong to the process: one step at a time in it


@dataclass(frozen=True)
class Step:
    """`function(settings, folder, *results of needs)` returns what is written to `folder`.json.

    `folder` names the settings (golden.cli.sweep.config.digest): other settings, another folder.
    function: of a module that the workers can import.
    """

    function: Callable[..., Result]
    settings: Any
    folder: Path
    needs: tuple[Step, ...] = ()

    @property
    def file(self) -> Path:
        return self.folder.with_name(self.folder.name + ".json")

    def finished(self) -> Result | None:
        """The result, if there is one."""
        try:
            return json.loads(self.file.read_text())
        except (OSError, ValueError):
            return None


def execute(steps: list[Step], client: Client) -> list[Result]:
    """Results of `steps`, in their order; {"error": sentence} for one that failed.

    Steps that others share run once; finished ones and what only they need do not run at all.
    """
    results = {step.folder: step.finished() for step in steps}
    futures: dict[Path, Any] = {}
    call = uuid4().hex  # a scheduler remembers keys for a while, and may have those of others

    def submit(step: Step):
        if step.folder not in futures:
            # A finished step is asked for only by one that is not: its file is read there.
            needed = [submit(need) for need in step.needs] if step.finished() is None else []
            key = f"{step.folder.parent.name}-{step.folder.name}-{call}"
            futures[step.folder] = client.submit(perform, step, *needed, key=key, pure=False)
        return futures[step.folder]

    for step in steps:
        if results[step.folder] is None:
            submit(step)
    folders = {future.key: folder for folder, future in futures.items()}
    finished = len(steps) - sum(results[step.folder] is None for step in steps)
    total = finished + len(futures)
    with Progress("sweep", "steps") as bar:
        for done, future in enumerate(as_completed(futures.values()), finished + 1):
            try:
                result = future.result()
            except Exception as error:  # workers that died again and again
                result = {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
            folder = folders[future.key]
            results[folder] = result
            state = "failed" if "error" in result else "done"
            bar.update(done, total, f"{folder.name} {state}")
    return [results[step.folder] for step in steps]


def perform(step: Step, *needed: Result) -> Result:
    """What a worker does. The step's output goes to its folder's log.txt."""
    with ALONE:
        known = step.finished()
        if known is not None:
            return known
        for result in needed:
            if "error" in result:
                return {"error": result["error"]}
        step.folder.mkdir(parents=True, exist_ok=True)
        with (
            (step.folder / "log.txt").open("a") as log, redirect_stdout(log), redirect_stderr(log)
        ):  # fmt: skip
            try:
                result = step.function(step.settings, step.folder, *needed)
            except UserError as error:
                return {"error": str(error)}
            except Exception as error:
                traceback.print_exc()
                reason = (str(error).splitlines() or ["no message"])[0]
                return {"error": f"{type(error).__name__}: {reason} ({log.name})"}
        write_json(step.file, result)
        return result
