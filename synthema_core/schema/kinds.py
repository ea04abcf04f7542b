"""The kind of one column, from its dtype, its values and, last, its name; with the reason in words.

Values decide first, names only where values cannot: whole numbers may be codes, counts, years or
ranks. Every threshold is named below. A name pattern is generic (`*_id`, `n_*`, `*_days`); no
table's own names appear.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ..rules import Value
from .types import Column, Kind

FEW = 12  # up to so many different whole numbers are ranks, more are counts
MANY_CATEGORIES = 100  # a list this long deserves a look
ENOUGH_ROWS = 20  # below, 'different in every row' says little
LONG_TEXT = 30  # mean characters from which near-unique text reads as prose
RARE = 5  # rows; smaller categories point at persons

_ID = re.compile(
    r"(^|_)(id|ids|pid|mrn|uuid|guid|usubjid|subjid|nr|no|number|code|key|index|rowid|row|record|patient|subject|person"
    r"|participant|case|sample)$"
)
_PERSON = re.compile(
    r"(^|_)(pid|mrn|usubjid|subjid|patient|subject|person|participant)(_(id|nr|no|number|code))?$"
)
_CODE = re.compile(r"(^|_)(id|code|cd|type|zip|postcode|icd)$")
_COUNT = re.compile(r"^(n|nb|num|number|count|nr)_|_(n|count|counts)$|^(n|num|number)_?of_")
_YEAR = re.compile(r"(^|_)(year|yr|jahr|annee|anno)$|yr$|year$")
_UNITS = {
    "days": ("day", "days"),
    "weeks": ("week", "weeks", "wk", "wks"),
    "months": ("month", "months", "mo", "mos"),
    "years": ("years", "yrs"),
    "hours": ("hours", "hrs"),
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words}
_SPAN = re.compile(
    r"(^|_)(time|days?|weeks?|wks?|months?|mos|duration|followup|fup|futime|futm)$|^(time|days?|weeks?|months?)_(to|until|from"
    r"|since)_|(fu|surv|p)time$"
)
_NO = ("no", "n", "false", "f", "0", "negative", "neg", "absent", "none", "never", "wildtype", "wt")
_YES = ("yes", "y", "true", "t", "1", "positive", "pos", "present", "any", "ever", "mutated", "mut")
_LADDERS = (
    (r"none|no", r"mild|low|slight", r"moderate|medium", r"severe|high"),
    (r"low", r"int(er)?(mediate)?[ -]?(1|i)", r"int(er)?(mediate)?[ -]?(2|ii)", r"high"),
    (r"(very )?low", r"int(er)?(mediate)?|medium|standard|average", r"high", r"very high"),
    (
        r"favou?rable|good",
        r"int(er)?(mediate)?([ -]?(1|i))?",
        r"int(er)?(mediate)?[ -]?(2|ii)",
        r"adverse|poor|unfavou?rable",
    ),
    (r"i", r"ii", r"iii", r"iv", r"v"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at a column found."""

    values: pl.Series  # (k,) without nulls
    n_rows: int
    n_distinct: int  # among the known values
    n_missing: int
    order: tuple[str, ...] = ()  # declared order of an Enum


def tokens(name: str) -> str:
    """A name in lower case, '_' between its words: 'OS.Days' and 'osDays' become 'os_days'."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^0-9a-z]+", "_", split.lower()).strip("_")


def look(series: pl.Series, order: tuple[str, ...] = ()) -> Seen:
    """Count what `decide` needs to know."""
    values = series.drop_nulls()
    return Seen(
        values=values,
        n_rows=len(series),
        n_distinct=values.n_unique(),
        n_missing=series.null_count(),
        order=order,
    )


def decide(seen: Seen) -> Column:
    """The column's kind, reason and first warnings."""
    values = seen.values
    dtype = values.dtype
    column = _decide(seen)
    warnings = list(column.warnings)
    share = seen.n_missing / seen.n_rows
    if 0.5 < share < 1:
        warnings.append(f"{share:.0%} missing")
    if column.kind == "categorical":
        counts = values.value_counts().get_column("count")
        rare = int((counts < RARE).sum())
        if rare and seen.n_distinct > 2:
            warnings.append(
                f"{rare} of {seen.n_distinct} categories hold fewer than {RARE} rows: they may "
                "point at persons; consider merging them"
            )
    return replace(column, dtype=str(dtype), warnings=tuple(warnings), unit=_unit(column))


