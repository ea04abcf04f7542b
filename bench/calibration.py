"""Do the intervals of attacks hold where nothing leaks? `python -m bench.calibration --run`.

Simulated AML patients, 300 in each table, of 24 columns: a fresh sample stands for the synthetic
table, so no attack may find anything. In 100 repetitions the 95 % interval of every attack, those
that train a classifier included, should hold what chance gives (AUC 0.5, the false positive rate,
risk 0) in 93 or more. One interval in eight that holds at exactly 95 % falls short of that by
chance, so the table says how rare as few would be. Attacks by flows are left out: their intervals
are those of any score.
Kept in bench/.results/calibration, so an interrupted run goes on where it stopped; one thread.

    --run            measure what is absent (else only print what is there)
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
from synthema_core.intervals import Estimate
from synthema_core.privacy.disclosure import inference, sweep_inference, sweep_linkability
from synthema_core.privacy.epsilon import empirical_epsilon
from synthema_core.privacy.match_and_learn import match_and_learn
from synthema_core.privacy.reconstruction import reconstruction
from synthema_core.privacy.replicated import replicated
from synthema_core.privacy.singling_out import singling_out
from synthema_core.privacy.suite import membership_attacks
from synthema_core.privacy.tally import take
from synthema_core.privacy.verdict import verdict

RESULTS = Path(__file__).parent / ".results" / "calibration"
PAGE = Path(__file__).parents[1] / "docs" / "attacks.md"
PEOPLE, TIMES = 300, 100
NOMINAL, LEAST = 0.95, 0.93  # share of intervals that should hold chance, and may
CLINICAL = "age sex ecog type_aml wbc hb platelet ldh bm_blasts eln_risk".split()
MUTATED = [f"mut_{gene}" for gene in "NPM1 FLT3_ITD DNMT3A IDH2 TET2 NRAS RUNX1 ASXL1 TP53".split()]
OUTCOME = "induction_response cr_days hsct os_days os_status".split()
KNOWN = ("age", "sex", "type_aml")
SECRETS = ("wbc", "mut_NPM1", "eln_risk")
Row = tuple[float | None, float | None, float]  # ends of an interval, and what chance gives


def repetition(seed: int) -> dict[str, Row]:
    """Every interval of one audit without a leak, by the name of its attack."""
    people = simulate(3 * PEOPLE, seed=seed).select(CLINICAL + MUTATED + OUTCOME)
    encoder = Encoder.fit(people, sc.Schema.infer(people))
    rows, names = encoder.rows(people), (*encoder.numeric_names, *encoder.code_names)
    train, holdout, fresh = (take(rows, slice(i, i + PEOPLE)) for i in range(0, 3 * PEOPLE, PEOPLE))
    tables = {"train": train, "holdout": holdout, "synthetic": fresh}
    known, secrets = np.isin(names, KNOWN), [names.index(name) for name in SECRETS]
    found: dict[str, Row] = {}

    attacks = membership_attacks(**tables, seed=seed)
    judged = verdict(attacks, seed=seed)
    assert judged is not None
    for one in (*attacks, judged.combined):
        found[f"{one.name} | AUC"] = held(one.auc, 0.5)
        found[f"{one.name} | TPR at 1 %"] = held(one.tpr_at_1, 0.01)
        found[f"{one.name} | TPR at 10 %"] = held(one.tpr_at_10, 0.1)
    found["verdict | no leak"] = (0.05, 1.0, judged.p_value)
    loss = empirical_epsilon(
        members=attacks[0].member_scores, controls=attacks[0].control_scores, seed=seed
    )
    found["privacy loss | by guesses"] = (loss.by_guesses, np.inf, 0.0)
    found["privacy loss | by rates"] = (loss.by_rates, np.inf, 0.0)

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


def lines() -> Iterator[str]:
    """The table, in Markdown."""
    paths = [path for seed in range(TIMES) if (path := kept(seed)).exists()]
    found = [json.loads(path.read_text()) for path in paths]
    yield f"{len(found)} repetitions, {PEOPLE} people in each table.\n"
    yield "| attack | interval of | holds chance | of | as few by chance, at 95 % |"
    yield "| --- | --- | --- | --- | --- |"
    counts = []
    for name in dict.fromkeys(name for one in found for name in one):
        rows = [one[name] for one in found if name in one and one[name][0] is not None]
        hits = sum(low <= chance <= high for low, high, chance in rows)
        p = float(binom.cdf(hits, len(rows), NOMINAL))
        counts.append((hits, len(rows), p))
        yield f"| {name} | {hits} | {len(rows)} | {p:.3f} |"
    few = sum(hits < LEAST * n for hits, n, _ in counts)
    expected = sum(float(binom.cdf(int(np.ceil(LEAST * n)) - 1, n, NOMINAL)) for _, n, _ in counts)
    wrong = sum(p * len(counts) < 0.05 for *_, p in counts)
    all_hits, all_n = (sum(column) for column in list(zip(*counts, strict=True))[:2])
    yield (
        f"\nAll together {all_hits / all_n:.1%}. Below {LEAST:.0%}: {few} of {len(counts)} lines, "
        f"where {expected:.0f} would be by chance if every interval held at exactly 95 %. Too few "
        f"to be chance, corrected for {len(counts)} lines: {wrong or 'none'}."
    )


def kept(seed: int) -> Path:
    return RESULTS / f"{PEOPLE} {seed}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--minutes", type=float, default=1e9)
    asked = parser.parse_args()
    start, spent = time.monotonic(), time.process_time()
    RESULTS.mkdir(parents=True, exist_ok=True)
    numba.set_num_threads(1)
    for seed in range(TIMES) if asked.run else ():
        if kept(seed).exists():
            continue
        if time.monotonic() - start > 60 * asked.minutes:
            print("time is up: run again to go on", flush=True)
            break
        kept(seed).write_text(json.dumps(repetition(seed)))
    text = "\n".join(lines())
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
