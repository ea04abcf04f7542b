"""Seconds against rows, us and the rivals, from the records of `bench.neighbors`."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.neighbors_plan import KINDS
from bench.neighbors_tables import partial, seconds

PANELS = ("gauss-8", "gauss-32", "gauss-128", "lowdim-32", "real-32", "mixed")


def draw(records, path):
    pass