def _decide(seen: Seen) -> Column:
    values, name = seen.values, seen.values.name
    dtype = values.dtype
    if seen.n_distinct == 0:
        warning = "no value at all: drop the column, or find out why it is empty"
        return Column(
            name, "constant", categories=(), reason="every value is missing", warnings=(warning,)
        )
    if seen.n_distinct == 1 and not dtype.is_temporal():
        return _single(seen)
    if dtype == pl.Boolean:
        return Column(name, "boolean", categories=(False, True), reason="Boolean dtype")
    if dtype == pl.Date:
        return Column(name, "date", reason="Date dtype", warnings=(_DATE_WARNING,))
    if dtype == pl.Datetime:
        return Column(name, "datetime", reason="Datetime dtype", warnings=(_DATE_WARNING,))
    if dtype == pl.Duration:
        return Column(name, "duration", reason="Duration dtype")
    if dtype == pl.String:
        return _decide_text(seen)
    if dtype.is_float() and not bool((values == values.floor()).all()):
        sentinels = find_sentinels(values)
        if is_span(name) and float(values.min()) >= 0:  # type: ignore[arg-type]
            return _with_sentinels(
                Column(name, "duration", reason="numbers, and the name says time"), sentinels
            )
        column = Column(
            name, "continuous", reason=f"{seen.n_distinct} different numbers with decimals"
        )
        return _with_sentinels(column, sentinels)
    return _decide_whole(seen)


_DATE_WARNING = (
    "dates point at persons and at calendar effects: a time since diagnosis is usually better"
)


def _single(seen: Seen) -> Column:
    name, value = seen.values.name, _listed(seen)
    if seen.n_missing:
        warning = "one value or missing: if missing means 'no', write it as a category of its own"
        reason = "one value, else missing"
        return Column(name, "categorical", categories=value, reason=reason, warnings=(warning,))
    warning = "the same value in every row: it tells nothing, consider dropping it"
    return Column(
        name, "constant", categories=value, reason="one value in every row", warnings=(warning,)
    )


def _decide_text(seen: Seen) -> Column:
    values, name = seen.values, seen.values.name
    categories = _listed(seen)
    lower = [str(c).strip().lower() for c in categories]
    if len(lower) == 2 and not seen.order:
        for negative, positive in ((0, 1), (1, 0)):
            pair = (lower[negative], lower[positive])
            if pair in zip(_NO, _YES, strict=True):
                pair_values = (categories[negative], categories[positive])
                return Column(
                    name, "boolean", categories=pair_values, reason="two labels that say no and yes"
                )
    if seen.order:
        present = set(categories)
        ordered = tuple(label for label in seen.order if label in present)
        return Column(
            name,
            "ordinal",
            categories=ordered,
            reason="ordered labels, as declared by the Enum dtype",
        )
    k, known = seen.n_distinct, len(values)
    length = float(values.str.len_chars().mean() or 0.0)  # type: ignore[arg-type]
    if known >= ENOUGH_ROWS and k > 0.5 * known:
        spaced = float(values.str.contains(r"\S\s+\S").mean() or 0.0)  # type: ignore[arg-type]
        if length >= LONG_TEXT or spaced > 0.5:
            warning = "free text may name persons and is not modelled: drop it, or code it"
            reason = f"{k} different texts in {known} rows, {length:.0f} characters on average"
            return Column(name, "text", reason=reason, warnings=(warning,))
        if k == known or _ID.search(tokens(name)):
            return _identifier(name, k, known)
        warning = (
            f"{k} different labels in {known} rows: identifier, free text or category? Declare it"
        )
        return Column(name, "text", reason="most labels occur once", warnings=(warning,))
    if known >= ENOUGH_ROWS and k == known:
        return _identifier(name, k, known)
    ladder = _ladder(categories, lower)
    if ladder is not None:
        return Column(name, "ordinal", categories=ladder, reason=f"{k} labels with a natural order")
    warnings = [w for w in (_typed_warning(values),) if w]
    if k > MANY_CATEGORIES:
        warnings.append(f"{k} categories: consider grouping them (ICD chapters, regions)")
    return Column(
        name, "categorical", categories=categories, reason=f"{k} labels", warnings=tuple(warnings)
    )


