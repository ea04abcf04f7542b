"""The simulated cohort: near its cited rates, inside its rules, the same from the same seed."""

import numpy as np
import polars as pl
import pytest

from synthema_core.errors import SynthemaError
from synthema_core.generate import cohort
from synthema_core.generate import cohort_parameters as given
from synthema_core.schema import Schema
from synthema_core.tables import digest


@pytest.fixture(scope="module")
def large() -> pl.DataFrame:
    return cohort.simulate(20_000, seed=1)


def odds_ratio(frame: pl.DataFrame, a: str, b: str) -> float:
    x, y = frame[a].to_numpy() == 1, frame[b].to_numpy() == 1
    table = [[(i & j).sum() + 0.5 for j in (~y, y)] for i in (~x, x)]
    return table[1][1] * table[0][0] / (table[1][0] * table[0][1])


def surviving(frame: pl.DataFrame, endpoint: str, days: list[int]) -> np.ndarray:
    """Kaplan-Meier at some days, per cent."""
    order = np.argsort(frame[f"{endpoint}_days"].to_numpy(), kind="stable")
    time = frame[f"{endpoint}_days"].to_numpy()[order]
    status = frame[f"{endpoint}_status"].to_numpy()[order]
    curve = np.cumprod(1 - status / (len(time) - np.arange(len(time))))
    return 100 * curve[np.searchsorted(time, days, side="right") - 1]


@pytest.mark.parametrize("seed", range(5))
def test_no_row_breaks_a_rule(seed):
    validation = cohort.schema().validate(cohort.simulate(seed=seed))
    assert validation.ok, validation.frame()


@pytest.mark.parametrize("n", [1, 2, 13])
def test_few_rows_break_no_rule_either(n):
    table = cohort.simulate(n, seed=0)
    assert table.shape == (n, 56)
    assert cohort.schema().validate(table).ok


def test_same_seed_same_bits():
    assert digest(cohort.simulate(500, seed=3)) == digest(cohort.simulate(500, seed=3))
    assert digest(cohort.simulate(500, seed=3)) != digest(cohort.simulate(500, seed=4))


@pytest.mark.parametrize("n", [0, -5, 2.5, True, "2000"])
def test_a_wrong_number_of_rows_is_an_error(n):
    with pytest.raises(SynthemaError, match="n: expected a whole number of rows"):
        cohort.simulate(n, seed=0)


def test_it_says_that_it_is_simulated():
    schema = cohort.schema()
    assert schema.name == "Simulated AML cohort"
    assert schema.description.startswith("SIMULATED. No row is a patient.")


def test_the_schema_fits_the_table_and_survives_json(tmp_path):
    schema, table = cohort.schema(), cohort.simulate(50, seed=0)
    assert list(schema.names) == table.columns
    assert [column.dtype for column in schema.columns] == [str(t) for t in table.dtypes]
    assert {endpoint.name: endpoint.not_after for endpoint in schema.endpoints} == {
        "os": None,
        "efs": "os_days",
    }
    assert {c.role for c in schema.columns} == {"quasi_identifier", "secret", None}
    schema.write(tmp_path / "schema.json")
    assert Schema.read(tmp_path / "schema.json") == schema


@pytest.mark.parametrize("gene", [gene for gene in given.MUTATIONS if gene != "CEBPA"])
def test_mutations_come_at_their_published_rates(large, gene):
    weights = np.array(list(given.CLASSES.values()), float)
    expected = np.average(given.MUTATIONS[gene], weights=weights)
    assert 100 * large[f"mut_{gene}"].mean() == pytest.approx(expected, abs=1.2)


@pytest.mark.parametrize(
    ("column", "percent", "tolerance"),
    [  # Papaemmanuil et al. 2016, public table, patients without t(15;17)
        ("mut_NPM1", 28.9, 2),
        ("mut_FLT3_ITD", 21.6, 2),
        ("mut_DNMT3A", 24.2, 2),
        ("mut_TP53", 6.6, 1),
        ("normal_karyotype", 50.2, 3),
        ("cyto_complex", 11.7, 2),
        ("cyto_t_8_21", 4.6, 1),
        ("cyto_inv16_t16_16", 6.0, 1),
    ],
)
def test_whole_cohort_rates_match_the_published_table(large, column, percent, tolerance):
    assert 100 * large[column].mean() == pytest.approx(percent, abs=tolerance)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("mut_NPM1", "mut_FLT3_ITD"),
        ("mut_NPM1", "mut_DNMT3A"),
        ("mut_FLT3_ITD", "mut_DNMT3A"),
        ("mut_RUNX1", "mut_ASXL1"),
        ("mut_RUNX1", "mut_SRSF2"),
        ("mut_ASXL1", "mut_SRSF2"),
        ("mut_TP53", "cyto_complex"),
        ("mut_TP53", "cyto_mono17_17p_abn17p"),
        ("mut_KIT", "cyto_t_8_21"),
        ("mut_KIT", "cyto_inv16_t16_16"),
    ],
)
def test_lesions_that_go_together(large, a, b):
    assert odds_ratio(large, a, b) > 2


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("mut_IDH1", "mut_IDH2"),
        ("mut_IDH2", "mut_TET2"),
        ("mut_IDH1", "mut_TET2"),
        ("mut_FLT3_ITD", "mut_NRAS"),
        ("mut_NPM1", "mut_RUNX1"),
    ],
)
def test_lesions_that_avoid_each_other(large, a, b):
    assert odds_ratio(large, a, b) < 0.7


