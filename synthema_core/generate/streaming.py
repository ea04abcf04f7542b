"""What every generator that draws rows one by one does with them: a table, or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from tqdm import tqdm

from .settings import Settings
from .write_parts import write_parts

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from .redraw import Redraw, Stream


class Streaming(Settings):
    """Sampling in parts; a generator says how its rows come.

    Attributes set by `sample` and `sample_to`: `redraw_`, what rules and conditions refused.
    """

    progress: bool | None
    redraw_: Redraw

    def _stream(self, n: int, seed: int, where: Mapping[str, Any] | None) -> Stream:
        """Accepted rows as they come, in an order that the seed decides."""
        raise NotImplementedError

    def sample(self, n: int, *, seed: int, where: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Draw synthetic patients; none of them breaks a rule of the schema.

        Args:
            n: How many.
            seed: Of the draw. Same model and seed, same rows, on any machine.
            where: Conditions every row must meet, by column: a value, a list of values, a pair
                `(low, high)` of bounds included, or None for missing.

        Returns:
            A table with the schema's modelled columns, in the training table's dtypes.

        Raises:
            SynthemaError: If `n` is negative, or before `fit`.
            RuleError: If the rules and conditions accept too few draws to go on.
            SchemaError: If `where` names an unknown column or category.
        """
        stream = self._stream(n, seed, where)
        table = pl.concat(stream.take(n))
        self.redraw_ = stream.account()
        return table

    def sample_to(
        self,
        path: str | os.PathLike[str],
        n: int,
        *,
        seed: int,
        where: Mapping[str, Any] | None = None,
        memory: int | str = "1GiB",
    ) -> Path:
        """Draw synthetic patients into a Parquet file, a row group at a time.

        The rows are those of `sample` with the same seed. The file takes its place when it is
        whole.

        Args:
            path: Ends in `.parquet`.
            n: How many.
            seed: Of the draw.
            where: As in `sample`.
            memory: Bound on the memory of this process, as in "1GiB"; row groups are cut to it.

        Raises:
            OutputError: If the file cannot be written.
            SynthemaError: If the bound leaves no room for a row group, and what `sample` raises.
        """
        stream = self._stream(n, seed, where)
        hidden = None if self.progress is None else not self.progress
        with tqdm(total=n, desc="sample", unit="row", unit_scale=True, disable=hidden) as bar:
            written = write_parts(stream.take(n), path, memory=memory, on_rows=bar.update)
        self.redraw_ = stream.account()
        return written
