"""The attacks of an audit: leaks are found, nothing is found where nothing is, and gaps say why."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import synthema_core as sc
from synthema_core.context import ReleaseContext
from synthema_core.errors import SchemaError, SynthemaError
from synthema_core.evidence import material
from synthema_core.intervals import NotMeasured
from synthema_core.report.document import document
from synthema_core.report.html import render


@pytest.fixture(scope="module", autouse=True)
def _no_classifier():
    """Fidelity is tested elsewhere, and its classifier takes longer than all attacks."""
    with pytest.MonkeyPatch.context() as patch:
        why = NotMeasured(reason="left out here")
        patch.setitem(sc.audit.__globals__, "detection", lambda *_, **__: why)
        yield


def cohort(n, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.integers(20, 90, n),
            "sex": rng.choice(["f", "m"], n),
            "center": rng.choice(["A", "B", "C", "rare"], n, p=[0.4, 0.3, 0.25, 0.05]),
            "wbc": rng.lognormal(2, 1, n).round(2),
            "npm1": rng.integers(0, 2, n),
            "ldh": rng.lognormal(5, 0.4, n).round(0),
        }
    )


ROLES = {"quasi_identifiers": ["age", "sex", "center"], "secrets": ["npm1"]}


@pytest.fixture(scope="module")
def tables():
    train, holdout, fresh = (cohort(n, seed) for n, seed in ((240, 0), (200, 1), (240, 2)))
    return train, holdout, fresh, sc.Schema.infer(train, name="made up")


@pytest.fixture(scope="module")
def audits(tables):
    train, holdout, fresh, schema = tables
    same = {"train": train, "holdout": holdout, "schema": schema, "seed": 0, **ROLES}
    return {
        "fresh": sc.audit(synthetic=fresh, **same),
        "copy": sc.audit(
            synthetic=train,
            **same,
            linked=True,
            context=ReleaseContext(epsilon=0.5, adversary="a colleague", population_rows=2400),
        ),
        "no holdout": sc.audit(synthetic=fresh, **{**same, "holdout": None}),
    }


def attacks(found):
    families = (getattr(found.evidence, name) for name in ("linkability", "inference"))
    return [attack for family in families for attack in family.attacks]


def test_a_copy_is_found_by_every_attack_that_knows_enough(audits):
    found = audits["copy"]
    assert all(attack.risk.low > 0 for attack in attacks(found))
    assert found.evidence.linkability.worst.main.value > 0.9
    assert found.evidence.inference.worst.main.value == 1.0
    assert found.evidence.reconstruction.worst.main.value == 1.0
    assert found.evidence.identity.match.risk == found.evidence.identity.match.real
    assert found.evidence.singling_out.worst.risk.low > 0
    assert found.evidence.epsilon.refuted is True
    assert found.evidence.avatars.hidden_rate.value == 0.0


def test_a_fresh_sample_shows_no_risk(audits):
    found = attacks(audits["fresh"])
    assert sum(a.risk.low is not None and a.risk.low > 0 for a in found) <= 1
    assert audits["fresh"].evidence.exposure.worst[0].n_ahead <= 3


def test_membership_attacks_agree_on_a_copy_and_on_nothing(audits):
    judged = audits["copy"].evidence.membership.verdict
    assert judged.leak
    assert judged.combined.auc.value > 0.95
    assert not audits["fresh"].evidence.membership.verdict.leak
    frame = audits["copy"].frame()
    assert frame.filter(section="membership verdict").height == len(judged.attacks)
    assert "member_scores" not in json.dumps(document(audits["copy"]))


def test_every_attack_says_whom_it_attacked_and_what_chance_would_do(audits):
    for attack in attacks(audits["fresh"]):
        assert attack.main.low <= attack.main.value <= attack.main.high
        assert attack.control.n > 0
        assert 0 <= attack.baseline <= 1
        assert attack.source


def test_without_a_holdout_nothing_is_measured_and_nothing_reads_as_zero(audits):
    found = audits["no holdout"].evidence
    for name in ("membership", "singling_out", "linkability", "inference", "epsilon", "exposure"):
        assert "control group" in getattr(found, name).reason
    assert found.classes.train.classes.k == 1


def test_the_people_listed_are_rows_of_the_table_as_it_was_given(tables):
    train, holdout, fresh, schema = tables
    planted = pl.concat([fresh, train[[7, 200, 31]]])
    found = sc.audit(train=train, synthetic=planted, holdout=holdout, schema=schema, seed=0)
    first = found.evidence.exposure.worst[0]
    assert {person.rows for person in first.people[:3]} == {(7,), (31,), (200,)}
    assert [person.score for person in first.people[:3]] == [0.0] * 3
    shuffled = train.sample(fraction=1.0, shuffle=True, seed=1)
    again = sc.audit(train=shuffled, synthetic=planted, holdout=holdout, schema=schema, seed=0)
    rows = [person.rows[0] for person in again.evidence.exposure.worst[0].people[:3]]
    assert sorted(shuffled[rows].rows()) == sorted(train[[7, 31, 200]].rows())


def test_a_rare_subgroup_that_is_copied_has_its_own_row(tables):
    train, holdout, fresh, schema = tables
    rare = train.filter(center="rare")
    assert 5 <= rare.height <= 30
    planted = pl.concat([fresh, rare])
    found = sc.audit(
        train=train, synthetic=planted, holdout=holdout, schema=schema, seed=0, **ROLES
    )
    groups = {(g.columns, g.levels): g for g in found.evidence.exposure.subgroups}
    group = groups[("center",), ("rare",)]
    assert group.n_train == rare.height
    assert group.auc.value == 1.0
    assert group.auc.low > 0.5
    assert group.found.value == 1.0
    assert found.evidence.exposure.subgroups[0] is group


def test_groups_below_five_are_taken_together(tables):
    train, holdout, fresh, schema = tables
    names = pl.Series(["A", "B", "zebra", "pair", "pair", *["A"] * (train.height - 5)])
    train = train.with_columns(center=names)
    schema = sc.Schema.infer(train)
    found = sc.audit(
        train=train,
        synthetic=fresh.with_columns(center=pl.lit("A")),
        holdout=holdout.with_columns(center=pl.lit("A")),
        schema=schema,
        seed=0,
        quasi_identifiers=["center"],
    )
    exposed = found.evidence.exposure
    assert exposed.subgroups == ()
    assert exposed.smaller.n_train == 4  # B, zebra, and the pair
    assert exposed.n_smaller == 3
    assert "zebra" not in json.dumps(document(found)["evidence"])


def visits(patients, seed, *, first):
    """Patients with one to four rows each."""
    rng = np.random.default_rng(seed)
    each = rng.integers(1, 5, patients)
    table = cohort(int(each.sum()), seed)
    return table.with_columns(pid=pl.Series(np.repeat(np.arange(patients), each) + first))


def test_patients_are_the_unit_where_they_have_several_rows():
    train, holdout, fresh = visits(90, 0, first=0), visits(80, 1, first=1000), cohort(220, 5)
    schema = sc.Schema.infer(train).with_column("pid", kind="identifier")
    # one visit of each of 30 patients is copied
    copied = train.group_by("pid", maintain_order=True).first().head(30).select(fresh.columns)
    settings = {"train": train, "holdout": holdout, "schema": schema, "seed": 0}
    found = sc.audit(synthetic=pl.concat([fresh, copied]), **settings)
    assert found.evidence.roles.unit == "pid"
    assert found.membership.n_members == 90
    assert found.membership.n_controls == 80
    assert found.evidence.scope.people_train == 90
    for one in found.evidence.membership.attacks:
        assert (one.n_members, one.n_controls) == (90, 80)
    assert {a.main.n for a in attacks(found)} == {90}
    first = found.evidence.exposure.worst[0]
    assert first.n_ahead >= 30
    person = first.people[0]
    assert train["pid"].gather(list(person.rows)).n_unique() == 1
    assert len(person.rows) == (train["pid"] == train["pid"][person.rows[0]]).sum()
    assert "Patients count, not rows" in render(found)
    fair = sc.audit(synthetic=fresh, **settings)
    assert fair.membership.auc.low <= 0.5 <= fair.membership.auc.high
    assert sum(a.risk.low > 0 for a in attacks(fair) if a.risk.low is not None) <= 1


def test_large_tables_are_attacked_on_a_stated_sample(tables, monkeypatch):
    train, holdout, fresh, schema = tables
    module = sys.modules[material.__module__]
    monkeypatch.setattr(module, "PEOPLE", 100)
    monkeypatch.setattr(module, "SYNTHETIC", 150)
    found = sc.audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    scope = found.evidence.scope
    assert (scope.n_train, scope.n_holdout, scope.n_synthetic) == (100, 100, 150)
    assert (scope.all_train, scope.all_holdout, scope.all_synthetic) == (240, 200, 240)
    assert found.membership.n_members == 240  # the attack by distance saw all
    assert "150 of 240 synthetic rows, drawn at random" in render(found)


def test_a_table_in_shards_gives_the_same_bits(tables, audits, tmp_path):
    train, holdout, fresh, schema = tables
    for i, part in enumerate(fresh.iter_slices(70)):
        part.write_parquet(tmp_path / f"{i}.parquet")
    found = sc.audit(
        train=train, synthetic=tmp_path, holdout=holdout, schema=schema, seed=0, **ROLES
    ).to_dict()
    assert found["evidence"] == audits["fresh"].to_dict()["evidence"]


def test_none_measures_nothing_more_and_says_so(tables):
    train, holdout, fresh, schema = tables
    found = sc.audit(
        train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0, evidence="none"
    )
    for name in ("linkability", "inference", "epsilon", "exposure", "classes", "avatars"):
        value = getattr(found.evidence, name)
        assert isinstance(value, NotMeasured)
        assert "not asked for" in value.reason
    assert found.membership.auc.value is not None


def test_roles_come_from_the_schema(tables):
    train, holdout, fresh, schema = tables
    marked = schema.with_column("age", role="quasi_identifier").with_column("npm1", role="secret")
    found = sc.audit(train=train, synthetic=fresh, holdout=holdout, schema=marked, seed=0)
    assert found.evidence.roles.quasi_identifiers == ("age",)
    assert {a.target for a in found.evidence.inference.attacks} == {
        "npm1, knowing quasi-identifiers",
        "npm1, knowing everything else",
    }
    bare = sc.audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    assert len(bare.evidence.inference.attacks) == len(train.columns)
    assert "no quasi-identifier was declared" in bare.evidence.classes.reason


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"evidence": "some"}, SynthemaError, "evidence: expected one of none, quick, full"),
        ({"quasi_identifiers": "age"}, SchemaError, "expected a list of columns"),
        ({"secrets": ["agee"]}, SchemaError, "'agee'.*absent from the schema"),
        (
            {"quasi_identifiers": ["age"], "secrets": ["age"]},
            SchemaError,
            "quasi-identifier and as secret",
        ),
        ({"unit": "pid"}, SchemaError, "train: column 'pid'.*is not in the table"),
        ({"linked": True, "synthetic": cohort(9, 0)}, SynthemaError, "linked: expected one"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_work(tables, settings, error, match):
    train, holdout, fresh, schema = tables
    arguments = {"train": train, "synthetic": fresh, "holdout": holdout, "schema": schema}
    with pytest.raises(error, match=match):
        sc.audit(**{**arguments, **settings}, seed=0)


def test_the_context_is_declared_checked_and_printed(audits, tmp_path):
    page = render(audits["copy"])
    assert "a colleague" in page
    assert "The claimed ε = 0.5 fails" in page
    path = tmp_path / "release.json"
    path.write_text('{"recipients": "two hospitals", "review": "2027-11-01"}')
    assert ReleaseContext.read(path).recipients == "two hospitals"
    for text, match in (
        ('{"recipient": "x"}', "unknown entry 'recipient'"),
        ('{"review": "soon"}', "expected a date"),
        ('{"epsilon": -1}', "'epsilon'"),
        ('{"adversary": 3}', "'adversary': expected a text"),
        ('{"population_rows": 0}', "'population_rows'"),
        ("[1]", "expected an object"),
        ("{", "no JSON at line 1"),
    ):
        path.write_text(text)
        with pytest.raises(SynthemaError, match=match):
            ReleaseContext.read(path)
    with pytest.raises(SynthemaError, match="cannot be read"):
        ReleaseContext.read(tmp_path / "absent.json")


BANNED = r"\b(anonymous|anonymi[sz]ed|compliant|compliance|safe|safely|harmless|risk-free)\b"


@pytest.mark.parametrize("name", ["fresh", "copy", "no holdout"])
def test_neither_page_nor_json_passes_a_verdict(audits, name):
    page = re.sub(r"<style>.*?</style>", "", render(audits[name]), flags=re.DOTALL)
    text = json.dumps(document(audits[name]), ensure_ascii=False)
    for written in (page, text):
        assert re.findall(BANNED, written, re.IGNORECASE) == []


def test_the_regulators_map_answers_or_says_what_is_missing(audits):
    page = render(audits["no holdout"])
    for source in ("WP216", "28/2024", "0070", "2025/327", "ICO"):
        assert source in page
    assert page.count("Not declared.") >= 6
    assert "Not measured: no holdout was given" in page


def test_nothing_about_single_people_is_in_the_json_but_row_numbers(audits):
    text = json.dumps(document(audits["copy"]))
    assert '"succeeded"' not in text
    assert '"controls_succeeded"' not in text
    assert '"rows": [' in text


def test_every_number_of_the_frame_has_a_source(audits):
    frame = audits["copy"].frame()
    evidence = frame.filter(pl.col("kind") == "evidence")
    assert {"singling out", "linkability", "inference", "epsilon", "subgroups"} <= set(
        evidence["section"]
    )
    assert (frame["source"].str.len_chars() > 0).all()
    measured = evidence.filter(pl.col("value").is_not_null())
    assert measured["low"].null_count() == 0
    assert measured["n"].min() > 0


def test_an_empty_exposure_is_printed_as_such(audits):
    found = audits["fresh"]
    empty = replace(found.evidence.exposure, subgroups=(), smaller=None)
    assert "training rows or fewer" in render(
        replace(found, evidence=replace(found.evidence, exposure=empty))
    )