def _decide_whole(seen: Seen) -> Column:
    """Whole numbers, whatever their dtype: identifier, boolean, time, code, year, count or rank."""
    values, name = seen.values, seen.values.name
    k, word = seen.n_distinct, tokens(seen.values.name)
    stored = f" stored as {values.dtype}" if values.dtype.is_float() else ""
    low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
    identifier = _whole_identifier(seen, low, high)
    if identifier is not None:
        return identifier
    if k == 2 and (low, high) in ((0, 1), (1, 2), (-1, 1)):
        warnings = () if low == 0 else (f"coded {low} and {high}: check which one means yes",)
        reason = f"only {low} and {high}{stored}"
        return Column(name, "boolean", categories=_listed(seen), reason=reason, warnings=warnings)
    if is_span(name) and low >= 0 and k > 2:
        column = Column(name, "duration", reason=f"whole numbers{stored}, and the name says time")
        return _with_sentinels(column, find_sentinels(values))
    if _CODE.search(word) and k <= MANY_CATEGORIES:
        reason = f"{k} whole numbers{stored}, and the name says code"
        return Column(name, "categorical", categories=_listed(seen), reason=reason)
    sentinels = find_sentinels(values)
    kind: Kind
    if k <= FEW and not (_COUNT.search(word) and low >= 0):
        kind, reason = "ordinal", f"{k} different whole numbers{stored}"
        warnings = ()
        if low < 0:
            warnings = ("a negative code among few numbers: a level of its own, or missing?",)
        elif sentinels:
            warnings = (
                "the largest value is far from the others: a level of its own, or missing?",
            )
        return Column(name, kind, categories=_listed(seen), reason=reason, warnings=warnings)
    if _YEAR.search(word) and low >= 1800 and high <= 2200:
        return Column(name, "count", reason=f"{k} calendar years")
    if low < 0 and low not in sentinels:
        return Column(
            name, "continuous", reason=f"{k} different whole numbers{stored}, some negative"
        )
    column = Column(name, "count", reason=f"{k} different whole numbers from 0{stored}")
    return _with_sentinels(column, sentinels)


def _whole_identifier(seen: Seen, low: int, high: int) -> Column | None:
    name, k, known = seen.values.name, seen.n_distinct, len(seen.values)
    word = tokens(name)
    if known < ENOUGH_ROWS:
        return _identifier(name, k, known) if k == known and _PERSON.search(word) else None
    contiguous = high - low + 1 == k and low in (0, 1)
    same_width = known >= 50 and low >= 10_000 and len(str(low)) == len(str(high))
    if k == known and (contiguous or same_width or _ID.search(word)):
        return _identifier(name, k, known)
    if k > 0.2 * known and k > MANY_CATEGORIES and _PERSON.search(word):
        return _identifier(name, k, known)
    return None


def _identifier(name: str, k: int, known: int) -> Column:
    if k == known:
        reason = f"different in each of {known} rows"
        return Column(
            name,
            "identifier",
            reason=reason,
            warnings=("identifier: not modelled, never synthesized",),
        )
    warning = f"names {k} units over {known} rows: not modelled; split train and holdout by it"
    return Column(
        name,
        "identifier",
        reason=f"{k} different values, and the name says person",
        warnings=(warning,),
    )


