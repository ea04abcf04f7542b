"""Checkpoints of a fit: where every member stands, and what it was given, in one safetensors file.

A fit that was interrupted goes on to the same model, bit for bit, as if it had not been. That holds
only with the same table, schema, settings, versions and device, so the file says what they were
(tables by their digest) and a fit that differs is refused. Like a model file, it is as sensitive as
what it can generate.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from synthema_kernels import flows

from ..errors import CheckpointError
from ..tables import atomic_path

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Self

FORMAT = "synthema-checkpoint"
VERSION = 1
PAUSE = 15.0  # seconds between two writes; what is lost by a power cut
CURVES = ("train", "validation", "looks")

Stages = dict[str, dict[int, flows.Progress]]


class Checkpoint:
    """Where a fit stands, kept in a file; used as a context, it is written on the way out too."""

    def __init__(self, path: str | os.PathLike[str] | None, given: Mapping[str, Any]) -> None:
        """Read what an earlier fit left, or begin a new file.

        Args:
            path: The file; None keeps nothing.
            given: What decides the bits of the fit, from `given_to`.

        Raises:
            CheckpointError: If the file is no checkpoint, or one of another fit.
            OutputError: If it cannot be written.
        """
        self.path = None if path is None else Path(path)
        self._given = given
        self._lock = threading.Lock()
        self._stages: Stages = {}
        self._written = 0.0
        if self.path is not None and self.path.exists():
            self._stages = _read(self.path, given)
        self._write()

    def since(self, stage: str) -> dict[int, flows.Progress]:
        """Where each group of members stood in a stage of the fit."""
        return dict(self._stages.get(stage, {}))

    def keep(self, stage: str, group: int, progress: flows.Progress) -> None:
        """Take note of where members stand; write the file if the last time is long ago."""
        if self.path is None:
            return
        with self._lock:
            self._stages.setdefault(stage, {})[group] = progress
            if time.monotonic() - self._written >= PAUSE:
                self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        tensors: dict[str, np.ndarray] = {}
        for stage, groups in self._stages.items():
            for group, progress in groups.items():
                own = f"{stage}/{group}"
                tensors |= {f"{own}/state/{k}": v for k, v in progress.state.items()}
                tensors |= {f"{own}/{name}": getattr(progress, name) for name in CURVES}
        metadata = {"format": FORMAT, "given": json.dumps(self._given)}
        with atomic_path(self.path) as temporary:
            contiguous = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
            save_file(contiguous, temporary, metadata=metadata)
        self._written = time.monotonic()


def given_to(
    settings: Mapping[str, Any], schema: Mapping[str, Any], table: Any, start: Any
) -> dict[str, Any]:
    """What decides the bits of a fit.

    Args:
        settings: Of the generator and its training, plain values; how it is shown does not count.
        schema: As written to a schema file.
        table: Tree of arrays that a fit reads of the table.
        start: Tree of arrays that training starts from.
    """
    return {
        "settings": json.loads(json.dumps({k: v for k, v in settings.items() if k != "progress"})),
        "schema": _digest(json.dumps(schema, sort_keys=True)),
        "table": _digest(table),
        "start": _digest(start),
        "versions": {"jax": jax.__version__, "checkpoint": VERSION},
        "device": f"{len(jax.local_devices())} of {jax.devices()[0].device_kind}",
    }


def _digest(tree: Any) -> str:
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        values = np.frombuffer(leaf.encode(), np.uint8) if isinstance(leaf, str) else leaf
        values = np.ascontiguousarray(values)
        found.update(f"{values.dtype}{values.shape}".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def _read(path: Path, given: Mapping[str, Any]) -> Stages:
    where = f"checkpoint '{path}'"
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("another format")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        differing = _differing(json.loads(metadata["given"]), given)
        stages = _stages(tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{where}: expected a {FORMAT} file, got something else or a damaged one. Delete it to "
            "begin anew, or name another file."
        ) from error
    if differing:
        raise CheckpointError(
            f"{where}: of another fit: {'; '.join(differing)}. Fit again as it was begun, or name "
            "another file to begin anew."
        )
    return stages


def _stages(tensors: Mapping[str, np.ndarray]) -> Stages:
    parts: dict[tuple[str, int], dict[str, Any]] = {}
    for name, tensor in tensors.items():
        stage, group, kind, *rest = name.split("/", 3)
        own = parts.setdefault((stage, int(group)), {"state": {}})
        if rest:
            own[kind][rest[0]] = tensor
        else:
            own[kind] = tensor
    stages: Stages = {}
    for (stage, number), own in parts.items():
        stages.setdefault(stage, {})[number] = flows.Progress(**own)
    return stages


def _differing(before: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What differs, in words: settings by name and value, the table by its digest alone."""
    out = [
        f"{word} {name!r} was {before[part].get(name)!r} and is {given[part].get(name)!r}"
        for part, word in (("settings", "parameter"), ("versions", "the version of"))
        for name in sorted(before[part].keys() | given[part].keys())
        if before[part].get(name) != given[part].get(name)
    ]
    if before["device"] != given["device"]:
        out.append(f"the device was {before['device']!r} and is {given['device']!r}")
    for part in ("schema", "table", "start"):
        if not out and before[part] != given[part]:
            out.append(f"the {part} is another")
    return out
