"""Every attack on seven synthetic tables and on fresh people: `python -m bench.attacks --run`.

Half of the people are members, a quarter controls, a quarter a fresh sample that stands in for the
best generator there could be. Tables: AML (AMLSG, 1,540 patients, the columns of bench/aml.py) and
10,000 rows of `adult`. What was measured is kept in bench/.results/attacks, one file for each
table, seed, candidate and part, so an interrupted run goes on where it stopped.

    --run            measure what is absent (else only print what is there)
    --minutes M      start nothing new after M minutes
    --page           write the tables into docs/attacks.md; a figure there of which no result is
                     kept here stays as it is
    --tables, --seeds, --made, --parts    only these
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import synthema_core as sc
from bench.aml import COLUMNS, RULES
from bench.exam.paper import marginals
from bench.overfitted import overfitted
from bench.patients import load
from bench.rivals_cart import cart
from synthema_core.encoding import Encoder
from synthema_core.flow_attacks import model_attacks, table_attacks
from synthema_core.generate import FlowGenerator
from synthema_core.generate.avatar import AvatarGenerator
from synthema_core.generate.shadows import ShadowSettings
from synthema_core.intervals import Estimate
from synthema_core.privacy.disclosure import sweep_inference, sweep_linkability
from synthema_core.privacy.match_and_learn import match_and_learn
from synthema_core.privacy.membership import Membership
from synthema_core.privacy.reconstruction import reconstruction
from synthema_core.privacy.replicated import replicated
from synthema_core.privacy.singling_out import singling_out
from synthema_core.privacy.suite import membership_attacks
from synthema_core.privacy.verdict import verdict
from synthema_kernels import Rows

RESULTS = Path(__file__).parent / ".results" / "attacks"
TABLES = {"aml": 1540, "adult": 10_000}
MADE = {
    "copy": "verbatim copy",
    "avatar 2": "avatar, k = 2",
    "avatar 20": "avatar, k = 20",
    "cart": "sequential CART",
    "overfitted": "flow, overfitted",
    "marginals": "independent marginals",
    "flow": "flow",
    "fresh": "fresh people",
}
PARTS = ("rows", "disclosure", "identity", "flows", "model")
# what somebody may know of a person, and what he would like to
KNOWN = {
    "aml": ("age", "sex", "hb", "platelet", "wbc"),
    "adult": ("age", "sex", "race", "native_country", "education", "occupation"),
}
SECRET = {"aml": ("mut_TP53", "os_status"), "adult": ("income",)}
ABSENT = "–"
Grid = dict[str, dict[str, str]]  # cells by line and column
Page = dict[str, dict[str, Grid]]  # tables by heading and caption
SHADOWS = {"flows": 16, "model": 64}
# as the overfitted target is trained, for fewer steps
HARD = ShadowSettings(steps=1200, dropout=0.0)


@dataclass(frozen=True)
class People:
    """The three real tables of one split, and what is made of the first."""

    name: str
    seed: int

    @cached_property
    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        table = load("aml_amlsg_2016").select(COLUMNS) if self.name == "aml" else load("adult")
        order = np.random.default_rng(self.seed).permutation(table.height)[: TABLES[self.name]]
        half, most = len(order) // 2, 3 * len(order) // 4
        return table[order[:half]], table[order[half:most]], table[order[most:]]

    @cached_property
    def schema(self) -> sc.Schema:
        found = sc.Schema.infer(self.tables[0], name=self.name)
        return found.with_rules(*RULES) if self.name == "aml" else found

    @cached_property
    def flow(self) -> FlowGenerator:
        path = self.place("flow.synthema")
        if not path.exists():
            FlowGenerator(seed=self.seed, progress=False).fit(self.tables[0], self.schema).save(
                path
            )
        return FlowGenerator.load(path)

    @cached_property
    def overfitted(self) -> FlowGenerator:
        path = self.place("overfitted.synthema")
        if not path.exists():
            steps = 10 * max(100, int(np.mean(self.flow.model.record["best_step"])))
            overfitted(self.tables[0], self.schema, steps=steps, seed=self.seed).save(path)
        return FlowGenerator.load(path)

    def place(self, name: str) -> Path:
        RESULTS.mkdir(parents=True, exist_ok=True)
        return RESULTS / f"{self.name} {self.seed} {name}"

    def made(self, name: str) -> pl.DataFrame:
        """A candidate, drawn once."""
        path = self.place(f"{name}.parquet")
        if not path.exists():
            self._make(name).write_parquet(path)
        return pl.read_parquet(path)

    def _make(self, name: str) -> pl.DataFrame:
        train, _, fresh = self.tables
        draw: dict[str, Callable[[], pl.DataFrame]] = {
            "copy": lambda: train.sample(fraction=1, shuffle=True, seed=self.seed),
            "fresh": lambda: fresh,
            "marginals": lambda: marginals(train, self.seed),
            "cart": lambda: cart(train, train.height, seed=self.seed),
            "flow": lambda: self.flow.sample(train.height, seed=self.seed),
            "overfitted": lambda: self.overfitted.sample(train.height, seed=self.seed),
        }
        if name.startswith("avatar"):
            generator = AvatarGenerator(k=int(name.split()[1])).fit(train, self.schema)
            return generator.sample(train.height, seed=self.seed)
        return draw[name]()

    def rows(self, synthetic: pl.DataFrame) -> tuple[Encoder, Rows, Rows, Rows]:
        train, holdout, _ = self.tables
        names = [c.name for c in self.schema.modelled]
        common = train.select(names).schema
        frames = [table.select(names).cast(common) for table in (train, holdout, synthetic)]
        encoder = Encoder.fit(frames[0], self.schema, also=frames[1:])
        first, second, third = (encoder.rows(frame) for frame in frames)
        return encoder, first, second, third


def measure(people: People, made: str, part: str) -> dict[str, Any]:
    """One part of what is measured of one candidate."""
    train, holdout, _ = people.tables
    seed, start, cpu = people.seed, time.perf_counter(), time.process_time()
    if part == "model":
        found: dict[str, Any] = attacks_on_model(people, made)
    elif part == "flows":
        attacks = table_attacks(
            train=train,
            holdout=holdout,
            synthetic=people.made(made),
            schema=people.schema,
            shadows=SHADOWS[part],
            seed=seed,
        )
        assert isinstance(attacks, tuple)
        found = {"attacks": {one.name: plain(one) for one in attacks}}
    else:
        encoder, members, controls, synthetic = people.rows(people.made(made))
        three = {"train": members, "holdout": controls, "synthetic": synthetic, "seed": seed}
        if part == "rows":
            attacks = membership_attacks(**three)
            judged = verdict(attacks, seed=seed)
            assert judged is not None
            found = {
                "attacks": {one.name: plain(one) for one in (*attacks, judged.combined)},
                "p_value": judged.p_value,
                "strongest": judged.strongest,
            }
        elif part == "identity":
            found = {"risks": identity(people.name, encoder, three)}
        else:
            names = (*encoder.numeric_names, *encoder.code_names)
            linked = sweep_linkability(**three, names=names).worst
            secret = sweep_inference(**three, names=names, model=False).worst
            alone, several = singling_out(**three)
            found = {
                "risks": {
                    "linkability, worst split": None if linked is None else pair(linked.risk),
                    "inference, worst secret": None if secret is None else pair(secret.risk),
                    "singling out, one column": pair(alone.risk),
                    "singling out, three columns": pair(several.risk),
                }
            }
    return found | {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
    }


def identity(name: str, encoder: Encoder, three: dict[str, Any]) -> dict[str, Any]:
    """Whole rows, and what a few known columns give away."""
    columns = (*encoder.numeric_names, *encoder.code_names)
    seed, tables = three["seed"], {k: rows for k, rows in three.items() if k != "seed"}
    keys = {"names": columns, "quasi_identifiers": np.isin(columns, KNOWN[name])}
    secrets = [columns.index(secret) for secret in SECRET[name]]
    copied = replicated(**tables, **keys, targets=secrets)
    learned = match_and_learn(**tables, **keys, secrets=secrets)
    rebuilt = reconstruction(**tables, seed=seed)
    return {
        **{f"reconstruction, {one.attacker}": pair(one.risk) for one in rebuilt},
        "replicated uniques": pair(copied.attack.risk),
        **{f"unanimous about {one.name}": pair(one.attack.risk) for one in copied.targets},
        "matched and learned about": pair(learned.attack.risk),
    }


def attacks_on_model(people: People, made: str) -> dict[str, Any]:
    """The likelihood-ratio attack on the model itself."""
    train, holdout, _ = people.tables
    hard = made == "overfitted"
    attacks = model_attacks(
        train=train,
        holdout=holdout,
        model=people.overfitted if hard else people.flow,
        shadows=SHADOWS["model"],
        settings=HARD if hard else None,
        seed=people.seed,
    )
    assert isinstance(attacks, tuple)
    named = {f"model file: {one.name}": plain(one) for one in attacks}
    return {"attacks": named, "shadows": SHADOWS["model"]}


def plain(found: Membership) -> dict[str, tuple[float | None, ...]]:
    rates = ("auc", "tpr_at_01", "tpr_at_1", "tpr_at_10")
    return {rate: pair(getattr(found, rate)) for rate in rates}


def pair(found: Estimate) -> tuple[float | None, ...]:
    return found.value, found.low, found.high


def cells(asked: argparse.Namespace) -> Iterator[tuple[str, int, str, str]]:
    for name in asked.tables:
        for seed in asked.seeds:
            for part in asked.parts:
                for made in asked.made:
                    if part != "model" or made in ("flow", "overfitted"):
                        yield name, seed, made, part


def kept(name: str, seed: int, made: str, part: str) -> Path:
    return RESULTS / f"{name} {seed} {made} {part}.json"


def run(asked: argparse.Namespace) -> None:
    start = time.monotonic()
    people: dict[tuple[str, int], People] = {}
    for name, seed, made, part in cells(asked):
        path = kept(name, seed, made, part)
        if path.exists():
            continue
        if time.monotonic() - start > 60 * asked.minutes:
            print("time is up: run again to go on", flush=True)
            return
        split = people.setdefault((name, seed), People(name, seed))
        found = measure(split, made, part)
        path.write_text(json.dumps(found))
        print(f"{path.stem}: {found['seconds']:.0f} s", flush=True)


def tables(names: Sequence[str], seeds: Sequence[int]) -> Page:
    """What was measured: mean over seeds, and the intervals' mean ends."""
    page: Page = {}
    for name in names:
        found = {
            made: [
                json.loads(path.read_text())
                for part in PARTS
                for seed in seeds
                if (path := kept(name, seed, made, part)).exists()
            ]
            for made in MADE
        }
        if not any(found.values()):
            continue
        head = f"{name}, {TABLES[name] // 2:,} members, {TABLES[name] // 4:,} controls"
        page[head] = {
            "AUC, mean over seeds [mean ends of the 95 % intervals]:": grid(
                found, "attacks", "auc"
            ),
            "TPR at 1 % FPR, mean over seeds [mean ends of the 95 % intervals]:": grid(
                found, "attacks", "tpr_at_1"
            ),
            "Risk beyond the control, worst of each kind:": grid(found, "risks", None),
            "Verdict:": {"leak found, of seeds": verdicts(found)},
        }
    return page


