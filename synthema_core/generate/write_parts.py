"""Parts of a table into one Parquet file, under a bound on memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from ..errors import OutputError, SynthemaError
from ..memory import bytes_of, resident, words
from ..tables import atomic_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

MOST = 131_072  # rows of a row group
LEAST = 1_024
COPIES = (
    6  # of a row group at once: gathered, encoded, written; as measured by bench.sample_million
)
HEADROOM = 64 * 2**20  # for drawing itself, once it has been compiled


def write_parts(
    parts: Iterator[pl.DataFrame],
    path: str | os.PathLike[str],
    *,
    memory: int | str,
    on_rows: Callable[[int], object],
) -> Path:
    """Write parts as they come; whole or not at all.

    Args:
        parts: At least one table; all of the same columns.
        path: Ends in `.parquet`.
        memory: Bound on the memory of this process.
        on_rows: Called with how many rows came, part by part.

    Raises:
        OutputError: If the path cannot be written.
        SynthemaError: If the bound leaves no room for a row group.
    """
    if Path(path).suffix.lower() != ".parquet":
        raise OutputError(f"{path}: expected a file that ends in .parquet. Rename the output.")
    bound = bytes_of(memory)
    with atomic_path(path) as temporary:
        first = next(parts)
        on_rows(first.height)
        size = max(first.estimated_size() / max(first.height, 1), 1.0) * COPIES
        room = (bound - resident() - HEADROOM) / size
        if room < LEAST:
            needed = resident() + HEADROOM + LEAST * size
            raise SynthemaError(
                f"memory: {words(bound)} leaves no room for a row group. Allow {words(needed)}."
            )
        rows = int(min(room, MOST))
        failure: list[BaseException] = []

        def source(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,
            batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            del with_columns, predicate, n_rows, batch_size  # the sink asks for everything
            try:
                yield from gathered(first, parts, rows, on_rows)
            except BaseException as error:
                failure.append(error)  # Polars would hide its type
                raise

        try:
            register_io_source(source, schema=first.schema).sink_parquet(
                temporary, row_group_size=rows, maintain_order=True
            )
        except BaseException:
            if failure:
                raise failure[0] from None
            raise
    return Path(path)


def gathered(
    first: pl.DataFrame,
    parts: Iterator[pl.DataFrame],
    rows: int,
    on_rows: Callable[[int], object],
) -> Iterator[pl.DataFrame]:
    """Parts joined to tables of at least `rows` rows, but for the last."""
    held, height = [first], first.height
    for part in parts:
        on_rows(part.height)
        held.append(part)
        height += part.height
        if height >= rows:
            yield pl.concat(held)
            held, height = [], 0
    if held:
        yield pl.concat(held)
