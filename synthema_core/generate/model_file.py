"""Model files: safetensors with a JSON header. Reading one runs no code of its sender.

The header holds the schema, the encoder, the architecture and the training record; the tensors are
the members' weights and the structure they share. A model file is as sensitive as what it can
generate. With the default protection the encoder keeps the values that several patients share and
ends of pieces that stand for several; without, the midpoints between all others too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from synthema_kernels import flows

from ..encoding import Encoder
from ..errors import ModelFileError
from ..tables import atomic_path
from .model import Model, layout_of

if TYPE_CHECKING:
    import os

    import jax

FORMAT = "synthema-flow"
VERSION = 4


def write(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write a model, whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    tensors = {f"structure/{k}": np.asarray(v) for k, v in vars(model.structure).items()}
    tensors |= {f"members/{k}": np.asarray(v) for k, v in vars(model.members).items()}
    header = {
        "version": VERSION,
        "members": len(model.members.position),
        "encoder": model.encoder.to_dict(),
        "record": dict(model.record),
    }
    metadata = {"format": FORMAT, "header": json.dumps(header, allow_nan=False)}
    with atomic_path(path) as temporary:
        contiguous = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
        save_file(contiguous, temporary, metadata=metadata)
    return Path(path)


def read(path: str | os.PathLike[str]) -> Model:
    """Read a model file.

    Raises:
        ModelFileError: If the file is absent, corrupt, foreign, or of another version.
    """
    where = f"model file '{path}'"
    if not Path(path).is_file():
        raise ModelFileError(f"{where}: not found. Fit a model, or correct the path.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{where}: expected safetensors, got something else or a damaged file. Copy it again."
        ) from error
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{where}: expected a {FORMAT} file, got another kind of safetensors.")
    try:
        header = json.loads(metadata["header"])
        version = header["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{where}: the header is damaged. Copy the file again.") from error
    if version != VERSION:
        raise ModelFileError(
            f"{where}: expected version {VERSION}, got {version}. Use the release that wrote it."
        )
    try:
        return _model(header, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{where}: the header and the weights do not fit together. Copy the file again."
        ) from error


def _model(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Model:
    def part(prefix: str) -> dict[str, jax.Array]:
        return {
            k.removeprefix(prefix): jnp.asarray(v)
            for k, v in tensors.items()
            if k.startswith(prefix)
        }

    encoder = Encoder.from_dict(header["encoder"])
    layout = layout_of(encoder)
    members = flows.Member(**part("members/"))
    k, hidden = header["members"], members.b1.shape[1]
    shapes = {name: leaf.shape for name, leaf in vars(members).items()}
    wanted = {name: (k, *shape) for name, shape in flows.Member.shapes(layout, hidden).items()}
    if k < 1 or shapes != wanted:
        raise ValueError("weights and layout differ in shape")
    return Model(
        encoder=encoder,
        layout=layout,
        structure=flows.Structure(**part("structure/")),
        members=members,
        record=header["record"],
    )