def grid(found: dict[str, list[Any]], section: str, rate: str | None) -> Grid:
    """One line a measure, one column a candidate."""
    lines: Grid = {}
    for made, results in found.items():
        for name in dict.fromkeys(name for one in results for name in one.get(section, {})):
            cells = [one[section][name] for one in results if name in one.get(section, {})]
            values = [cell if rate is None else cell[rate] for cell in cells if cell is not None]
            values = [value for value in values if value[0] is not None]
            if values:
                mean = "{:.3f} [{:.3f}, {:.3f}]".format(*np.mean(values, axis=0))
                lines.setdefault(name, {})[MADE[made]] = mean
    return lines


def verdicts(found: dict[str, list[Any]]) -> dict[str, str]:
    judged = {m: [one["p_value"] for one in found[m] if "p_value" in one] for m in found}
    return {MADE[m]: f"{sum(p <= 0.05 for p in ps)} of {len(ps)}" for m, ps in judged.items() if ps}


def markdown(page: Page) -> Iterator[str]:
    for head, captions in page.items():
        yield f"\n### {head}"
        for caption, lines in captions.items():
            seen = {column for line in lines.values() for column in line}
            columns = [column for column in MADE.values() if column in seen]
            if not columns:
                continue
            yield f"\n{caption}\n"
            yield "| | " + " | ".join(columns) + " |"
            yield "| --- |" + " --- |" * len(columns)
            for name, line in lines.items():
                if line:
                    cells = (line.get(column, ABSENT) for column in columns)
                    yield f"| {name} | " + " | ".join(cells) + " |"


