"""How `bench.neighbors` prints its records: a table a case, and how time grows with size."""

import math
from itertools import pairwise

from bench.neighbors_plan import KINDS, SQUARED

WIDTH = 22


def seconds(record: dict) -> float:
    """Wall clock of the best run."""
    return min(record["wall"])


def partial(record: dict) -> bool:
    """Whether the engine was given fewer queries, and its time scaled."""
    return record["queries"] < record["n"] or record["rows"] < record["m"]


def rivals(records: list[dict]) -> list[dict]:
    """Everybody but us, of those that ran."""
    return [x for x in records if "wall" in x and not x["engine"].startswith(("synthema", "…"))]


def plural(threads: int) -> str:
    return f"{threads} thread" + ("s" if threads > 1 else "")


def heading(found: dict) -> str:
    lines = [found["machine"]]
    for threads, peak in found["peaks"].items():
        int8 = f"{peak['int8']:.0f} GOP/s" if peak["int8"] else "not here"
        lines.append(f"{plural(threads)}: SGEMM {peak['sgemm']:.0f} GFLOP/s, int8 dot {int8}")
    return "\n".join(lines)


def table(records: list[dict], peak: dict) -> str:
    """One case at one size: who took how long."""
    first, kind = records[0], KINDS[records[0]["case"]]
    metric = "squared Euclidean" if kind.numbers else "Gower"
    speed = "GFLOP/s" if kind.numbers else "ns/pair"
    lines = [
        f"\n{kind.title}: {metric}, k = 2, n = {first['n']:,} queries, m = {first['m']:,} rows, "
        f"{plural(first['threads'])}",
        f"{'engine':<{WIDTH}}{'version':<10}{'seconds':>10}{'cpu s':>9}{'ratio':>9}{speed:>9}"
        f"{'MiB':>7}{'same':>6}{'copies':>8}  runs",
    ]
    lines += [_line(record, first) for record in records]
    return "\n".join([*lines, *_shares(records, peak)])


def _line(record: dict, ours: dict) -> str:
    if "failed" in record:
        return f"{record['engine']:<{WIDTH}}failed: {record['failed'][:90]}"
    part, wall, pairs = partial(record), seconds(record), record["n"] * record["m"]
    shown = ("~" if part else "") + f"{wall:,.{3 if wall < 1000 else 0}f}"
    ratio = f"{wall / seconds(ours):.1f}x" if "wall" in ours else "-"
    numbers = KINDS[record["case"]].numbers
    speed = f"{operations(record):.0f}" if numbers else f"{wall / pairs * 1e9:.2f}"
    right = ["-" if record[x] is None else f"{record[x]:.0%}" for x in ("same", "copies")]
    runs = f"{len(record['wall'])}" + (f" of {record['queries']:,} queries" if part else "")
    runs += f" in {record['rows']:,} rows" if record["rows"] < record["m"] else ""
    return (
        f"{record['engine']:<{WIDTH}}{record['version']:<10}{shown:>10}{min(record['cpu']):>9.3f}"
        f"{ratio:>9}{speed:>9}{record['memory'] / 2**20:>7.0f}{right[0]:>6}{right[1]:>8}"
        f"  {'; '.join(x for x in (runs, record['note']) if x)}"
    )


def operations(record: dict) -> float:
    """2nmd billions a second: what brute force would have to reach."""
    return 2e-9 * record["n"] * record["m"] * record["p"] / seconds(record)


def _shares(records: list[dict], peak: dict) -> list[str]:
    """Our speed as a share of the machine's, and beside the strongest rival."""
    ours = records[0]
    if "wall" not in ours:
        return []
    lines = []
    if KINDS[ours["case"]].numbers:
        share = f"{operations(ours) / peak['sgemm']:.2f} of the SGEMM peak"
        if peak["int8"]:
            share += f", {operations(ours) / peak['int8']:.0%} of the int8 peak"
        lines.append(f"ours: {operations(ours):.0f} GFLOP/s, {share}")
    for k in (2, 1):
        strong = min((x for x in rivals(records) if x["k"] == k), key=seconds, default=None)
        if strong:
            lines.append(
                f"strongest rival, k = {k}: {strong['engine']}, "
                f"{seconds(strong) / seconds(ours):.1f} times our seconds"
            )
    return lines


def growth(records: list[dict]) -> str:
    """Exponents of time in n, between sizes that were searched in full."""
    lines = ["\nTime grows as n to the power of (scaled times left out)"]
    for case in dict.fromkeys(x["case"] for x in records):
        for engine in SQUARED if KINDS[case].numbers else ("synthema", "SciPy cdist, chunks"):
            most = max(x["threads"] for x in records if x["case"] == case)
            sizes = sorted(
                (x["n"], seconds(x))
                for x in records
                if (x["case"], x["engine"], x["threads"]) == (case, engine, most)
                and "wall" in x
                and not partial(x)
            )
            steps = [
                f"{a[0]:,} to {b[0]:,} {math.log(b[1] / a[1]) / math.log(b[0] / a[0]):.2f}"
                for a, b in pairwise(sizes)
            ]
            if steps:
                lines.append(f"{case:<14}{engine:<{WIDTH}}{'; '.join(steps)}")
    return "\n".join(lines) if len(lines) > 1 else ""


def everything(found: dict, records: list[dict]) -> str:
    """All of a run that was kept."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        groups.setdefault((record["case"], record["n"], record["threads"]), []).append(record)
    tables = [table(group, found["peaks"][group[0]["threads"]]) for group in groups.values()]
    return "\n".join([heading(found), *tables, growth(records)])
