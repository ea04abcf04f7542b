"""What needs a key: pseudonyms and date shifts. The key never leaves this module's arguments."""

import hmac
import os
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SynthemaError

SHORTEST_KEY = 16  # bytes; below it a pseudonym is undone by trying keys
PSEUDONYM_BYTES = 16  # two of 10^9 people meet by chance once in 10^20

SOURCE = (
    "Pseudonyms: HMAC-SHA256, RFC 2104 and FIPS 198-1, first 128 bits; ENISA (2019), "
    "Pseudonymisation techniques and best practices. Date shift per patient: Hripcsak et al. "
    "(2016), JAMIA 23, 1040-1045."
)


def read_key(*, path: str | os.PathLike[str] | None = None, variable: str | None = None) -> bytes:
    """The key from a file or an environment variable, without the line break at its end.

    Raises:
        SynthemaError: If it is absent or shorter than 16 bytes.
    """
    if (path is None) == (variable is None):
        raise SynthemaError("key: expected a file or an environment variable, one of the two.")
    if path is not None:
        where = f"key file {path}"
        try:
            key = Path(path).read_bytes()
        except OSError as error:
            raise SynthemaError(f"{where}: cannot be read: {error.strerror}.") from None
    else:
        where = f"environment variable {variable}"
        text = os.environ.get(str(variable))
        if text is None:
            raise SynthemaError(f"{where}: is not set. Set it, or name a key file.")
        key = text.encode()
    return check_key(key.rstrip(b"\r\n"), where)


def check_key(key: bytes, where: str = "key") -> bytes:
    """Refuse a key that can be found by trying."""
    if len(key) < SHORTEST_KEY:
        raise SynthemaError(
            f"{where}: expected a key of at least {SHORTEST_KEY} bytes, got {len(key)}. "
            "Make one: python -c 'import secrets; print(secrets.token_hex(32))' > key"
        )
    return key


def pseudonyms(column: pl.Series, key: bytes) -> pl.Series:
    """A keyed code for each value, 32 hexadecimal digits; missing stays missing.

    The same value under the same key and column name has the same code in every table, and codes of
    two columns share nothing.
    """
    values, code = _distinct(column)
    codes = [_digest(key, "pseudonym", column.name, v)[:PSEUDONYM_BYTES].hex() for v in values]
    return _spread(pl.Series(codes, dtype=pl.String), code).alias(column.name)


def shifts(patients: pl.Series, key: bytes, *, most: int) -> NDArray[np.int64]:
    """Days to add to every date of a row, (n,): the same for all rows of one patient.

    Uniform on -most to most without 0; it follows from key and patient alone.
    """
    values, code = _distinct(patients)
    drawn = [
        int.from_bytes(_digest(key, "date shift", patients.name, v)[:8], "big") for v in values
    ]
    days = [d % (2 * most) - most for d in drawn]
    days = [d if d < 0 else d + 1 for d in days]
    return _spread(pl.Series(days, dtype=pl.Int64), code).to_numpy()


def row_order(n: int, *, seed: int, key: bytes | None) -> NDArray[np.int64]:
    """A permutation of the rows, so that their order links nothing; only the key undoes it."""
    text = str(seed)
    start = int.from_bytes(_digest(key, "order", "", text), "big") if key else seed
    return np.random.default_rng(start).permutation(n)


def _digest(key: bytes, purpose: str, name: str, value: str) -> bytes:
    # lengths first: no two of (purpose, name, value) give the same bytes
    parts = (purpose, name, value)
    message = b"".join(len(p.encode()).to_bytes(8, "big") + p.encode() for p in parts)
    return hmac.digest(key, message, "sha256")


def _distinct(column: pl.Series) -> tuple[list[str], pl.Series]:
    """Distinct values as text, and the position of each row's own, missing where it is missing."""
    text = column.cast(pl.String)
    values = text.drop_nulls().unique().sort()
    code = text.rank("dense").cast(pl.Int64) - 1
    return values.to_list(), code


def _spread(values: pl.Series, code: pl.Series) -> pl.Series:
    return values.gather(code)
