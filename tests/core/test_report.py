"""The report on audits made up here: every branch of the page is seen without fitting anything."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import numpy as np
import polars as pl
import pytest

from synthema_core.anonymity import anonymity
from synthema_core.auditing import Audit, BrokenRule, Provenance, Validity
from synthema_core.context import ReleaseContext
from synthema_core.errors import OutputError
from synthema_core.evidence import Belonging, Evidence, Roles, Scope, Weights
from synthema_core.evidence.exposure import Exposed, Exposure, Subgroup, Worst
from synthema_core.evidence.result import TableClasses
from synthema_core.fidelity.joint import ColumnImportance, Detection
from synthema_core.fidelity.marginal import ColumnShape, Shapes
from synthema_core.fidelity.pairwise import PairDifference, Pairs
from synthema_core.fidelity.survival import SurvivalDistance
from synthema_core.intervals import EMPTY, Estimate, NotMeasured
from synthema_core.privacy.attack import Attack, sweep
from synthema_core.privacy.avatar import AvatarDistances
from synthema_core.privacy.distance import Distances, Quantiles
from synthema_core.privacy.epsilon import EmpiricalEpsilon
from synthema_core.privacy.membership import Membership
from synthema_core.privacy.verdict import Adjusted, Verdict
from synthema_core.report import plots, sections, write_html
from synthema_core.report.html import SECTIONS, render

SOURCE = "A paper (2020), A Journal 1, 1-2."
CLINICAL = ("age", "sex", "wbc", "platelets", "eln_risk", "karyotype", "NPM1", "os_time")


def estimate(value, half, n):
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n)


def numeric_shape(name, rng, n=770):
    edges = np.linspace(10, 90, 21)
    center = rng.uniform(35, 60)
    real = np.histogram(rng.normal(center, 12, n).clip(10, 90), edges)[0] / n
    synthetic = np.histogram(rng.normal(center + 2, 13, n).clip(10, 90), edges)[0] / n
    return ColumnShape(
        name=name,
        kind="continuous",
        error=float(np.abs((real - synthetic).cumsum()).max()),
        baseline=0.021,
        missing_real=0.05,
        missing_synthetic=0.045,
        n_real=n,
        n_synthetic=n,
        edges=edges,
        labels=None,
        real=0.95 * real,
        synthetic=0.955 * synthetic,
    )


def category_shape(name, rng, levels, n=770):
    real = np.sort(rng.dirichlet(np.full(levels, 0.6)))[::-1]
    synthetic = np.abs(real + rng.normal(0, 0.01, levels))
    synthetic /= synthetic.sum()
    return ColumnShape(
        name=name,
        kind="categorical",
        error=float(0.5 * np.abs(real - synthetic).sum()),
        baseline=None,
        missing_real=0.0,
        missing_synthetic=0.0,
        n_real=n,
        n_synthetic=n,
        edges=None,
        labels=tuple(f"level {i}" for i in range(levels)),
        real=real,
        synthetic=synthetic,
    )


def curve(endpoint, cause, rng, n=770):
    times = np.linspace(0, 3650, 200)
    real = np.exp(-((times / 1500) ** 0.7)) if cause is None else 0.4 * (1 - np.exp(-times / 900))
    synthetic = (real + 0.02 * np.sin(times / 700)).clip(0, 1)
    width = 0.01 + 0.05 * times / times[-1]
    return SurvivalDistance(
        endpoint=endpoint,
        cause=cause,
        distance=Estimate(value=0.021, low=0.012, high=0.038, n=2 * n),
        baseline=0.019,
        follow_up=3650.0,
        n_real=n,
        n_synthetic=n,
        events_real=412,
        events_synthetic=398,
        nonpositive_times=0,
        times=times,
        real=real,
        real_low=None if cause else (real - width).clip(0, 1),
        real_high=None if cause else (real + width).clip(0, 1),
        synthetic=synthetic,
        source=SOURCE,
    )


def attack(name, target, risk, n=770):
    none = np.zeros(0, bool)
    return Attack(
        name=name,
        target=target,
        main=estimate(0.12 + 0.9 * risk, 0.02, n),
        control=estimate(0.12, 0.02, n),
        baseline=0.05,
        risk=Estimate(value=risk, low=risk - 0.03, high=min(1.0, risk + 0.03), n=2 * n),
        minimum_detectable_risk=0.04,
        succeeded=none,
        controls_succeeded=none,
        source=SOURCE,
    )


def fake_weights(membership):
    return Weights(
        digest="c" * 64,
        parameters=123_456,
        rows=770,
        membership=membership,
        shadowed=(replace(membership, name="likelihood ratio, online"),),
        gap=Estimate(value=1.5, low=0.4, high=2.6, n=1540),
        epsilon=NotMeasured(reason="made up"),
        worst=Worst(
            attack="log-density of the model",
            people=(Exposed(rows=(3,), score=-21.4, p=0.2),),
            n_ahead=0,
            n=770,
            n_controls=770,
        ),
        extraction=(attack("extraction", "wbc", 0.3),),
        queried=1000,
        copied_train=estimate(0.0, 0.005, 770),
        copied_holdout=estimate(0.0, 0.005, 770),
        source=SOURCE,
    )


def fake_evidence(*, risk, holdout, membership):
    why = NotMeasured(reason="no holdout was given")
    table = pl.DataFrame({"sex": ["f", "m", "m"], "age": [1, 2, 2], "npm1": [0, 1, 0]})
    classes = anonymity(table, quasi_identifiers=["sex", "age"], secrets=["npm1"])
    quantiles = Quantiles(q05=1.0, q25=4.0, q50=11.0, q75=20.0, q95=60.0, n=770)
    group = Subgroup(
        columns=("sex", "eln_risk"),
        levels=("f", "adverse"),
        n_train=5,
        n_holdout=4,
        auc=estimate(0.5 + risk / 2, 0.2, 775),
        controls="all",
        found=estimate(0.2, 0.2, 5),
        worst=0.013,
    )
    return Evidence(
        level="quick",
        roles=Roles(
            quasi_identifiers=("sex", "age"), secrets=("npm1",), secrets_declared=True, unit="pid"
        ),
        scope=Scope(
            n_train=770,
            n_holdout=770 if holdout else 0,
            n_synthetic=500,
            all_train=770,
            all_holdout=770 if holdout else 0,
            all_synthetic=770,
            people_train=700,
            people_holdout=690 if holdout else 0,
        ),
        membership=Belonging(
            attacks=(membership, replace(membership, name="values")),
            verdict=Verdict(
                p_value=0.01 if risk > 0.05 else 0.4,
                leak=risk > 0.05,
                strongest="values",
                attacks=tuple(
                    Adjusted(
                        name=name,
                        p_value=0.01 if risk > 0.05 else 0.4,
                        auc=replace(membership.auc, low=0.45),
                    )
                    for name in ("distance", "values", "combined")
                ),
                combined=replace(membership, name="combined"),
                relabelings=500,
                source=SOURCE,
            ),
            flows=None,
        )
        if holdout
        else why,
        identity=why,
        reconstruction=sweep([attack("reconstruction", "7 of 8", risk)]) if holdout else why,
        singling_out=sweep([attack("singling out", "1 column", risk)]) if holdout else why,
        linkability=sweep([attack("linkability", "halves", risk)]) if holdout else why,
        inference=sweep([attack("inference", f"{c}, knowing all", risk / 2) for c in CLINICAL * 2])
        if holdout
        else why,
        epsilon=EmpiricalEpsilon(
            by_guesses=4 * risk,
            by_rates=0.1,
            guesses=100,
            right=60,
            delta=0.0,
            claimed=1.0,
            refuted=4 * risk > 1,
            n_members=770,
            n_controls=770,
            source=SOURCE,
        )
        if holdout
        else why,
        classes=TableClasses(train=classes, synthetic=classes),
        avatars=AvatarDistances(
            hidden_rate=estimate(0.93, 0.02, 770),
            local_cloaking=quantiles,
            uncloaked=estimate(0.1, 0.02, 770),
            n=770,
            metric="gower",
            source=SOURCE,
        ),
        exposure=Exposure(
            worst=(
                Worst(
                    attack="membership by distance",
                    people=(Exposed(rows=(17, 4), score=-0.5, p=1 / 771),),
                    n_ahead=3,
                    n=700,
                    n_controls=690,
                ),
            ),
            subgroups=(group,),
            smaller=replace(group, columns=(), levels=(), n_train=3),
            n_smaller=2,
            columns=("sex", "eln_risk"),
            attack="membership by distance",
            most=30,
            source=SOURCE,
        )
        if holdout
        else why,
    )


def fake_audit(*, columns=CLINICAL, auc=0.512, holdout=True, name="AML, AMLSG 2016"):
    """An audit with plausible numbers; `auc` sets how much the table leaks."""
    rng = np.random.default_rng(7)
    fpr = np.concatenate([[0.0], np.geomspace(1e-3, 1, 120)])
    tpr = np.ones_like(fpr) if auc == 1 else fpr ** ((1 - auc) / auc)
    membership = Membership(
        name="distance",
        p_value=0.3,
        tpr_at_01=estimate(float(np.interp(0.001, fpr, tpr)), 0.002, 770),
        member_scores=np.zeros(0),
        control_scores=np.zeros(0),
        auc=Estimate(
            value=auc,
            low=max(0.0, auc - 0.028) if auc < 1 else 1.0,
            high=min(1.0, auc + 0.028),
            n=770,
        ),
        tpr_at_1=estimate(float(np.interp(0.01, fpr, tpr)), 0.008, 770),
        tpr_at_10=estimate(float(np.interp(0.1, fpr, tpr)), 0.021, 770),
        fpr=fpr,
        tpr=tpr,
        n_members=770,
        n_controls=770,
        n_synthetic=770,
        minimum_detectable_auc=0.541,
        source=SOURCE,
    )
    edges = np.linspace(0, 8, 41)
    near = np.histogram(rng.gamma(9, 0.35, 4000), edges)[0] / 4000
    far = np.histogram(rng.gamma(9.2, 0.35, 4000), edges)[0] / 4000
    copied = Estimate(value=1.0, low=0.995, high=1.0, n=770)
    clean = Estimate(value=0.0, low=0.0, high=0.005, n=770)
    quantiles = Quantiles(q05=1.4, q25=2.3, q50=3.0, q75=3.8, q95=5.1, n=770)
    distances = Distances(
        n_train=770,
        n_holdout=770 if holdout else 0,
        n_synthetic=770,
        share_closer_to_train=estimate(0.508, 0.03, 770) if holdout else EMPTY,
        copied_train=copied if auc == 1 else clean,
        copied_holdout=clean if holdout else EMPTY,
        identical_share_train=copied if auc == 1 else clean,
        identical_share_holdout=clean if holdout else EMPTY,
        dcr_train=quantiles,
        dcr_holdout=quantiles if holdout else None,
        nndr_train=0.87,
        nndr_holdout=0.88 if holdout else None,
        edges=edges,
        train_to_synthetic=near,
        holdout_to_synthetic=far if holdout else None,
        source=SOURCE,
    )
    made = [
        category_shape(c, rng, 2 + i % 9) if i % 2 else numeric_shape(c, rng)
        for i, c in enumerate(columns)
    ]
    real = np.abs(rng.normal(0, 0.2, (len(columns), len(columns)))).clip(0, 1)
    real = (real + real.T) / 2
    synthetic = np.abs(real + rng.normal(0, 0.05, real.shape)).clip(0, 1)
    pairs = Pairs(
        names=tuple(columns),
        real=real,
        synthetic=(synthetic + synthetic.T) / 2,
        mean_error=0.031,
        baseline=0.027,
        source=SOURCE,
        worst=tuple(
            PairDifference(first=columns[0], second=c, real=0.41, synthetic=0.29)
            for c in columns[1:11]
        ),
    )
    digests = {k: c * 64 for k, c in (("train", "a"), ("synthetic", "b"), ("schema", "d"))}
    return Audit(
        schema_name=name,
        context=ReleaseContext(adversary="a curious colleague", epsilon=1.0),
        evidence=fake_evidence(
            risk=max(0.0, 2 * auc - 1.05), holdout=holdout, membership=membership
        ),
        model=fake_weights(membership) if holdout else NotMeasured(reason="no model was given"),
        membership=membership if holdout else NotMeasured(reason="No holdout table was given."),
        distances=distances,
        reference="holdout" if holdout else "train",
        shapes=Shapes(
            columns=tuple(made), mean=0.028, baseline=0.024 if holdout else None, source=SOURCE
        ),
        pairs=pairs,
        detection=Detection(
            auc=estimate(0.663, 0.025, 1540),
            folds=5,
            n_per_side=770,
            source=SOURCE,
            top_columns=tuple(
                ColumnImportance(name=c, importance=0.04 / (i + 1))
                for i, c in enumerate(columns[:10])
            ),
        ),
        survival=(
            curve("os", None, rng),
            curve("efs", None, rng),
            curve("relapse", "relapsed", rng),
            curve("relapse", "died", rng),
        ),
        validity=Validity(
            n_rows=770,
            n_violating_rows=3,
            by_rule=(BrokenRule(column="os_time", rule="efs_time at most os_time", count=3),),
            source=SOURCE,
        ),
        provenance=Provenance(
            created="2026-11-23T21:00:00+00:00",
            seed=0,
            n_train=770,
            n_synthetic=770,
            n_holdout=770 if holdout else 0,
            versions={"synthema-core": "0.1.0", "numpy": "2.3.0"},
            digests=digests,
            seconds={"membership": 0.4, "total": 9.1},
        ),
        warnings=("Column ‘karyotype’ has 312 levels; look at its encoding.",),
    )


BANNED = re.compile(
    r"\b(anonym\w*|compliant|compliance|GDPR|safe|safely|secure|harmless|risk-free)\b",
    re.IGNORECASE,
)

PAGES = {
    "quiet": {},
    "leak": {"auc": 0.58},
    "copy": {"auc": 1},
    "no holdout": {"holdout": False},
    "simulated": {"name": "Simulated AML cohort", "columns": ("a", "b")},
    "awkward names": {"columns": ("a <b>&'\"</b>", "cost_$x$", "Größe [cm]", "x" * 90)},
}


@pytest.fixture(scope="module")
def pages():
    return {name: render(fake_audit(**settings)) for name, settings in PAGES.items()}


class Outline(HTMLParser):
    """What the tests look at: ids, references, text, and whether every element is closed."""

    VOID = frozenset({"meta", "link", "br", "line", "circle", "path", "use", "image", "rect"})

    def __init__(self, page):
        super().__init__()
        self.ids, self.references, self.words, self.open = [], [], [], []
        self.unlabeled = 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.references += [found[k] for k in ("src", "href", "xlink:href") if k in found]
        self.unlabeled += tag == "svg" and not ("aria-label" in found or "aria-hidden" in found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_and_needs_no_network(pages, name):
    outline = Outline(pages[name])
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {anchor for anchor, _ in SECTIONS} <= set(outline.ids)
    for reference in outline.references:
        assert reference.startswith(("#", "data:"))
        assert not reference.startswith("#") or reference[1:] in outline.ids
    assert "@import" not in pages[name]
    assert "<script" not in pages[name]
    assert re.findall(r"url\((?!#)", pages[name]) == []
    assert outline.unlabeled == 0


@pytest.mark.parametrize("name", PAGES)
def test_page_claims_nothing_and_shows_no_hole(pages, name):
    text = Outline(pages[name]).text
    assert BANNED.findall(text.replace("k-anonymity", "")) == []
    assert re.findall(r"\b(nan|inf|None|NaN|undefined)\b", text.replace("None of", "")) == []


def test_every_page_separates_evidence_from_description(pages):
    for page in pages.values():
        text = Outline(page).text
        assert "descriptive: not evidence of privacy" in text
        for question in ("asked", "found", "not measured"):
            assert f"What was {question}" in text
        assert "Against whom" in text
        assert "What was not measured" in text


def test_a_copy_is_called_a_betrayal(pages):
    text = Outline(pages["copy"]).text
    assert "This table betrays its patients." in text
    assert "All 770 training rows appear unchanged in the synthetic table" in text
    assert "betrays its patients" not in Outline(pages["quiet"]).text


def test_a_leak_is_named_and_chance_is_not(pages):
    assert "The table leaks who was in the training data: AUC 0.580" in Outline(pages["leak"]).text
    quiet = Outline(pages["quiet"]).text
    assert "did no better than guessing: AUC 0.512 (95% interval 0.484 to 0.540" in quiet
    assert "a weaker leak can go unnoticed" in quiet


def test_worse_than_guessing_questions_the_split():
    audit = fake_audit()
    low = replace(audit.membership, auc=Estimate(value=0.43, low=0.40, high=0.46, n=770))
    text = Outline(render(replace(audit, membership=low))).text
    assert "worse than guessing" in text
    assert "check how they were split" in text


def test_without_holdout_nothing_sounds_reassuring(pages):
    text = Outline(pages["no holdout"]).text
    assert "was not measured" in text
    assert "No holdout table was given." in text
    assert "This is no sign of low risk" in text
    assert "guessing finds" not in text


def test_a_simulated_cohort_is_labelled(pages):
    assert "Simulated cohort: no real patients." in Outline(pages["simulated"]).text
    assert "Simulated cohort" not in Outline(pages["quiet"]).text


def test_what_is_not_measured_says_why():
    audit = fake_audit()
    why = NotMeasured(reason="a classifier test needs at least 20 rows, got 4 and 9")
    pairs = replace(audit.pairs, mean_error=None, baseline=None, worst=())
    text = Outline(render(replace(audit, detection=why, pairs=pairs, survival=()))).text
    assert "A classifier test needs at least 20 rows, got 4 and 9." in text
    assert "declares no time-to-event endpoint" in text
    assert "No pair of columns has an association" in text


def test_every_number_of_the_evidence_has_interval_and_n(pages):
    text = Outline(pages["quiet"]).text
    assert "Membership, AUC 0.512 0.484 to 0.540 770 0.5 is guessing" in text
    for fact in ("a" * 64, "d" * 64, "numpy", "2.3.0", SOURCE, "23 November 2026, 21:00 UTC"):
        assert fact in text


def test_columns_come_worst_first(pages):
    audit = fake_audit()
    worst = max(audit.shapes.columns, key=lambda column: column.error).name
    first = re.search(
        r'<figure id="column-0">\s*<figcaption><strong>(.*?)</strong>', pages["quiet"]
    )
    assert first is not None
    assert first[1] == worst


def test_names_are_escaped(pages):
    assert "<b>&'" not in pages["awkward names"]
    assert "a <b>&'\"</b>" in Outline(pages["awkward names"]).text


def test_rare_categories_are_not_named():
    audit = fake_audit(columns=("a", "b"))
    real = np.array([0.6, 0.4 - 4 / 770, 4 / 770])
    labels = ("common", "usual", "one family in Pavia")
    shape = replace(audit.shapes.columns[1], labels=labels, real=real, synthetic=real)
    audit = replace(audit, shapes=replace(audit.shapes, columns=(shape,)))
    text = Outline(render(audit)).text
    assert "Pavia" not in text
    assert "other (rare) < 5 rows 0.5%" in text


def test_a_curve_of_few_events_is_not_drawn():
    audit = fake_audit()
    page = render(replace(audit, survival=(replace(audit.survival[0], events_real=3),)))
    assert "Not drawn: fewer than 5 events" in page
    assert "(&lt; 5 events)" in page


def test_a_wide_table_folds_its_columns_and_zooms_its_map(monkeypatch):
    monkeypatch.setattr(sections, "SHOWN", 3)
    monkeypatch.setattr(plots, "MOST_LABELS", 6)
    page = render(fake_audit())
    assert "The other 5 columns" in page
    assert page.count('aria-label="Map of') == 2


def test_same_audit_same_bytes_and_no_trace_in_settings(tmp_path):
    before = dict(matplotlib.rcParams)
    write_html(fake_audit(), tmp_path / "a.html")
    assert dict(matplotlib.rcParams) == before
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('made_up', {__file__!r})\n"
        "made_up = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(made_up)\n"
        "import matplotlib\n"
        "matplotlib.rcParams['axes.grid'] = True\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "made_up.write_html(made_up.fake_audit(), sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    other = tmp_path / "b.html"
    subprocess.run([sys.executable, "-c", code, str(other)], check=True)
    assert (tmp_path / "a.html").read_bytes() == other.read_bytes()


def test_an_unwritable_place_is_an_error_that_names_it(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere.*no such folder"):
        write_html(fake_audit(), tmp_path / "nowhere" / "audit.html")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.mark.browser
def test_report_opens_in_a_browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the report was not opened in a browser")
    path = tmp_path / "audit.html"
    write_html(fake_audit(), path)
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--v=0",
    ]  # fmt: skip
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr
    outline = Outline(done.stdout)
    assert "<title>Audit of a synthetic table: AML, AMLSG 2016</title>" in done.stdout
    assert {anchor for anchor, _ in SECTIONS} <= set(outline.ids)
    assert all(reference.startswith(("#", "data:")) for reference in outline.references)
