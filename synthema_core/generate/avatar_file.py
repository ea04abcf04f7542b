"""Avatar files: NumPy arrays and a JSON header in one archive. Reading one runs no code.

An avatar model is its training table in other words: every row can be read back from it. Unlike a
flow's file it is never meant to leave the place where the training table may be.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encoding import Encoder
from ..errors import ModelFileError, SynthemaError
from ..tables import atomic_path
from .avatar import AvatarModel
from .famd import Famd

if TYPE_CHECKING:
    import os

FORMAT = "synthema-avatar"
VERSION = 3
PROJECTION = ("mean", "spread", "share", "axes", "variance")
NEIGHBORS = ("coordinates", "index", "distance")


def write(model: AvatarModel, path: str | os.PathLike[str]) -> Path:
    """Write a model, whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "encoder": model.encoder.to_dict(),
        "levels": list(model.famd.levels),
        "settings": model.settings,
        "seconds": model.seconds,
    }
    arrays = {name: getattr(model.famd, name) for name in PROJECTION}
    arrays |= {name: getattr(model, name) for name in NEIGHBORS}
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=text, **arrays)
    return Path(path)


def read(path: str | os.PathLike[str]) -> AvatarModel:
    """Read a model file.

    Raises:
        ModelFileError: If the file is absent, corrupt, foreign, or of another version.
    """
    where = f"avatar file '{path}'"
    if not Path(path).is_file():
        raise ModelFileError(f"{where}: not found. Fit a model, or correct the path.")
    try:
        # opened here: NumPy leaves a file open that it cannot read
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("header", *PROJECTION, *NEIGHBORS)}
        header = json.loads(arrays.pop("header").tobytes())
        if header["format"] != FORMAT:
            raise ValueError("another format")
        version = header["version"]
    except (
        *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError),
        zipfile.BadZipFile,
    ) as error:
        raise ModelFileError(
            f"{where}: expected a {FORMAT} file, got something else or a damaged one. Copy it "
            "again."
        ) from error
    if version != VERSION:
        raise ModelFileError(
            f"{where}: expected version {VERSION}, got {version}. Use the release that wrote it."
        )
    try:
        return _model(header, arrays)
    except (KeyError, TypeError, ValueError, SynthemaError) as error:
        raise ModelFileError(
            f"{where}: the header and the arrays do not fit together. Copy the file again."
        ) from error


def _model(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> AvatarModel:
    encoder = Encoder.from_dict(header["encoder"])
    levels = tuple(int(count) for count in header["levels"])
    famd = Famd(levels=levels, **{name: arrays[name] for name in PROJECTION})
    p, width = len(encoder.variables.numbers), sum(levels)
    n, r = arrays["coordinates"].shape
    expected = {
        "mean": (p,),
        "spread": (p,),
        "share": (width,),
        "axes": (p + width, r),
        "variance": (r,),
        "index": (n, header["settings"]["k"]),
        "distance": (n, header["settings"]["k"]),
    }
    if levels != encoder.variables.levels or any(
        arrays[name].shape != shape for name, shape in expected.items()
    ):
        raise ValueError("arrays differ in shape")
    index = arrays["index"]
    if index.dtype != np.int64 or index.min() < 0 or index.max() >= n:
        raise ValueError("neighbors that are no rows")
    return AvatarModel(
        encoder=encoder,
        famd=famd,
        settings=header["settings"],
        seconds=float(header["seconds"]),
        **{name: arrays[name] for name in NEIGHBORS},
    )
