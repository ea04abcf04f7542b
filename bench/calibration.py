"""Do the intervals of attacks hold where nothing leaks? `python -m bench.calibration --run`.

Simulated AML patients, 300 in each table, of 24 columns: a fresh sample stands for the synthetic
table, so no attack may find anything. In 100 repetitions the 95 % interval of every attack, those
that train a classifier included, should hold what chance gives (AUC 0.5, the false positive rate,
risk 0) in 93 or more. One interval in eight that holds at exactly 95 % falls short of that by
chance, so the table says how rare as few would be. Attacks by flows are left out: their intervals
are those of any score.
A line of 100 repetitions says little of a single interval. So the attacks that cost little (all but
those by distances and classifiers of membership) are looked at again in 400 other repetitions, of
seeds that were fixed beforehand; and the coverage of the interval of a risk, which depends on two
binomial counts alone, is computed exactly.
Kept in bench/.results/calibration, so an interrupted run goes on where it stopped; one thread.

    --run            measure what is absent (else only print what is there)
    --again          the 400 other repetitions instead
    --minutes M      start nothing new after M minutes
    --page           put the table into docs/attacks.md
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
from scipy.stats import binom

import synthema_core as sc
from synthema_core.encoding import Encoder
from synthema_core.generate.cohort import simulate
from synthema_core.intervals import Estimate, clopper_pearson
from synthema_core.privacy import values
from synthema_core.privacy.attack import risk
from synthema_core.privacy.disclosure import inference, sweep_inference, sweep_linkability
from synthema_core.privacy.epsilon import empirical_epsilon
from synthema_core.privacy.match_and_learn import match_and_learn
from synthema_core.privacy.membership import Membership, scored
from synthema_core.privacy.reconstruction import reconstruction
from synthema_core.privacy.replicated import replicated
from synthema_core.privacy.singling_out import singling_out
from synthema_core.privacy.suite import membership_attacks
from synthema_core.privacy.tally import stack, take
from synthema_core.privacy.verdict import verdict
from synthema_kernels import Rows

RESULTS = Path(__file__).parent / ".results" / "calibration"
PAGE = Path(__file__).parents[1] / "docs" / "attacks.md"
PEOPLE, TIMES, AGAIN = 300, range(100), range(1000, 1400)  # people in a table; seeds
NOMINAL, LEAST = 0.95, 0.93  # share of intervals that should hold chance, and may
CLINICAL = "age sex ecog type_aml wbc hb platelet ldh bm_blasts eln_risk".split()
MUTATED = [f"mut_{gene}" for gene in "NPM1 FLT3_ITD DNMT3A IDH2 TET2 NRAS RUNX1 ASXL1 TP53".split()]
OUTCOME = "induction_response cr_days hsct os_days os_status".split()
KNOWN = ("age", "sex", "type_aml")
SECRETS = ("wbc", "mut_NPM1", "eln_risk")
EXACT = ((300, 300), (770, 385), (1000, 100), (50, 50))  # people and controls
Row = tuple[float | None, float | None, float]  # ends of an interval, and what chance gives


def repetition(seed: int) -> dict[str, Row]:
    """Every interval of one audit without a leak, by the name of its attack."""
    tables, names = people(seed)
    return by_membership(tables, seed) | by_disclosure(tables, names, seed)


def again(seed: int) -> dict[str, Row]:
    """Those that cost little."""
    tables, names = people(seed)
    everybody = stack(tables["train"], tables["holdout"])
    scores = values.values(everybody, tables["synthetic"])
    own = scored(
        "values",
        members=scores[:PEOPLE],
        controls=scores[PEOPLE:],
        n_synthetic=PEOPLE,
        source=values.SOURCE,
    )
    return rates(own) | by_disclosure(tables, names, seed)


def people(seed: int) -> tuple[dict[str, Rows], tuple[str, ...]]:
    """Three tables of one population, and the names of their columns."""
    table = simulate(3 * PEOPLE, seed=seed).select(CLINICAL + MUTATED + OUTCOME)
    encoder = Encoder.fit(table, sc.Schema.infer(table))
    rows, names = encoder.rows(table), (*encoder.numeric_names, *encoder.code_names)
    parts = (take(rows, slice(i, i + PEOPLE)) for i in range(0, 3 * PEOPLE, PEOPLE))
    return dict(zip(("train", "holdout", "synthetic"), parts, strict=True)), names


def by_membership(tables: dict[str, Rows], seed: int) -> dict[str, Row]:
    found: dict[str, Row] = {}
    attacks = membership_attacks(**tables, seed=seed)
    judged = verdict(attacks, seed=seed)
    assert judged is not None
    for one in (*attacks, judged.combined):
        found |= rates(one)
    found["verdict | no leak"] = (0.05, 1.0, judged.p_value)
    loss = empirical_epsilon(
        members=attacks[0].member_scores, controls=attacks[0].control_scores, seed=seed
    )
    found["privacy loss | by guesses"] = (loss.by_guesses, np.inf, 0.0)
    found["privacy loss | by rates"] = (loss.by_rates, np.inf, 0.0)
    return found


def rates(one: Membership) -> dict[str, Row]:
    return {
        f"{one.name} | AUC": held(one.auc, 0.5),
        f"{one.name} | TPR at 1 %": held(one.tpr_at_1, 0.01),
        f"{one.name} | TPR at 10 %": held(one.tpr_at_10, 0.1),
    }


def by_disclosure(tables: dict[str, Rows], names: tuple[str, ...], seed: int) -> dict[str, Row]:
    known, secrets = np.isin(names, KNOWN), [names.index(name) for name in SECRETS]
    found: dict[str, Row] = {}
    links = sweep_linkability(**tables, names=names, splits=2, seed=seed)
    secret = sweep_inference(**tables, names=names, secrets=secrets, model=True, seed=seed)
    by_known = inference(
        **tables, names=SECRETS, secrets=secrets, known=known, model=True, seed=seed
    )
    single = singling_out(**tables, widths=(1, 2, 4), seed=seed)
    rebuilt = reconstruction(**tables, share=0.8, seed=seed)
    roles = {"names": names, "quasi_identifiers": known}
    copied = replicated(**tables, **roles, targets=secrets)
    for i, one in enumerate(links.attacks):
        found[f"linkability | split {i + 1}"] = held(one.risk, 0.0)
    for one in secret.attacks:
        found[f"inference, {one.attacker} | {one.target}"] = held(one.risk, 0.0)
    for one in by_known:
        found[f"inference, model | {one.target}, by quasi-identifiers"] = held(one.risk, 0.0)
    for one in single:
        found[f"singling out | {one.target}"] = held(one.risk, 0.0)
    for one in rebuilt:
        found[f"reconstruction | {one.attacker}"] = held(one.risk, 0.0)
    matched = match_and_learn(**tables, **roles, secrets=secrets)
    found["match and learn | risk"] = held(matched.attack.risk, 0.0)
    found["replicated uniques | risk"] = held(copied.attack.risk, 0.0)
    for target, name in zip(copied.targets, SECRETS, strict=True):
        found[f"classes of one mind | {name}"] = held(target.attack.risk, 0.0)
    for name, sweep in (("linkability", links), ("inference", secret)):
        if sweep.worst is not None and sweep.worst.risk.low is not None:
            found[f"worst of all, corrected | {name}"] = (sweep.worst.risk.low, np.inf, 0.0)
    return found


def held(found: Estimate, chance: float) -> Row:
    return found.low, found.high, chance


def counted(seeds: range) -> tuple[int, dict[str, tuple[int, int]]]:
    """Repetitions there are, and of each line how many intervals hold chance, and of how many."""
    found = [json.loads(path.read_text()) for seed in seeds if (path := kept(seed)).exists()]
    counts = {}
    for name in dict.fromkeys(name for one in found for name in one):
        rows = [one[name] for one in found if name in one and one[name][0] is not None]
        counts[name] = (sum(low <= chance <= high for low, high, chance in rows), len(rows))
    return len(found), counts


def lines() -> Iterator[str]:
    """The table, in Markdown."""
    n_found, held_chance = counted(TIMES)
    if not n_found:
        return
    yield f"{n_found} repetitions, {PEOPLE} people in each table.\n"
    yield "| attack | interval of | holds chance | of | as few by chance, at 95 % |"
    yield "| --- | --- | --- | --- | --- |"
    counts = []
    for name, (hits, n) in held_chance.items():
        p = float(binom.cdf(hits, n, NOMINAL))
        counts.append((hits, n, p))
        yield f"| {name} | {hits} | {n} | {p:.3f} |"
    few = sum(hits < LEAST * n for hits, n, _ in counts)
    expected = sum(float(binom.cdf(int(np.ceil(LEAST * n)) - 1, n, NOMINAL)) for _, n, _ in counts)
    wrong = sum(p * len(counts) < 0.05 for *_, p in counts)
    all_hits, all_n = (sum(column) for column in list(zip(*counts, strict=True))[:2])
    yield (
        f"\nAll together {all_hits / all_n:.1%}. Below {LEAST:.0%}: {few} of {len(counts)} lines, "
        f"where {expected:.0f} would be by chance if every interval held at exactly 95 %. Too few "
        f"to be chance, corrected for {len(counts)} lines: {wrong or 'none'}."
    )


def lines_again() -> Iterator[str]:
    """The other repetitions, in Markdown."""
    n_found, held_chance = counted(AGAIN)
    if not n_found:
        return
    yield f"\nAgain, seeds {AGAIN[0]} to {AGAIN[-1]}, {n_found} repetitions:\n"
    yield "| attack | interval of | holds chance | of | share, and its 95 % interval |"
    yield "| --- | --- | --- | --- | --- |"
    for name, (hits, n) in held_chance.items():
        low, high = clopper_pearson(hits, n)
        yield f"| {name} | {hits} | {n} | {hits / n:.1%} [{low:.1%}, {high:.1%}] |"


def lines_exact() -> Iterator[str]:
    """How often the interval of a risk holds a true risk of 0, computed, in Markdown."""
    yield (
        "\nThe interval of a risk, computed: how often it holds a true risk of 0 at success rates "
        "of 1 % to 99 %, the least and the mean:\n"
    )
    yield "| people | controls | least | mean |"
    yield "| --- | --- | --- | --- |"
    for n, h in EXACT:
        found = [[risk(a, n, b, h) for b in range(h)] for a in range(n + 1)]
        holds = np.array([[r.low <= 0 <= r.high for r in line] for line in found])  # type: ignore[operator]
        shares = np.linspace(0.01, 0.99, 99)
        main, control = (
            binom.pmf(np.arange(k), m, shares[:, None]) for k, m in ((n + 1, n), (h, h))
        )
        held_by = (main @ holds * control).sum(axis=1) / control.sum(axis=1)
        yield f"| {n} | {h} | {held_by.min():.1%} | {held_by.mean():.1%} |"


def kept(seed: int) -> Path:
    return RESULTS / f"{PEOPLE} {seed}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--minutes", type=float, default=1e9)
    asked = parser.parse_args()
    start, spent = time.monotonic(), time.process_time()
    RESULTS.mkdir(parents=True, exist_ok=True)
    numba.set_num_threads(1)
    seeds, measure = (AGAIN, again) if asked.again else (TIMES, repetition)
    for seed in seeds if asked.run or asked.again else ():
        if kept(seed).exists():
            continue
        if time.monotonic() - start > 60 * asked.minutes:
            print("time is up: run again to go on", flush=True)
            break
        kept(seed).write_text(json.dumps(measure(seed)))
    text = "\n".join([*lines(), *lines_again(), *lines_exact()])
    print(text)
    if asked.page:
        before, _, rest = PAGE.read_text().partition("<!-- calibration -->")
        _, _, after = rest.partition("<!-- end of calibration -->")
        PAGE.write_text(
            f"{before}<!-- calibration -->\n\n{text}\n\n<!-- end of calibration -->{after}"
        )
    print(f"{time.process_time() - spent:.0f} s of processor time")


if __name__ == "__main__":
    main()
