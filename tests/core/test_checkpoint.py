"""An interrupted fit goes on to the same model; a checkpoint of another fit is refused."""

import json

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

import jax
from safetensors import safe_open
from safetensors.numpy import save_file

from synthema_core import tables
from synthema_core.cli import commands, main
from synthema_core.errors import CheckpointError, OutputError
from synthema_core.generate import FlowGenerator, checkpoint, flow
from synthema_core.schema import Column, Schema

SCHEMA = Schema(
    (
        Column("g", "categorical", categories=("a", "b", "c")),
        Column("flag", "boolean", categories=(0, 1)),
    )
)
SMALL = {"members": 2, "steps": 300, "hidden": 8, "progress": False}


def table(seed=0):
    """No number: quick to compile."""
    rng = np.random.default_rng(seed)
    g = rng.integers(3, size=200)
    return pl.DataFrame(
        {"g": np.array(["a", "b", "c"])[g], "flag": (g > rng.integers(3, size=200)) * 1}
    )


def fitted(path, seed=0, train=None, **settings):
    generator = FlowGenerator(seed=seed, **{**SMALL, **settings})
    return generator.fit(table() if train is None else train, SCHEMA, checkpoint=path)


@pytest.fixture(scope="module")
def whole():
    return fitted(None)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A checkpoint that an interrupted fit left."""
    path = tmp_path_factory.mktemp("kept") / "aml.checkpoint"

    class Interrupted(flow.tqdm):
        updates = 0

        def update(self, n=1):
            self.updates += 1
            if self.updates == 2:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "tqdm", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fitted(path)
    return path


@pytest.fixture
def left(interrupted, tmp_path):
    """A copy of it."""
    path = tmp_path / "aml.checkpoint"
    path.write_bytes(interrupted.read_bytes())
    return path


def same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def curves(generator):
    return {k: generator.model.record[k] for k in ("best_step", "train", "validation")}


def test_an_interrupted_fit_goes_on_to_the_same_model(left, whole, monkeypatch):
    with safe_open(left, framework="numpy") as file:
        names = set(file.keys())
        done = [file.get_tensor(n)[0] for n in names if n.endswith("looks")]
    assert 0 < sum(done) < sum(len(c) for c in whole.model.record["train"])
    monkeypatch.setattr(checkpoint, "PAUSE", 0.0)
    again = fitted(left)
    same(again.model.members, whole.model.members)
    assert curves(again) == curves(whole)
    assert again.sample(50, seed=1).equals(whole.sample(50, seed=1))
    assert list(left.parent.iterdir()) == [left]  # no temporary file
    finished = fitted(left)  # nothing is left to be trained
    same(finished.model.members, whole.model.members)
    assert curves(finished) == curves(whole)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "parameter 'seed' was 0 and is 1;"),
        ({"steps": 200}, "parameter 'steps' was 300"),
        ({"hidden": 9}, "parameter 'hidden' was 8 and is 9"),
        ({"train": table(seed=1)}, "the table is another"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused(left, change, named):
    before = left.read_bytes()
    with pytest.raises(CheckpointError, match="name another file to begin anew") as refused:
        fitted(left, **change)
    assert named.rstrip(";") in str(refused.value)
    assert left.read_bytes() == before


def test_another_platform_is_refused(left):
    with safe_open(left, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    given = json.loads(metadata["given"])
    given["versions"]["jax"], given["device"] = "0.0.1", "9 of abacus"
    save_file(tensors, left, metadata={**metadata, "given": json.dumps(given)})
    with pytest.raises(CheckpointError, match=r"version of 'jax' was '0.0.1'.* '9 of abacus'"):
        fitted(left)


def test_what_is_no_checkpoint_is_refused(left, tmp_path, whole):
    whole.save(tmp_path / "model.safetensors")
    (tmp_path / "text").write_text("not a checkpoint")
    left.write_bytes(left.read_bytes()[:-100])
    for path in (tmp_path / "model.safetensors", tmp_path / "text", left):
        with pytest.raises(CheckpointError, match="Delete it to begin anew"):
            fitted(path)


def test_what_cannot_be_written_is_said_before_training(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        fitted(tmp_path / "absent" / "aml.checkpoint")


def test_the_command_line_goes_on_and_clears_away(left, whole, tmp_path, monkeypatch):
    tables.write(table(), tmp_path / "train.parquet")
    SCHEMA.write(tmp_path / "schema.json")
    monkeypatch.setattr(
        commands, "_training", lambda _: {k: v for k, v in SMALL.items() if k != "progress"}
    )
    monkeypatch.chdir(tmp_path)
    words = "fit train.parquet --schema schema.json -o m.synthema --seed 0 --checkpoint"
    assert main([*words.split(), str(left)]) == 0
    same(FlowGenerator.load("m.synthema").model.members, whole.model.members)
    assert not left.exists()
