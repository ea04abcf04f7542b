"""The tables of docs/generators.md survive being read, merged and written."""

import pytest

from bench.generators_page import LABELS, PAGE, Table, number, read, row_of, written

FLOW, CART, COPULA = (LABELS[g] for g in ("flow", "cart", "gaussian_copula"))


def marked(c2st: float, splits: int = 1) -> Table:
    return Table("9 patients to fit on, 2 columns.", {FLOW: row_of([{"c2st": c2st}] * splits)})


def test_written_back_the_page_is_the_same() -> None:
    page = PAGE.read_text()
    assert written(page, {}) == page
    assert written(page, read(page)) == page


def test_rows_notes_and_tables_without_new_marks_stay() -> None:
    page = PAGE.read_text()
    old = read(page)
    new = read(written(page, {"aml_amlsg_2016": marked(0.5), "another": marked(0.25)}))
    assert list(new) == [*old, "another"]
    aml = new.pop("aml_amlsg_2016")
    assert list(aml.rows) == list(old["aml_amlsg_2016"].rows)  # in the order of LABELS
    assert aml.rows[FLOW]["C2ST AUC"] == "0.500"
    assert aml.rows[CART] == old["aml_amlsg_2016"].rows[CART]
    assert aml.notes == old["aml_amlsg_2016"].notes
    assert new.pop("another").rows[FLOW]["C2ST AUC"] == "0.250"
    assert all(table == old[name] for name, table in new.items())


def test_a_failure_that_was_made_good_is_no_longer_told() -> None:
    told = Table(notes=[f"{COPULA}, split 101: not done.", f"{CART}, split 101: not done."])
    assert told.merged(Table(rows={COPULA: row_of([{}])})).notes == told.notes[1:]
    assert told.merged(told).notes == told.notes


def test_a_new_row_comes_at_its_place() -> None:
    both = Table(rows={COPULA: {}}).merged(marked(0.5))
    assert list(both.rows) == [FLOW, COPULA]


def test_cells_hold_mean_and_spread() -> None:
    assert number(marked(0.5, splits=2).rows[FLOW]["C2ST AUC"]) == (0.5, 0.0)
    assert number("0.586 (0.026)") == (0.586, 0.026)
    assert number("-0.038") == (-0.038, 0.0)
    assert number("–") is None


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="put it back"):
        written("no tables here", {})
