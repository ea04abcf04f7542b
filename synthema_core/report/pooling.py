"""What a picture may show of real patients: groups, never one person.

Categories held by fewer than `FLOOR` real rows are pooled into 'other (rare)', few patients get few
bins, the open ends of a histogram are widened until they hold `FLOOR` real rows, and a cell of a
table of figures that counts 1 to 4 real patients reads '< 5'. A floor of five is the habit of
statistics offices.
"""

from dataclasses import dataclass

import numpy as np

FLOOR = 5
FEWEST_BINS = 4
RARE = "other (rare)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Shares per category, real against synthetic, in display order."""

    labels: tuple[str, ...]
    real: np.ndarray  # (k,) shares in [0, 1]
    synthetic: np.ndarray
    real_counts: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """A histogram whose two outer bins are open-ended: their outer edges are for drawing only."""

    edges: np.ndarray  # (k + 1,)
    real: np.ndarray  # (k,) shares in [0, 1]
    synthetic: np.ndarray
    real_counts: np.ndarray


def pool_categories(
    labels: tuple[str, ...],
    real: np.ndarray,
    synthetic: np.ndarray,
    *,
    n_real: int,
    ordered: bool = False,
) -> Bars:
    """Keep categories of `FLOOR` real rows or more, most frequent first; pool the others.

    Args:
        labels: k names.
        real: (k,) shares of the real rows.
        synthetic: (k,) shares of the synthetic rows.
        n_real: Real rows behind the shares.
        ordered: Keep the order given, which means something.
    """
    counts = np.rint(np.asarray(real, float) * n_real).astype(int)
    common = counts >= FLOOR
    ranked = range(len(counts)) if ordered else np.argsort(-counts, kind="stable")
    order = [i for i in ranked if common[i]]
    names = [labels[i] for i in order]
    shares, twins, kept = real[order], synthetic[order], counts[order]
    if not common.all():
        names.append(RARE)
        shares = np.append(shares, real[~common].sum())
        twins = np.append(twins, synthetic[~common].sum())
        kept = np.append(kept, counts[~common].sum())
    return Bars(labels=tuple(names), real=shares, synthetic=twins, real_counts=kept)


def pool_bins(edges: np.ndarray, real: np.ndarray, synthetic: np.ndarray, *, n_real: int) -> Bins:
    """A histogram of groups: bins wide enough for the number of patients, then `pool_tails`.

    Neighboring bins are merged two by two until there are at least `FLOOR` real rows per bin on
    average. The widths stay equal, so heights stay comparable.

    Args:
        edges: (k + 1,) ascending, equally spaced.
        real: (k,) shares of the real rows.
        synthetic: (k,) shares of the synthetic rows.
        n_real: Real rows behind the shares.
    """
    present = float(np.sum(real)) * n_real
    while len(real) > FEWEST_BINS and present < FLOOR * len(real):
        if len(real) % 2:
            edges = np.append(edges, 2 * edges[-1] - edges[-2])
            real, synthetic = np.append(real, 0.0), np.append(synthetic, 0.0)
        edges, real, synthetic = edges[::2], _pairs(real), _pairs(synthetic)
    return pool_tails(edges, real, synthetic, n_real=n_real)


def _pairs(values: np.ndarray) -> np.ndarray:
    sums: np.ndarray = values.reshape(-1, 2).sum(axis=1)
    return sums


def pool_tails(edges: np.ndarray, real: np.ndarray, synthetic: np.ndarray, *, n_real: int) -> Bins:
    """Merge bins inward from both ends until each outer bin holds at least `FLOOR` real rows.

    The outermost edge of a histogram can be the value of one patient. After pooling, that edge is
    dropped and the outer bin is open ('>= 120'); it is drawn as wide as its inner neighbor.

    Args:
        edges: (k + 1,) ascending.
        real: (k,) shares of the real rows.
        synthetic: (k,) shares of the synthetic rows.
        n_real: Real rows behind the shares.
    """
    counts = np.rint(np.asarray(real, float) * n_real).astype(int)
    start, stop = 0, len(counts)
    while stop - start > 2 and counts[: start + 1].sum() < FLOOR:
        start += 1
    while stop - start > 2 and counts[stop - 1 :].sum() < FLOOR:
        stop -= 1

    def merged(values: np.ndarray) -> np.ndarray:
        inner = values[start + 1 : stop - 1]
        return np.concatenate([[values[: start + 1].sum()], inner, [values[stop - 1 :].sum()]])

    if stop - start < 2:
        return Bins(
            edges=np.asarray(edges, float), real=real, synthetic=synthetic, real_counts=counts
        )
    drawn = np.array(edges[start : stop + 1], float)
    if stop - start > 2:
        drawn[0] = drawn[1] - (drawn[2] - drawn[1])
        drawn[-1] = drawn[-2] + (drawn[-2] - drawn[-3])
    return Bins(
        edges=drawn, real=merged(real), synthetic=merged(synthetic), real_counts=merged(counts)
    )


def small(count: int) -> str:
    """A count of real patients as it may be printed."""
    return f"< {FLOOR}" if 0 < count < FLOOR else f"{count:,}"


def printed(share: float, held: int) -> str:
    """A share of the real rows as it may be printed, when `held` patients are behind it."""
    return f"{small(held)} rows" if 0 < held < FLOOR else f"{100 * share:.1f}%"
