"""What each section of the page says: results in, plain strings and pictures out."""

from typing import Any

import numpy as np

from ..auditing import Audit
from ..fidelity.joint import Detection
from ..fidelity.marginal import Shapes
from ..fidelity.pairwise import Pairs
from ..fidelity.survival import SurvivalDistance
from ..intervals import Estimate, NotMeasured
from ..privacy.distance import Distances, Quantiles
from . import plots
from .columns import picture
from .figures import NONE, count, interval, number, percent, sentence
from .pooling import FLOOR, printed, small
from .ranges import value

Row = tuple[str, ...]

SHOWN = 24  # columns drawn in the open; the rest fold away
ZOOMED = 20  # columns in the second map, when the first has too many to label


def distances(measured: Distances) -> dict[str, Any]:
    """Descriptive distances, training beside holdout."""
    edges, train = measured.edges, measured.train_to_synthetic
    holdout = measured.holdout_to_synthetic
    legend = [("real", "training rows")]
    head = ["Distance", "training"]
    columns = [np.cumsum(train)]
    if holdout is not None:
        legend.append(("holdout", "holdout rows"))
        head.append("holdout")
        columns.append(np.cumsum(holdout))
    at = _spread(len(train), 10)
    return {
        "legend": legend,
        "picture": plots.distances(edges, train, holdout, key="distances"),
        "head": head,
        "rows": [
            (f"≤ {value(float(edges[i + 1]))}", *(percent(float(column[i])) for column in columns))
            for i in at
        ],
        "table": [
            _row("Training rows copied", measured.copied_train, as_percent=True),
            _row("Holdout rows copied (by chance)", measured.copied_holdout, as_percent=True),
            _row(
                "Synthetic rows equal to a training row",
                measured.identical_share_train,
                as_percent=True,
            ),
            _row(
                "Synthetic rows equal to a holdout row",
                measured.identical_share_holdout,
                as_percent=True,
            ),
            _row("Share closer to training (0.5 expected)", measured.share_closer_to_train),
        ],
        "quantiles": [
            _quantiles("training table", measured.dcr_train, measured.nndr_train),
            _quantiles("holdout", measured.dcr_holdout, measured.nndr_holdout),
        ],
        "source": measured.source,
    }


def shapes(measured: Shapes) -> dict[str, Any]:
    """Every column, worst first: the first `SHOWN` in the open."""
    order = sorted(measured.columns, key=lambda column: -column.error)
    drawn = [picture(column, key=f"column-{i}") for i, column in enumerate(order)]
    return {
        "first": drawn[:SHOWN],
        "others": drawn[SHOWN:],
        "baseline": number(measured.baseline) if measured.baseline is not None else "",
        "table": [
            (
                column.name,
                column.kind,
                number(column.error),
                number(column.baseline),
                printed(column.missing_real, round(column.missing_real * column.n_real)),
                percent(column.missing_synthetic),
                count(column.n_real),
                count(column.n_synthetic),
            )
            for column in order
        ],
        "source": measured.source,
    }


def pairs(measured: Pairs) -> dict[str, Any]:
    """The map of differences; with many columns a second one of those that differ most."""
    if measured.mean_error is None:
        return {"reason": "No pair of columns has an association in both tables."}
    difference = np.asarray(measured.synthetic, float) - np.asarray(measured.real, float)
    np.fill_diagonal(difference, np.nan)
    names = measured.names
    whole = f"All {len(names)} columns, in the order of the schema; gray: not defined."
    maps = [{"picture": plots.difference_map(names, difference, key="pairs"), "caption": whole}]
    if len(names) > plots.MOST_LABELS:
        some = _worst_columns(difference)
        zoom = difference[np.ix_(some, some)]
        shown = tuple(names[i] for i in some)
        caption = f"The {len(some)} columns whose associations differ most, worst first."
        maps.append(
            {"picture": plots.difference_map(shown, zoom, key="pairs-worst"), "caption": caption}
        )
    return {
        "mean": number(measured.mean_error),
        "baseline": number(measured.baseline) if measured.baseline is not None else "",
        "maps": maps,
        "worst": [
            (
                f"{pair.first} × {pair.second}",
                number(pair.real),
                number(pair.synthetic),
                _signed(pair.synthetic - pair.real),
            )
            for pair in measured.worst
        ],
        "source": measured.source,
    }


def detection(measured: Detection | NotMeasured) -> dict[str, Any]:
    """The classifier two-sample test."""
    if isinstance(measured, NotMeasured):
        return {"reason": sentence(measured.reason)}
    auc = measured.auc
    return {
        "side": count(measured.n_per_side),
        "auc": f"{number(auc.value)} (95% interval {interval(auc)}, n = {count(auc.n)}, "
        f"{measured.folds} folds)",
        "columns": [(column.name, number(column.importance)) for column in measured.top_columns],
        "source": measured.source,
    }


