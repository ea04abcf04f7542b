"""A synthetic table that is read part by part: the same bits, within a bound, or refused."""

import dataclasses
import json
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthema_core as sc
from synthema_core import auditing, passes, planning, tables
from synthema_core.auditing import carry_out, prepare
from synthema_core.errors import MemoryBoundError, SchemaError, SynthemaError, TableError
from synthema_core.generate import cohort
from synthema_core.memory import bytes_of, peak, resident, words
from synthema_core.privacy.row_values import RowValues
from synthema_core.privacy.tally import Real, measure
from synthema_core.schema import Schema
from synthema_core.sources import FrameSource, ParquetSource, as_source, spans
from synthema_kernels import Rows

COLUMNS = ["age", "sex", "wbc", "platelet", "mut_NPM1", "eln_risk", "hsct", "os_days", "os_status"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Real tables, and a synthetic one with copies, repeated rows, ties, unseen levels, errors."""
    patients = cohort.simulate(700, seed=1).select(COLUMNS)
    train, holdout, fresh = patients[:250], patients[250:400], patients[400:]
    odd = fresh[:40].with_columns(
        eln_risk=pl.Series([f"unseen {i % 7}" for i in range(40)]), os_days=pl.lit(-3, pl.Int16)
    )
    repeated = pl.concat([fresh[50:60]] * 9)
    synthetic = pl.concat([fresh, train[:60], repeated, holdout[:5], odd])
    folder = tmp_path_factory.mktemp("study")
    (folder / "shards").mkdir()
    for i, (start, stop) in enumerate([(0, 100), (100, 101), (101, 333), (333, 10**6)]):
        shard = synthetic[start:stop]
        shard.write_parquet(folder / "shards" / f"{i}.parquet", row_group_size=37)
    synthetic.write_parquet(folder / "one.parquet", row_group_size=50)
    train.write_parquet(folder / "train.parquet")
    holdout.write_csv(folder / "holdout.csv")
    schema = cohort.schema().select(COLUMNS)
    schema.write(folder / "schema.json")
    tables = {"train": train, "holdout": holdout, "schema": schema}
    return {**tables, "seed": 3, "evidence": "none"}, synthetic, folder


def numbers(found):
    """All of them, and no time."""
    plain = found.to_dict()
    del plain["provenance"]["created"], plain["provenance"]["seconds"]
    return json.dumps(plain, allow_nan=False)


@pytest.fixture(scope="module")
def held(study):
    arguments, synthetic, _ = study
    return sc.audit(synthetic=synthetic, **arguments)


def in_parts(job, survey_rows, search_rows, *, spill=None, order=1):
    """The audit with parts of this size, run in this order."""

    def run(step, parts):
        return (step(*part) for part in list(parts)[::order])

    plan = dataclasses.replace(
        job.plan, survey_rows=survey_rows, search_rows=search_rows, spill=spill
    )
    return carry_out(dataclasses.replace(job, plan=plan), run=run)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 64 rows: what happens between blocks happens in a small table too."""
    monkeypatch.setattr(tables, "BLOCK_ROWS", 64)
    monkeypatch.setattr(passes, "BLOCK_ROWS", 64)


# --- the same bits ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["one.parquet", "shards", "shards/*.parquet"])
def test_a_table_in_files_gives_the_bits_of_the_table_in_memory(study, held, path):
    arguments, _, folder = study
    assert numbers(sc.audit(synthetic=str(folder / path), **arguments)) == numbers(held)


@pytest.mark.parametrize("with_holdout", [True, False])
@pytest.mark.usefixtures("small_blocks")
def test_the_size_and_order_of_the_parts_change_nothing(study, with_holdout, monkeypatch):
    arguments, synthetic, folder = study
    monkeypatch.setattr("synthema_core.fidelity.joint.MOST", 100)  # it has only rows to lose here
    if not with_holdout:
        arguments = {**arguments, "holdout": None}
    whole = numbers(sc.audit(synthetic=synthetic, **arguments))
    job = prepare(synthetic=folder / "shards", **arguments)
    for survey_rows, search_rows, spill, order in [(64, 97, 512, 1), (128, 200, 0, -1)]:
        found = in_parts(job, survey_rows, search_rows, spill=spill, order=order)
        assert numbers(found) == whole


@pytest.mark.usefixtures("small_blocks")
def test_fidelity_is_measured_on_the_same_drawn_rows(study, monkeypatch):
    arguments, synthetic, folder = study
    monkeypatch.setattr(auditing, "FIDELITY_ROWS", 100)
    held = sc.audit(synthetic=synthetic, **arguments)
    assert any("on 100 of 495 rows" in warning for warning in held.warnings)
    found = in_parts(prepare(synthetic=folder / "shards", **arguments), 64, 50)
    assert numbers(found) == numbers(held)
    assert held.shapes.columns[0] is not None


def test_a_bound_changes_no_bit(study, held):
    arguments, _, folder = study
    found = sc.audit(synthetic=folder / "shards", memory="8GiB", **arguments)
    assert numbers(found) == numbers(held)
    from_files = {**arguments, "train": folder / "train.parquet", "holdout": folder / "holdout.csv"}
    again = sc.audit(synthetic=folder / "shards", memory=2**33, **from_files)
    assert again.membership.auc == held.membership.auc


def test_coarse_rows_that_all_tie_share_votes_alike_in_any_parts():
    rng = np.random.default_rng(0)
    train, holdout, synthetic = (
        Rows(numeric=rng.integers(0, 2, (n, 2)) / 2, codes=rng.integers(-1, 2, (n, 2)))
        for n in (301, 87, 500)
    )
    real = Real.of(train, holdout, seed=1)
    whole = measure(synthetic, real).tally
    for size in (60, 499):
        parts = [
            measure(Rows(numeric=synthetic.numeric[a:b], codes=synthetic.codes[a:b]), real).tally
            for a, b in spans(500, size)
        ]
        left = parts[0]
        for part in parts[1:]:
            left = part.merge(left)
        np.testing.assert_array_equal(left.votes, whole.votes)
        np.testing.assert_array_equal(left.closest["train"], whole.closest["train"])
        assert (left.copies, left.n_synthetic) == (whole.copies, 500)
    assert whole.votes.sum() == 500 * 2**31


def test_a_step_can_go_to_another_process(study):
    arguments, _, folder = study
    source = as_source(folder / "shards", name="synthetic")
    step = passes.Survey(
        source=source, schema=arguments["schema"], dtypes=source.dtypes, drawn=None
    )
    here, there = step(0, 300), pickle.loads(pickle.dumps(step))(0, 300)
    again = pickle.loads(pickle.dumps(there))
    assert (again.blocks, again.broken, again.violating) == (
        here.blocks,
        here.broken,
        here.violating,
    )
    assert again.rows[0].equals(here.rows[0])


# --- digests and ranks --------------------------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
def test_a_digest_by_blocks_is_the_digest_of_the_table(study):
    _, synthetic, _ = study
    blocks = [tables.block_digest(synthetic[a:b]) for a, b in spans(synthetic.height, 64)]
    joined = tables.joined_digest(dict(synthetic.schema), synthetic.height, blocks)
    assert joined == tables.digest(synthetic)
    assert tables.digest(synthetic.reverse()) != joined
    swapped = pl.concat([synthetic[64:128], synthetic[:64], synthetic[128:]])
    assert tables.digest(swapped) != joined


@given(
    st.lists(st.sampled_from([0.0, 5e-324, 0.25, 0.5, 1.0, 1e300]) | st.floats(0, 9), min_size=1),
    st.integers(1, 5),
    st.sampled_from([None, 0, 40]),
)
def test_quantiles_are_those_of_numpy(values, size, most):
    array = np.abs(np.array(values))  # no negative zero: a distance is none
    shares = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    with RowValues(most=most) as kept:
        for start, stop in spans(len(array), size):
            kept.append({"a": array[start:stop], "b": array[start:stop] * 0})
        assert kept.quantiles("a", shares, len(array)) == np.quantile(array, shares).tolist()
        assert kept.median("a", len(array)) == np.median(array)
        assert kept.median("b", len(array)) == 0.0
        assert "c" not in kept


# --- sources ------------------------------------------------------------------------------------


def test_parts_of_shards_are_parts_of_the_table(study):
    _, synthetic, folder = study
    source = as_source(folder / "shards", name="synthetic")
    assert isinstance(source, ParquetSource)
    assert source.height == synthetic.height
    for start, stop in [(0, 495), (99, 102), (100, 101), (250, 400), (494, 495)]:
        assert source.part(start, stop).equals(synthetic[start:stop])
    assert source.part(3, 5, ["sex"]).equals(synthetic[3:5].select("sex"))
    assert source.drop(["sex"]).part(0, 9).equals(synthetic[:9].drop("sex"))
    assert isinstance(as_source(synthetic, name="x").drop(["sex"]), FrameSource)


def test_categories_and_nan_come_through_the_door_in_every_part(tmp_path):
    frame = pl.DataFrame({"c": ["a", None, "b"], "x": [1.0, float("nan"), None]})
    frame.cast({"c": pl.Categorical}).write_parquet(tmp_path / "t.parquet")
    source = as_source(tmp_path / "t.parquet", name="t")
    assert list(source.dtypes.values()) == [pl.String, pl.Float64]
    assert source.part(1, 3)["x"].null_count() == 2


def test_shards_of_different_columns_are_refused(tmp_path):
    pl.DataFrame({"a": [1], "b": [1]}).write_parquet(tmp_path / "1.parquet")
    for second, says in [
        ({"a": [1], "b": [1.5]}, "column 'b' differs"),
        ({"b": [1], "a": [1]}, "the order of its columns differs"),
    ]:
        pl.DataFrame(second).write_parquet(tmp_path / "2.parquet")
        with pytest.raises(TableError, match=rf"t: 2\.parquet: expected .* 1\.parquet, but {says}"):
            as_source(tmp_path, name="t")


def test_folders_without_rows_and_damaged_shards_are_refused(study, tmp_path):
    arguments, synthetic, _ = study
    with pytest.raises(TableError, match="no Parquet file in"):
        as_source(tmp_path, name="synthetic")
    with pytest.raises(TableError, match="no Parquet file in"):
        as_source(str(tmp_path / "*.parquet"), name="synthetic")
    synthetic.clear().write_parquet(tmp_path / "0.parquet")
    with pytest.raises(TableError, match="at least one row, got none"):
        as_source(tmp_path, name="synthetic")
    (tmp_path / "1.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(TableError, match=r"1\.parquet cannot be read as parquet"):
        sc.audit(synthetic=tmp_path, **arguments)


def test_infinities_and_foreign_columns_in_a_shard_are_refused(study, tmp_path):
    arguments, synthetic, _ = study
    wild = synthetic.with_columns(wbc=pl.lit(float("inf")))
    wild.write_parquet(tmp_path / "wild.parquet")
    with pytest.raises(TableError, match=r"synthetic.*'wbc': expected finite"):
        sc.audit(synthetic=tmp_path / "wild.parquet", **arguments)
    synthetic.with_columns(extra=1).write_parquet(tmp_path / "extra.parquet")
    with pytest.raises(SchemaError, match="synthetic: column 'extra'"):
        sc.audit(synthetic=tmp_path / "extra.parquet", **arguments)


# --- the bound ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 2**32), ("512 mib", 2**29), ("2GB", 2 * 10**9), ("1.5KiB", 1536), (77, 77)],
)
def test_sizes_are_read(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["much", "4 gigs", "", "-1GiB", 0, -5, 2.5, True, None])
def test_what_is_no_size_is_refused_by_name(text):
    with pytest.raises(SynthemaError, match="--memory: expected a size such as '4GiB'"):
        bytes_of(text, name="--memory")


def test_sizes_are_written_for_people():
    assert [words(2**29), words(3 * 2**29), words(5000), words(12)] == [
        "512 MiB",
        "1.5 GiB",
        "4.88 KiB",
        "12 bytes",
    ]
    assert 0 < resident() <= peak()


def test_what_cannot_fit_is_refused_with_advice(study, tmp_path):
    arguments, _, folder = study
    with pytest.raises(MemoryBoundError, match=r"memory: 64 MiB .*needed.*Give at least"):
        sc.audit(synthetic=folder / "shards", memory="64MiB", **arguments)
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**32)  # sparse: it takes no room
    with pytest.raises(MemoryBoundError, match=r"synthetic is read as a whole.*sink_parquet"):
        sc.audit(synthetic=tmp_path / "large.csv", memory="4GiB", **arguments)