def test_npm1_never_meets_a_fusion(large):
    fusions = [name for name in large.columns if name.startswith(("cyto_t_", "cyto_inv"))]
    assert len(fusions) == 6
    together = large.filter(pl.col("mut_NPM1") == 1).select(pl.col(fusions).sum())
    assert sum(together.row(0)) == 0
    assert large.select(pl.sum_horizontal(fusions).max()).item() == 1


def test_biallelic_cebpa_is_rarer_than_one_in_fifteen(large):
    assert set(large["mut_CEBPA"].unique()) == {0, 1, 2}
    assert 100 * (large["mut_CEBPA"] == 2).mean() == pytest.approx(4.9, abs=1)


def test_risk_follows_the_2022_rules():
    genes = [f"mut_{gene}" for gene in given.MUTATIONS]
    lesions = [*given.KARYOTYPE, *given.DEFINING, "cyto_t_v_11"]

    def risk(**carried: int) -> str:
        columns = {name: np.array([carried.get(name, 0)]) for name in (*genes, *lesions)}
        return given.RISKS[cohort.eln_2022(columns)[0]]

    assert risk() == "intermediate"
    assert risk(mut_NPM1=1) == "favorable"
    assert risk(mut_NPM1=1, mut_FLT3_ITD=1) == "intermediate"
    assert risk(mut_NPM1=1, mut_SRSF2=1) == "favorable"
    assert risk(mut_NPM1=1, cyto_minus7=1) == "adverse"
    assert risk(mut_CEBPA=1) == "intermediate"
    assert risk(mut_CEBPA=2) == "favorable"
    assert risk(cyto_t_8_21=1, mut_ASXL1=1) == "favorable"
    assert risk(cyto_t_9_11=1) == "intermediate"
    assert risk(cyto_t_v_11=1) == "adverse"
    assert risk(mut_FLT3_ITD=1, mut_RUNX1=1) == "adverse"
    assert risk(mut_TP53=1) == "adverse"


def test_risk_shares_are_near_those_of_two_cohorts(large):
    known = large.drop_nulls("eln_risk")
    for i, risk in enumerate(given.RISKS):
        share = 100 * (known["eln_risk"] == risk).mean()
        published = [shares[i] for shares in given.RISK_SHARES]
        assert min(published) - 5 < share < max(published) + 5


@pytest.mark.parametrize("i", range(3), ids=given.RISKS)
@pytest.mark.parametrize("endpoint", ["os", "efs"])
def test_survival_is_near_the_published_curves(large, endpoint, i):
    group = large.filter(pl.col("eln_risk") == given.RISKS[i])
    table = given.OVERALL_SURVIVAL if endpoint == "os" else given.EVENT_FREE_SURVIVAL
    np.testing.assert_allclose(surviving(group, endpoint, [365, 1095, 1826]), table[i], atol=6)


def test_events_tie_as_they_do_in_life(large):
    tied = large["efs_days"] == large["os_days"]
    assert 0.3 < tied.mean() < 0.42  # 38 % in the published table
    assert tied.filter(large["efs_status"] == 0).all()


def test_counts_have_clinical_resolution_and_medians(large):
    for name, published in {"wbc": 15.1, "hb": 9.0, "platelet": 55, "ldh": 442}.items():
        assert large[name].median() == pytest.approx(published, rel=0.15)
    for name in ("wbc", "hb"):
        values = large[name].drop_nulls().to_numpy()
        np.testing.assert_allclose(values, values.round(1), atol=1e-12)
    blasts = large["bm_blasts"].drop_nulls()
    assert blasts.median() == pytest.approx(75, abs=5)
    assert (blasts % 5 == 0).mean() == pytest.approx(0.67, abs=0.03)
    assert large["age"].median() == pytest.approx(50, abs=3)


def test_a_part_of_the_laboratory_is_missing(large):
    for name, share in given.MISSING.items():
        assert 0.05 <= share <= 0.10
        assert large[name].null_count() / large.height == pytest.approx(share, abs=0.01)
    assert large["os_days"].null_count() == large["mut_NPM1"].null_count() == 0
    assert (large["eln_risk"].is_null() == large["cyto_complex"].is_null()).all()


def test_structural_missingness(large):
    assert (large["cr_days"].is_not_null() == (large["induction_response"] == "CR")).all()
    for name in ("hsct_days", "hsct_type"):
        assert (large[name].is_not_null() == (large["hsct"] == 1)).all()