def survival(measured: tuple[SurvivalDistance, ...]) -> dict[str, Any]:
    """One picture per endpoint, and per cause where events compete."""
    return {
        "curves": [_curve(curve, key=f"survival-{i}") for i, curve in enumerate(measured)],
        "table": [
            (
                curve_name(curve),
                number(curve.distance.value),
                interval(curve.distance),
                number(curve.baseline),
                value(curve.follow_up),
                f"{count(curve.n_real)} ({small(curve.events_real)})",
                f"{count(curve.n_synthetic)} ({count(curve.events_synthetic)})",
            )
            for curve in measured
        ],
        "sources": list(dict.fromkeys(curve.source for curve in measured)),
    }


def curve_name(curve: SurvivalDistance) -> str:
    """Endpoint, and the competing event if it is one of several."""
    return curve.endpoint if curve.cause is None else f"{curve.endpoint}, event {curve.cause}"


def validity(audit: Audit) -> dict[str, Any]:
    """Rules broken, or that none is."""
    measured = audit.validity
    share = measured.n_violating_rows / measured.n_rows if measured.n_rows else None
    return {
        "sentence": f"{count(measured.n_violating_rows)} of {count(measured.n_rows)} synthetic "
        f"rows ({percent(share)}) break a rule of the schema.",
        "rules": [(rule.column, rule.rule, count(rule.count)) for rule in measured.by_rule],
        "source": measured.source,
    }


def provenance(audit: Audit) -> dict[str, Any]:
    """Seed, sizes, versions, digests and times."""
    made = audit.provenance
    facts = [
        ("Date (UTC)", made.created),
        ("Schema", audit.schema_name or NONE),
        ("Seed", str(made.seed)),
        ("Training rows", count(made.n_train)),
        ("Synthetic rows", count(made.n_synthetic)),
        ("Holdout rows", count(made.n_holdout) if made.n_holdout else "none"),
        ("Fidelity is measured against", f"the {reference(audit)}"),
    ]
    return {
        "facts": facts,
        "digests": list(made.digests.items()),
        "versions": list(made.versions.items()),
        "seconds": [(part, number(seconds, 2)) for part, seconds in made.seconds.items()],
    }


def everything(audit: Audit) -> list[Row]:
    """One line per number."""
    return [
        (f"{section}: {name}", kind, number(value), number(low), number(high), count(n))
        for section, name, kind, value, low, high, n, _ in audit.frame().iter_rows()
    ]


def reference(audit: Audit) -> str:
    """The real table that fidelity compares with."""
    return "holdout" if audit.reference == "holdout" else "training table"


def _curve(curve: SurvivalDistance, *, key: str) -> dict[str, Any]:
    kept = curve.events_real >= FLOOR
    what = "Event-free" if curve.cause is None else "Cumulative incidence"
    band = None
    if curve.real_low is not None and curve.real_high is not None:
        band = (curve.real_low, curve.real_high)
    shown = ""
    if kept:
        shown = plots.curves(
            curve.times,
            curve.real,
            curve.synthetic,
            band=band,
            what=what,
            unit=curve.unit,
            key=key,
        )
    head = ["Time", "real", "synthetic", "gap"]
    if band is not None:
        head.insert(2, "95% band, real")
    rows = []
    for i in _spread(len(curve.times), 9):
        real, synthetic = float(curve.real[i]), float(curve.synthetic[i])
        row = [value(float(curve.times[i])), percent(real)]
        if band is not None:
            row.append(f"{percent(float(band[0][i]))} to {percent(float(band[1][i]))}")
        row += [percent(synthetic), _signed(synthetic - real)]
        rows.append(tuple(row))
    note = (
        f"n = {count(curve.n_real)} real ({small(curve.events_real)} events), "
        f"{count(curve.n_synthetic)} synthetic ({count(curve.events_synthetic)} events)."
    )
    if curve.nonpositive_times:
        note += f" {count(curve.nonpositive_times)} synthetic times at or below zero count as 0."
    baseline = curve.baseline
    return {
        "title": curve_name(curve),
        "distance": f"{number(curve.distance.value)} ({interval(curve.distance)})",
        "baseline": number(baseline) if baseline is not None else "",
        "picture": shown,
        "note": note,
        "head": head,
        "rows": rows,
    }


def _row(name: str, estimate: Estimate, *, as_percent: bool = False) -> Row:
    if estimate.value is None:
        return (name, "not measured", NONE, count(estimate.n))
    value = percent(estimate.value) if as_percent else number(estimate.value)
    return (name, value, interval(estimate, as_percent=as_percent), count(estimate.n))


def _quantiles(name: str, found: Quantiles | None, ratio: float | None) -> Row:
    if found is None:
        return (name, "not measured", *[NONE] * 6)
    values = (found.q05, found.q25, found.q50, found.q75, found.q95)
    return (name, *(number(value) for value in values), count(found.n), number(ratio))


def _worst_columns(difference: np.ndarray) -> np.ndarray:
    size = np.where(np.isfinite(difference), np.abs(difference), 0.0).mean(axis=0)
    return np.argsort(-size, kind="stable")[:ZOOMED]


def _spread(length: int, most: int) -> list[int]:
    """At most `most` indices spread over a grid, both ends among them."""
    return sorted(set(np.linspace(0, length - 1, min(most, length)).round().astype(int).tolist()))


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