def read(text: str) -> Page:
    """The page back from its Markdown."""
    page: Page = {}
    head, caption, columns = "", "", [""]
    for line in text.splitlines():
        if line.startswith("### "):
            head = line.removeprefix("### ")
        elif line.startswith("| | "):
            columns = [cell.strip() for cell in line.split("|")[2:-1]]
        elif line.startswith("| --- "):
            continue
        elif line.startswith("| "):
            name, *cells = (cell.strip() for cell in line.split("|")[1:-1])
            row = dict(zip(columns, cells, strict=True))
            known = {column: cell for column, cell in row.items() if cell != ABSENT}
            page.setdefault(head, {}).setdefault(caption, {})[name] = known
        elif line:
            caption = line
    return page


def over(old: Page, new: Page) -> Page:
    """The old page, with every figure that the new one has in its place."""
    page: Page = {}
    for one in (old, new):
        for head, captions in one.items():
            for caption, lines in captions.items():
                for name, line in lines.items():
                    below = page.setdefault(head, {}).setdefault(caption, {})
                    below.setdefault(name, {}).update(line)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(100, 105)))
    parser.add_argument("--made", nargs="*", default=list(MADE))
    parser.add_argument("--parts", nargs="*", default=list(PARTS))
    asked = parser.parse_args()
    if asked.run:
        run(asked)
    found = tables(asked.tables, asked.seeds)
    print("\n".join(markdown(found)))
    if asked.page:
        page = Path(__file__).parents[1] / "docs" / "attacks.md"
        before, _, rest = page.read_text().partition("<!-- tables -->")
        old, _, after = rest.partition("<!-- end -->")
        text = "\n".join(markdown(over(read(old), found)))
        page.write_text(f"{before}<!-- tables -->\n{text}\n\n<!-- end -->{after}")


if __name__ == "__main__":
    main()
