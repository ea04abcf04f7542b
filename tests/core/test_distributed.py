"""The audit on a cluster of processes: the same bits, whoever dies on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import dask
import numpy as np
import polars as pl
import pytest
from distributed import Client, LocalCluster

import synthema_core as sc
from synthema_core import auditing, distributed, passes
from synthema_core.auditing import carry_out, prepare
from synthema_core.cli import main
from synthema_core.errors import SynthemaError, TableError
from synthema_core.generate import cohort

COLUMNS = ["age", "sex", "wbc", "platelet", "mut_NPM1", "eln_risk", "hsct", "os_days", "os_status"]
SHARDS, ROWS = 10, 14_000  # together more than two blocks


@pytest.fixture(scope="module", autouse=True)
def _small_sample():
    """Fidelity is measured here, not on the workers: little of it will do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "FIDELITY_ROWS", 500)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    patients = cohort.simulate(900, seed=1).select(COLUMNS)
    train, holdout, fresh = patients[:300], patients[300:500], patients[500:]
    (folder / "shards").mkdir()
    for i in range(SHARDS):
        shard = fresh.sample(ROWS, with_replacement=True, seed=i).with_columns(
            age=pl.col("age") + i, eln_risk=pl.col("eln_risk").cast(pl.String) + ("" if i else "?")
        )
        pl.concat([shard[i:], train[:i]]).write_parquet(folder / "shards" / f"{i}.parquet")
    schema = cohort.schema().select(COLUMNS)
    train.write_parquet(folder / "train.parquet")
    holdout.write_parquet(folder / "holdout.parquet")
    schema.write(folder / "schema.json")
    tables = {"train": train, "holdout": holdout, "schema": schema}
    return {**tables, "seed": 3, "evidence": "none"}, folder  # attacks run here, not on workers


@pytest.fixture(scope="module")
def cluster():
    # The scheduler may ask a worker that has just died, and would ask again for 30 seconds.
    timeouts = {"distributed.comm.timeouts.connect": "4s"}
    with (
        dask.config.set(timeouts),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            env={"NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
        ) as made,
    ):
        yield made


@pytest.fixture
def client(cluster):
    with Client(cluster, set_as_default=False) as made:
        made.wait_for_workers(2, timeout=60)
        yield made


def numbers(found):
    plain = found.to_dict()
    del plain["provenance"]["created"], plain["provenance"]["seconds"]
    return json.dumps(plain, allow_nan=False)


@pytest.fixture(scope="module")
def single(study):
    arguments, folder = study
    return numbers(sc.audit(synthetic=folder / "shards", **arguments))


# --- the same bits ------------------------------------------------------------------------------


def test_a_cluster_gives_the_bits_of_one_process(study, single, client, monkeypatch):
    arguments, folder = study
    monkeypatch.chdir(folder)  # the workers are elsewhere
    found = distributed.audit(synthetic="shards", client=client, memory="32GiB", **arguments)
    assert numbers(found) == single
    assert set(found.provenance.seconds) >= {"read", "neighbors", "total"}
    deadline = time.time() + 10
    while any(client.has_what().values()) and time.time() < deadline:
        time.sleep(0.05)
    assert not any(client.has_what().values()), "everything is released"


def test_parts_come_in_any_number_and_trees_in_any_shape(study, single, client, monkeypatch):
    arguments, folder = study
    monkeypatch.setattr(distributed, "PARTS", 11)
    monkeypatch.setattr(distributed, "FAN_IN", 2)
    monkeypatch.setattr(distributed, "AHEAD", 1)
    found = distributed.audit(synthetic=folder / "shards", client=client, **arguments)
    assert numbers(found) == single


def test_large_real_tables_travel_without_a_warning(client):
    large = np.zeros(2**21)  # Dask warns from 10 MB, and a warning is an error here
    step = passes.Search(source=None, dtypes={}, encoder=None, real=large)
    with pytest.raises(AttributeError):  # it arrived, and it has no source
        list(distributed.on(client)(step, [(0, 1)]))


def test_the_command_line_works_on_a_cluster(study, single, cluster, tmp_path, capsys):
    _, folder = study
    words = ["audit", "--train", str(folder / "train.parquet"), "--seed", "3"]
    words += ["--holdout", str(folder / "holdout.parquet"), "--synthetic", str(folder / "shards")]
    words += ["--schema", str(folder / "schema.json"), "--json", str(tmp_path / "a.json")]
    assert main([*words, "--scheduler", cluster.scheduler_address]) == 0, capsys.readouterr().err
    found, expected = json.loads((tmp_path / "a.json").read_text()), json.loads(single)
    assert found["membership"] == expected["membership"]
    assert found["distances"] == expected["distances"]


# --- workers that die ---------------------------------------------------------------------------


def interrupted(arguments, folder, client, kill):
    """An audit in which `kill` is called when the first part of the search has come here."""
    job = prepare(synthetic=folder / "shards", **arguments)
    inner, called = distributed.on(client), []

    def run(step, spans):
        for part in inner(step, spans):
            if isinstance(step, passes.Search) and not called:
                assert part.tally is None, "the rest is not there yet"
                called.append(kill())
            yield part

    made = distributed._shared(job.plan, job.tables.synthetic.height, 2)
    found = carry_out(replace(job, plan=made), run=run, progress=False)
    assert called
    return numbers(found)


def settled(client):
    """Wait until every part that was handed out is done; more are to come."""
    deadline = time.time() + 30
    while any(client.processing().values()) and time.time() < deadline:
        time.sleep(0.02)
    return client.has_what()