def is_span(name: str) -> bool:
    """Whether a name says 'length of time'."""
    word = tokens(name)
    return _SPAN.search(word) is not None and "_per_" not in word  # hours_per_week is a rate


def find_sentinels(values: pl.Series) -> tuple[float, ...]:
    """Values that are codes and not quantities.

    The largest value, if it occurs twice or more and is either 10 times the next one, or all nines
    and twice the next one; the smallest, if it is the only negative value, occurs twice or more and
    is -1, or made of eights or nines.
    """
    distinct = values.unique().sort()
    if len(distinct) < 3:
        return ()
    found = []
    top, next_ = float(distinct[-1]), float(distinct[-2])
    nines = re.fullmatch(r"9{2,}(\.0)?", str(top)) is not None
    far = top > 10 * max(abs(next_), 1.0) or (nines and top > 2 * max(abs(next_), 1.0))
    if far and int((values == top).sum()) >= 2:
        found.append(top)
    low, second = float(distinct[0]), float(distinct[1])
    coded = re.fullmatch(r"-(1|9+|8{2,})(\.0)?", str(low)) is not None
    if coded and second >= 0 and int((values == low).sum()) >= 2:
        found.append(low)
    return tuple(found)


def _with_sentinels(column: Column, sentinels: tuple[float, ...]) -> Column:
    if not sentinels:
        return column
    warning = (
        "a value far from all others recurs: taken for a code, not a quantity; check 'sentinels'"
    )
    return replace(column, sentinels=sentinels, warnings=(*column.warnings, warning))


def _listed(seen: Seen) -> tuple[Value, ...]:
    listed: list[Any] = seen.values.unique().sort().to_list()
    return tuple(listed)


def _ladder(categories: tuple[Value, ...], lower: list[str]) -> tuple[Value, ...] | None:
    """The labels in natural order, if all are steps of one ladder or all are intervals."""
    if len(lower) > MANY_CATEGORIES:
        return None
    for ladder in _LADDERS:
        steps = [
            next((i for i, p in enumerate(ladder) if re.fullmatch(p, label)), -1) for label in lower
        ]
        if -1 not in steps and len(set(steps)) == len(steps) and len(steps) >= 3:
            return tuple(
                c for _, c in sorted(zip(steps, categories, strict=True), key=lambda p: p[0])
            )
    bounds = [_interval(label) for label in lower]
    if len(bounds) < 3 or len(set(bounds)) != len(bounds):
        return None
    known = [bound for bound in bounds if bound is not None]
    if len(known) != len(bounds):
        return None
    return tuple(c for _, c in sorted(zip(known, categories, strict=True), key=lambda p: p[0]))


def _interval(label: str) -> tuple[float, int] | None:
    """Where an interval such as '[70-80)', '<=20', '>40', '1990-1994' or '65+' starts."""
    number = r"(\d+(?:\.\d+)?)"
    if m := re.fullmatch(rf"[\[(]?{number}\s*(?:-|–|,|to)\s*{number}[\])]?", label):
        return (float(m[1]), 1) if float(m[1]) <= float(m[2]) else None
    if m := re.fullmatch(rf"(?:<=?|≤|under|below|up to)\s*{number}", label):
        return (float("-inf"), 0)
    if m := re.fullmatch(rf"(?:>=?|≥|over|above)\s*{number}|{number}\s*\+", label):
        return (float(m[1] or m[2]), 2)
    return None


def _typed_warning(values: pl.Series) -> str | None:
    distinct = values.unique()
    if distinct.cast(pl.Float64, strict=False).null_count() == 0:
        return "numbers stored as text: cast the column if they are quantities"
    if bool(distinct.str.contains(r"^\d{4}-\d{2}-\d{2}").all()):
        return "dates stored as text: cast the column to Date"
    return None


def _unit(column: Column) -> str | None:
    """Units that a name states: 'os_days' is in days."""
    if column.kind not in ("duration", "count", "continuous"):
        return None
    return _UNIT.get(tokens(column.name).rpartition("_")[2]) if is_span(column.name) else None