def test_work_that_outgrows_its_plan_ends_with_an_error(study):
    arguments, synthetic, _ = study
    job = prepare(synthetic=synthetic, **arguments)
    tight = dataclasses.replace(job, plan=dataclasses.replace(job.plan, bound=2**20, spill=0))
    with pytest.raises(MemoryBoundError, match=r"the process holds .* more than the 1 MiB allowed"):
        carry_out(tight)


def test_spans_start_where_blocks_do_and_levels_are_not_endless(study, monkeypatch):
    arguments, synthetic, _ = study
    source = as_source(synthetic, name="synthetic")
    step = passes.Survey(source=source, schema=arguments["schema"], dtypes={}, drawn=None)
    with pytest.raises(ValueError, match="start: expected a multiple of 65536, got 7"):
        step(7, 9)
    monkeypatch.setattr(passes, "MOST_LEVELS", 3)
    with pytest.raises(TableError, match="column 'eln_risk': more than 3 different values"):
        sc.audit(synthetic=synthetic, **arguments)


def test_a_tighter_bound_looks_at_fewer_rows_and_a_plan_says_so(study):
    arguments, synthetic, _ = study

    class Long(FrameSource):
        height = 10**9

    source = Long(synthetic, "synthetic")
    real = {name: FrameSource(arguments[name], name) for name in ("train", "holdout")}
    sources = {**real, "synthetic": source}
    schema = arguments["schema"]
    roomy = planning.plan(sources, schema, None, most_sampled=100)
    tight = planning.plan(sources, schema, resident() + 400 * 2**20, most_sampled=100)
    assert tight.search_rows < roomy.search_rows == planning.MOST_ROWS
    assert tight.survey_rows % tables.BLOCK_ROWS == 0
    assert tight.memory <= tight.bound
    assert roomy.spill is None
    assert "estimate: about" in str(tight)
    assert "(bound: " in str(tight)
    assert str(roomy).startswith("estimate: about")