def test_one_worker_killed_between_parts_costs_its_parts_alone(study, single, client):
    arguments, folder = study
    pids = client.run(os.getpid)

    def kill():
        held = {worker: keys for worker, keys in settled(client).items() if "adds" in str(keys)}
        victim = sorted(held)[0]
        os.kill(pids[victim], signal.SIGKILL)
        return victim

    assert interrupted(arguments, folder, client, kill) == single
    assert set(client.run(os.getpid).values()) != set(pids.values())


FRAGILE = """
def fragile(step, fatal, mark, start, stop):
    import os, signal
    if start == fatal:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    return step(start, stop)
"""


def test_one_worker_killed_while_it_works_changes_nothing(study, single, client, tmp_path):
    arguments, folder = study
    pids = client.run(os.getpid)
    job = prepare(synthetic=folder / "shards", **arguments)
    made = distributed._shared(job.plan, job.tables.synthetic.height, 2)
    scope = {"__name__": "__main__"}  # so that it travels as code: workers have no tests
    exec(FRAGILE, scope)

    def run(step, spans):
        if isinstance(step, passes.Search):
            step = partial(scope["fragile"], step, spans[4][0], str(tmp_path / "mark"))
        return distributed.on(client)(step, spans)

    assert numbers(carry_out(replace(job, plan=made), run=run, progress=False)) == single
    assert (tmp_path / "mark").exists()
    client.wait_for_workers(2, timeout=60)
    assert len(set(client.run(os.getpid).values()) - set(pids.values())) == 1


def test_real_rows_outlive_every_worker_that_holds_them(study, single, client):
    arguments, folder = study
    pids = client.run(os.getpid)

    def kill():
        assert any("search" in str(keys) for keys in settled(client).values())
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)

    assert interrupted(arguments, folder, client, kill) == single
    assert not set(client.run(os.getpid).values()) & set(pids.values())


def test_parts_that_kill_their_workers_are_given_up(cluster, client, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    scope = {"__name__": "__main__"}  # so that it travels as code: workers have no tests
    exec("def deadly(start, stop):\n    import os\n    os._exit(9)", scope)
    with pytest.raises(SynthemaError, match=r"workers died again and again .* want of memory"):
        list(distributed.on(client)(scope["deadly"], [(0, 1), (1, 2)]))


# --- refusals -----------------------------------------------------------------------------------


def test_tables_in_memory_are_refused_with_the_remedy(study, client):
    arguments, _ = study
    with pytest.raises(TableError, match=r"expected the path of Parquet files.*write_parquet"):
        distributed.audit(synthetic=arguments["train"], client=client, **arguments)


def test_files_that_workers_do_not_see_are_refused(study, client, tmp_path, monkeypatch):
    arguments, folder = study
    monkeypatch.setattr(os.path, "abspath", lambda path: str(path))
    monkeypatch.chdir(folder)
    with pytest.raises(TableError, match=r"worker tcp://.* does not see 0\.parquet.*shared disk"):
        distributed.audit(synthetic="shards", client=client, **arguments)


def test_other_versions_are_refused(study, client, monkeypatch):
    arguments, folder = study
    monkeypatch.setattr(distributed, "version", lambda _: "0.0")
    with pytest.raises(SynthemaError, match=r"has synthema-core .*, expected 0\.0 as here"):
        distributed.audit(synthetic=folder / "shards", client=client, **arguments)


def test_errors_of_workers_are_those_of_one_process(study, client, tmp_path):
    arguments, folder = study
    wild = pl.read_parquet(folder / "shards" / "1.parquet").with_columns(wbc=pl.lit(float("inf")))
    wild.write_parquet(tmp_path / "wild.parquet")
    with pytest.raises(TableError, match=r"synthetic.*'wbc': expected finite"):
        distributed.audit(synthetic=tmp_path / "wild.parquet", client=client, **arguments)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "127.0.0.1", "nowhere://x", "tcp://a b:1"]
)
def test_schedulers_that_do_not_answer_are_given_up(study, address, monkeypatch):
    arguments, folder = study
    monkeypatch.setattr(distributed, "TIMEOUT", 0.5)
    start = time.monotonic()
    with pytest.raises(SynthemaError, match=rf"scheduler: no answer from {address} within 0\.5 s"):
        distributed.audit(synthetic=folder / "shards", client=address, **arguments)
    assert time.monotonic() - start < 10


def test_clusters_without_workers_are_refused(study, client, monkeypatch):
    arguments, folder = study

    def late(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(distributed, "PATIENCE", 0.3)
    monkeypatch.setattr(distributed, "wait", late)
    monkeypatch.setattr(client, "nthreads", dict)
    with pytest.raises(SynthemaError, match=r"no worker for 0\.3 s"):  # all left on the way
        list(distributed.on(client)(max, [(0, 1)]))
    monkeypatch.setattr(client, "wait_for_workers", late)
    with pytest.raises(SynthemaError, match=r"no worker for 0\.3 s.*dask worker"):
        distributed.audit(synthetic=folder / "shards", client=client, **arguments)


def test_foreign_clients_are_refused(study):
    arguments, folder = study
    with pytest.raises(SynthemaError, match=r"client: expected a distributed\.Client .*, got int"):
        distributed.audit(synthetic=folder / "shards", client=8786, **arguments)


def test_without_the_extra_the_error_names_the_remedy(study):
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from synthema_core.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["audit", "--train", "t.parquet", "--synthetic", "s", "--schema", "s.json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--scheduler", "tcp://127.0.0.1:8786"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "pip install 'synthema-core[distributed]'" in done.stderr
