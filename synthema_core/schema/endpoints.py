"""Find time-to-event endpoints: pairs of a time and a status, by name first, then by value.

A pair must share its stem (`os_days`/`os_status`, `survival_time`/`survival_status`, `rec`/`rec.s`)
or be one of the habitual pairs (`time`/`status`, `futime`/`death`, `ptime`/`pstat`). The values
must agree: times are numbers, the status has few values of which one reads as censored, and those
censored have a time too. A time that is known only where the event happened (`hsct_days` given
`hsct`) is no endpoint but a duration with structural missingness.
"""

import re
from dataclasses import dataclass

import polars as pl

from ..rules import Ordered, Value, among
from .kinds import tokens
from .types import Column, Endpoint

AGREEMENT = 0.995  # share of rows in which a time must not exceed another to propose `not_after`
MOST_STATUSES = 12
LOOSEST = 5  # rank of names that fit least
ENOUGH = 20  # rows with both times, for an order to be proposed

_TIME = re.compile(
    r"^(?P<stem>.*?)_?(time|days?|months?|mos|weeks?|wks?|years?|yrs?|duration|survtime|tte)$|^(?P<short>.+)_t$|^t$"
)
_UNIT = re.compile(r"^(t|days?|months?|mos|weeks?|wks?|years?|yrs?)$")  # may mean a calendar
_STATUS = re.compile(
    r"^(?P<stem>.*?)_?(status|stat|event|censored|censor|cens|indicator|observed)$|^(?P<short>.+)_(s|d|ind|e)$"
)
_DEATH = re.compile(r"^(death|dead|died|deceased|vital|vital_status|vitalstatus|mortality)$")
_OVERALL = (
    "",
    "fu",
    "followup",
    "follow_up",
    "surv",
    "survival",
    "os",
    "overall",
    "overall_survival",
    "srv",
    "death",
)
_LAST = re.compile(
    r"^(os|overall|overall_survival|surv|survival|srv|death|dead|died|fu|followup|follow_up)$"
)
# words of survival alone: they need no stem in common with their time
_OBSERVED = re.compile(r"^(event|event_observed|observed|censored|censor|cens)$")
_CENSORED = re.compile(
    r"^(0|0[: ].*|false|no|none|alive.*|living|censor.*|cens|event[- ]?free|no event|lost.*|ltfu)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Endpoints, and what to tell a person about their columns."""

    endpoints: tuple[Endpoint, ...]
    notes: dict[str, list[str]]  # column -> warnings
    rules: tuple[Ordered, ...]  # durations that the last endpoint bounds


def find_endpoints(frame: pl.DataFrame, columns: tuple[Column, ...]) -> Found:
    """Every endpoint whose names and values agree; each column serves once.

    Args:
        frame: (n, c).
        columns: Their kinds as decided one by one.
    """
    times = [c for c in columns if c.kind in ("duration", "count", "continuous")]
    statuses = [c for c in columns if c.kind in ("boolean", "categorical", "ordinal")]
    statuses = [c for c in statuses if 2 <= len(c.categories or ()) <= MOST_STATUSES]
    notes: dict[str, list[str]] = {}
    endpoints: list[Endpoint] = []
    pairs = [
        (rank, t, s)
        for t in times
        for s in statuses
        if (rank := _name_rank(t.name, s.name)) is not None
    ]
    used: set[str] = set()
    for rank, time, status in sorted(
        pairs, key=lambda pair: pair[0]
    ):  # stable: table order within a rank
        if {time.name, status.name} & used:
            continue
        if rank == LOOSEST and sum(r == rank and t.name not in used for r, t, _ in pairs) > 1:
            continue  # which of the times it is, the names do not say
        event = _events(status)
        if event is None or not _timed_when_censored(frame, time, status, event):
            continue
        negative = int((frame.get_column(time.name) < 0).sum() or 0)
        if negative and (rank == LOOSEST or _UNIT.match(tokens(time.name))):
            notes.setdefault(time.name, []).append(
                f"not read as the time of '{status.name}': {negative} values are below 0"
            )
            continue
        used |= {time.name, status.name}
        endpoints.append(Endpoint(_endpoint_name(time.name), time.name, status.name, event))
        if len(event) > 1:
            notes.setdefault(status.name, []).append(
                f"{len(event)} competing events; every other value is read as censored"
            )
    positions = {column.name: i for i, column in enumerate(columns)}
    endpoints.sort(key=lambda e: positions[e.time])
    ordered = _order(frame, _distinct_names(endpoints), notes)
    timed = {endpoint.time for endpoint in ordered}
    spans = [c for c in times if c.kind == "duration" and c.name not in timed]
    return Found(endpoints=ordered, notes=notes, rules=_bounded(frame, spans, ordered))


def _name_rank(time: str, status: str) -> int | None:
    """How well two names fit as time and status: 0 best, None not at all."""
    t, s = tokens(time), tokens(status)
    match_t, match_s = _TIME.match(t), _STATUS.match(s)
    stem_t = None if match_t is None else (match_t["stem"] or match_t["short"] or "")
    stem_s = None if match_s is None else (match_s["stem"] or match_s["short"] or "")
    if stem_s and stem_t == stem_s:
        return 0
    if stem_s and t == stem_s:  # rec / rec.s
        return 1
    if stem_s == "" and stem_t == "":  # time / status
        return 1
    death = bool(_DEATH.match(s))
    if death and stem_t in _OVERALL:  # futime / death
        return 2
    if death and t in _OVERALL[1:]:
        return 3
    if stem_s in ("", "fu", "vital") and stem_t in _OVERALL:  # futime / status
        return 4
    if stem_t and "age" not in stem_t.split("_") and _OBSERVED.match(s):  # diff_days / observed
        return LOOSEST
    return None


def _events(status: Column) -> tuple[Value, ...] | None:
    """The status values that are events; None unless exactly one value reads as censored."""
    categories = status.categories or ()
    if set(categories) == {1, 2}:
        return (2,)  # the coding of R's survival package
    censored = [c for c in categories if _CENSORED.match(_label(c))]
    if len(censored) != 1:
        return None
    return tuple(c for c in categories if c != censored[0])


def _label(value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _timed_when_censored(
    frame: pl.DataFrame, time: Column, status: Column, event: tuple[Value, ...]
) -> bool:
    known = frame.get_column(time.name).is_not_null()
    if time.sentinels:
        coded = frame.select(among(pl.col(time.name), time.sentinels)).to_series()
        known &= ~coded.fill_null(value=False)
    censored = frame.select(~among(pl.col(status.name), event)).to_series().fill_null(value=False)
    return not censored.any() or float(known.filter(censored).mean() or 0.0) >= 0.9  # type: ignore[arg-type]


def _endpoint_name(time: str) -> str:
    word = tokens(time)
    match = _TIME.match(word)
    stem = word if match is None else (match["stem"] or match["short"] or "")
    return stem if f"{stem}_" in word or stem == word else word


def _distinct_names(endpoints: list[Endpoint]) -> list[Endpoint]:
    names = [endpoint.name for endpoint in endpoints]
    return [
        e if names.count(e.name) == 1 else Endpoint(e.time, e.time, e.status, e.event)
        for e in endpoints
    ]


def _order(
    frame: pl.DataFrame, endpoints: list[Endpoint], notes: dict[str, list[str]]
) -> tuple[Endpoint, ...]:
    """Propose `not_after` for every time that death or the end of follow-up bounds."""
    last = next((e for e in endpoints if _is_last(e)), None)
    if last is None:
        return tuple(endpoints)
    out = []
    bound = frame.get_column(last.time)
    for endpoint in endpoints:
        if endpoint is last:
            out.append(endpoint)
            continue
        within = frame.get_column(endpoint.time) <= bound  # null where either is missing
        known = len(within) - within.null_count()
        late = known - int(within.sum() or 0)
        if known == 0 or late / known > 1 - AGREEMENT:
            out.append(endpoint)
            continue
        if late:
            notes.setdefault(endpoint.time, []).append(
                f"later than column '{last.time}' in {late} rows: correct them, or drop 'not_after'"
            )
        out.append(
            Endpoint(endpoint.name, endpoint.time, endpoint.status, endpoint.event, last.time)
        )
    return tuple(out)


def _bounded(
    frame: pl.DataFrame, spans: list[Column], endpoints: tuple[Endpoint, ...]
) -> tuple[Ordered, ...]:
    """Nothing is observed after the last follow-up: durations that never exceed it, in any row."""
    last = next((e for e in endpoints if _is_last(e)), None)
    if last is None:
        return ()
    out = []
    bound = frame.get_column(last.time)
    for span in spans:
        values = frame.get_column(span.name)
        if not values.dtype.is_numeric() or values.equals(bound, check_names=False):
            continue  # a copy is told as such; a rule between copies would hold by luck alone
        within = values <= bound
        if len(within) - within.null_count() >= ENOUGH and within.all():
            name = f"proposed: {span.name} not after {last.time}"
            out.append(Ordered((span.name, last.time), name=name))
    return tuple(out)


def _is_last(endpoint: Endpoint) -> bool:
    return bool(
        _LAST.match(_endpoint_name(endpoint.time))
        or _LAST.match(tokens(endpoint.time))
        or _DEATH.match(tokens(endpoint.status))
    )
