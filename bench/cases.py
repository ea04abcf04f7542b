"""Tables that the neighbor benches search: generated, and real patients where they are at hand.

A case is a dict of four arrays: numeric (n, p) and codes (n, q) of the queries and of the pool.
One query in a hundred of the generated ones is a copy of a row of the pool.
"""

from collections.abc import Callable

import numpy as np

LEVELS = [2, 2, 3, 4, 5, 6, 7, 8, 8, 10, 12, 14, 16, 20, 24, 30]
Case = dict[str, np.ndarray]


def mixed(n: int, m: int, *, seed: int = 0, columns: int = 32, missing: float = 0.1) -> Case:
    """Numeric and categorical columns, half and half, from five common factors."""
    rng = np.random.default_rng(seed)
    half = columns // 2
    loadings = rng.standard_normal((5, columns))
    common = rng.standard_normal((n + m, 5))
    numeric, codes = np.empty((n + m, half)), np.empty((n + m, columns - half), np.int32)
    for c in range(columns):  # one at a time: a million rows have to fit
        latent = 0.9 * (common @ loadings[:, c]) / np.sqrt(5)
        latent += 0.35 * rng.standard_normal(n + m)
        if c < half:
            numeric[:, c] = _marginal(latent, c)
            continue
        count = LEVELS[(c - half) % len(LEVELS)]
        cuts = np.quantile(latent, np.sort(rng.random(count - 1)))
        codes[:, c - half] = np.searchsorted(cuts, latent)
    if missing:
        for part, value in ((numeric, np.nan), (codes, -1)):
            for column in part.T:
                column[rng.random(n + m) < missing] = value
    numeric = np.clip(_scaled(numeric, n), 0, 1)  # some rivals scale by both tables, some by one
    return _split(numeric, codes, n, rng)


def gaussian(n: int, m: int, *, seed: int = 0, columns: int = 32) -> Case:
    """Independent float32 columns, each scaled to [0, 1]."""
    rng = np.random.default_rng(seed)
    return _numbers(rng.standard_normal((n + m, columns), np.float32), n, rng)


def lowdim(n: int, m: int, *, seed: int = 0, columns: int = 32) -> Case:
    """A curved surface of four dimensions in all columns, and 3 % noise."""
    rng = np.random.default_rng(seed)
    inner = 0.6 * rng.standard_normal((4, 24))
    bent = np.tanh(rng.standard_normal((n + m, 4)) @ inner + 0.3 * rng.standard_normal(24))
    numeric = bent @ rng.standard_normal((24, columns))
    numeric /= numeric.std(axis=0)
    numeric += 0.03 * rng.standard_normal(numeric.shape)
    return _numbers(numeric, n, rng)


def reallike(n: int, m: int, *, seed: int = 0, columns: int = 32) -> Case:
    """Five common factors and noise; a third of the columns skewed, a third whole numbers."""
    rng = np.random.default_rng(seed)
    numeric = rng.standard_normal((n + m, 5)) @ rng.standard_normal((5, columns))
    numeric *= 0.9 / np.sqrt(5)
    numeric += 0.35 * rng.standard_normal(numeric.shape)
    for c in range(columns):
        numeric[:, c] = _marginal(numeric[:, c], c)
    return _numbers(numeric, n, rng)


def patients(name: str) -> Callable[[int, int], Case]:
    """Rows of a real table, in the codecs of the audit."""

    def make(n: int, m: int) -> Case:
        from bench.patients import load  # Polars: only the real tables need it
        from synthema_core.encoding import Encoder
        from synthema_core.schema import Schema

        table = load(name)
        n = min(n, (table.height - (m - n)) // 2)
        order = np.random.default_rng(0).permutation(table.height)
        queries, pool = table[order[:n]], table[order[n : n + min(m, table.height - n)]]
        encoder = Encoder.fit(pool, Schema.infer(table, name=name))
        a, b = encoder.rows(queries), encoder.rows(pool)
        return {
            "queries_numeric": a.numeric,
            "queries_codes": a.codes,
            "pool_numeric": b.numeric,
            "pool_codes": b.codes,
        }

    return make


def at_hand(name: str) -> bool:
    """Whether a real table is on this machine."""
    from bench.patients import DATA

    return (DATA / name / f"{name}.parquet").exists()


def numbers_of(make: Callable[[int, int], Case]) -> Callable[[int, int], Case]:
    """All columns as float32 in [0, 1], levels in their order; missing takes the middle."""

    def numeric(n: int, m: int) -> Case:
        case = make(n, m)
        highest = np.maximum(case["pool_codes"].max(axis=0, initial=1), 1)
        sides = []
        for side in ("queries", "pool"):
            codes = np.where(case[f"{side}_codes"] < 0, np.nan, case[f"{side}_codes"] / highest)
            both = np.hstack([case[f"{side}_numeric"], codes])
            sides.append(np.nan_to_num(both, nan=0.5).astype(np.float32))
        empty = [np.empty((len(side), 0), np.int32) for side in sides]
        return _named(sides, empty)

    return numeric


def copies(case: Case) -> np.ndarray:
    """Which queries are, value by value, also a row of the pool."""
    queries, pool = (
        np.ascontiguousarray(
            np.hstack([np.nan_to_num(case[f"{side}_numeric"], nan=-1e9), case[f"{side}_codes"]])
            + 0.0  # no negative zero
        )
        for side in ("queries", "pool")
    )
    row = np.dtype((np.void, queries.dtype.itemsize * queries.shape[1]))
    return np.isin(queries.view(row)[:, 0], pool.view(row)[:, 0])


def _marginal(latent: np.ndarray, c: int) -> np.ndarray:
    if c % 3 == 0:
        return np.exp(0.8 * latent)
    return np.round(8 * latent) if c % 3 == 1 else latent


def _numbers(numeric: np.ndarray, n: int, rng: np.random.Generator) -> Case:
    codes = np.empty((len(numeric), 0), np.int32)
    return _split(_scaled(numeric, n).astype(np.float32), codes, n, rng)


def _scaled(numeric: np.ndarray, n: int) -> np.ndarray:
    """Columns on the range of the pool, the rows from n on."""
    low, high = np.nanmin(numeric[n:], axis=0), np.nanmax(numeric[n:], axis=0)
    numeric -= low
    numeric /= high - low
    return numeric


def _split(numeric: np.ndarray, codes: np.ndarray, n: int, rng: np.random.Generator) -> Case:
    """Queries and pool, after one query in a hundred has become a copy."""
    there = rng.choice(n, n // 100, replace=False)
    here = n + rng.choice(len(numeric) - n, len(there), replace=False)
    numeric[there], codes[there] = numeric[here], codes[here]
    return _named([numeric[:n], numeric[n:]], [codes[:n], codes[n:]])


def _named(numeric: list[np.ndarray], codes: list[np.ndarray]) -> Case:
    return {
        "queries_numeric": numeric[0],
        "queries_codes": codes[0],
        "pool_numeric": numeric[1],
        "pool_codes": codes[1],
    }
