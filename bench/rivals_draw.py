"""One rival generator, one table, one process: reads a JSON order from stdin, writes Parquet.

Runs in a rival's own environment, so it imports pandas and that rival alone. Numbers are float64;
categories are text, "missing" being a level of its own where a rival knows no missing values.
Everything else is the rival's default.
"""

import importlib.abc
import importlib.machinery
import json
import os
import random
import sys
import time
import warnings
from unittest.mock import MagicMock

import numpy as np
import pandas as pd

GONE = "missing"


def gaussian_copula(frame, order):
    from sdv.single_table import GaussianCopulaSynthesizer

    return _sdv(GaussianCopulaSynthesizer, frame, order)


def ctgan(frame, order):
    from sdv.single_table import CTGANSynthesizer

    return _sdv(CTGANSynthesizer, frame, order)


def tvae(frame, order):
    from sdv.single_table import TVAESynthesizer

    return _sdv(TVAESynthesizer, frame, order)


def _sdv(kind, frame, order):
    from sdv.metadata import Metadata

    kinds = {c: "numerical" if c in order["numeric"] else "categorical" for c in frame}
    columns = {c: {"sdtype": k} for c, k in kinds.items()}
    metadata = Metadata.load_from_dict({"tables": {"table": {"columns": columns}}})
    model = kind(metadata)
    model.fit({"table": frame})
    drawn = model.sample(num_rows=order["n"])
    return drawn["table"] if isinstance(drawn, dict) else drawn


def arf(frame, order):
    from arfpy import arf as package

    known = frame.copy()
    for c in order["numeric"]:
        gone = known[c].isna()
        known[c] = known[c].fillna(known[c].median())
        if gone.any():
            known[f"{c} known"] = np.where(gone, GONE, "yes")
    words = [c for c in known if c not in order["numeric"]]
    known[words] = known[words].astype(object).astype("category")
    model = package.arf(x=known, random_state=order["seed"])
    model.forde()
    drawn = model.forge(n=order["n"])
    for c in order["numeric"]:
        if f"{c} known" in drawn:
            drawn.loc[drawn[f"{c} known"] == GONE, c] = np.nan
    return drawn[list(frame.columns)]


def tabularargn(frame, order):
    from mostlyai import engine

    engine.set_random_state(order["seed"])
    model = engine.TabularARGN(verbose=0, device="cpu", random_state=order["seed"])
    model.fit(frame)
    return model.sample(n_samples=order["n"])


def tabddpm(frame, order):
    sys.meta_path.append(StandIns())
    from synthcity.plugins.core.dataloader import GenericDataLoader
    from synthcity.plugins.generic.plugin_ddpm import TabDDPMPlugin

    known = frame.copy()
    for c in order["numeric"]:
        gone = known[c].isna()
        known[c] = known[c].fillna(known[c].median())
        if gone.any():
            known[f"{c} known"] = np.where(gone, GONE, "yes")
    model = TabDDPMPlugin(random_state=order["seed"])
    model.fit(GenericDataLoader(known, random_state=order["seed"]))
    drawn = model.generate(count=order["n"]).dataframe()
    for c in order["numeric"]:
        if f"{c} known" in drawn:
            drawn.loc[drawn[f"{c} known"] == GONE, c] = np.nan
    return drawn[list(frame.columns)]


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty modules for what synthcity imports for images and for its other generators."""

    ROOTS = frozenset("be_great decaf monai pykeops shap torchvision tsai xgbse".split())

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.ROOTS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return MagicMock(name=spec.name, __path__=[])

    def exec_module(self, module):
        pass


RIVALS = {f.__name__: f for f in (gaussian_copula, ctgan, tvae, arf, tabularargn, tabddpm)}


def main():
    warnings.simplefilter("ignore")
    order = json.load(sys.stdin)
    random.seed(order["seed"])
    np.random.seed(order["seed"])  # noqa: NPY002  # rivals draw from the global generator
    try:
        import torch

        torch.manual_seed(order["seed"])
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    except ImportError:
        pass
    real = pd.read_csv(order["train"], dtype=str, keep_default_na=False)
    frame = pd.DataFrame(index=real.index)
    for c in real.columns:
        if c in order["numeric"]:
            frame[c] = pd.to_numeric(real[c].replace("", None)).astype(float)
        else:
            frame[c] = real[c].replace("", GONE)
    started = time.perf_counter()
    drawn = RIVALS[order["rival"]](frame, order)
    seconds = time.perf_counter() - started
    drawn = drawn[list(frame.columns)].copy()
    for c in drawn:
        if c not in order["numeric"]:
            drawn[c] = drawn[c].astype(str).replace(GONE, "")
    drawn.to_csv(order["out"], index=False)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