def test_the_command_line_announces_and_refuses(study, tmp_path, capsys):
    from synthema_core.cli import main

    _, _, folder = study
    words = ["audit", "--synthetic", str(folder / "shards"), "--seed", "3"]
    words += ["--train", str(folder / "train.parquet"), "--schema", str(folder / "schema.json")]
    assert main([*words, "--memory", "6GiB", "--json", str(tmp_path / "a.json")]) == 0
    out, error = capsys.readouterr()
    assert error.startswith("synthema: note: estimate: about")
    assert "(bound: 6 GiB)" in error
    assert "membership AUC" in out
    assert main([*words, "--memory", "10MiB"]) == 2
    assert "memory: 10 MiB is not enough" in capsys.readouterr().err
    assert main([*words, "--memory", "many"]) == 2
    assert "--memory: expected a size" in capsys.readouterr().err


BOUNDED = """
    import sys
    from pathlib import Path
    import synthema_core as sc
    from synthema_core import auditing
    from synthema_core.memory import peak
    auditing.FIDELITY_ROWS = 2000
    folder = Path(sys.argv[1])
    found = sc.audit(
        train=folder / "train.parquet", holdout=folder / "holdout.parquet",
        synthetic=folder / "shards", schema=sc.Schema.read(folder / "schema.json"), seed=0,
        memory=sys.argv[2], progress=False, evidence="none",
    )
    print(peak(), found.provenance.n_synthetic, found.distances.copied_train.value)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_a_table_four_times_the_bound_is_audited_within_it(tmp_path):
    rng = np.random.default_rng(0)
    n, bound = 2**17, 560 * 2**20
    notes = pl.Series([f"note {i} " + "x" * 600 for i in range(8)])
    shard = pl.DataFrame(
        {f"x{i}": np.round(rng.normal(size=n), 2) for i in range(4)}
        | {"k": rng.choice(["a", "b", "c"], n), "note": notes.gather(rng.integers(0, 8, n))}
    )
    times = -(-4 * bound // shard.estimated_size())
    (tmp_path / "shards").mkdir()
    shard.write_parquet(tmp_path / "shards" / "0.parquet", row_group_size=2**14)
    for i in range(1, times):  # the same rows again, without writing them again
        (tmp_path / "shards" / f"{i}.parquet").hardlink_to(tmp_path / "shards" / "0.parquet")
    train = shard[:200]
    train.write_parquet(tmp_path / "train.parquet")
    shard[200:300].with_columns(x0=pl.col("x0") + 0.001).write_parquet(tmp_path / "holdout.parquet")
    Schema.infer(train).write(tmp_path / "schema.json")
    code = [sys.executable, "-c", textwrap.dedent(BOUNDED), str(tmp_path), str(bound)]
    done = subprocess.run(code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    most, rows, copied = done.stdout.split()
    assert int(rows) == times * n
    assert float(copied) == 1.0
    assert int(most) <= bound
