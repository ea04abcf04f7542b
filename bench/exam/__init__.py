"""A blind exam of a synthetic table, by other people's implementations.

`protocols` says how each patient table is examined, `split` cuts it, `marks` (run by `marking` in
the rival environment `exam`: LightGBM, lifelines, scikit-learn) marks synthetic tables that it
reads from Parquet files, and `python -m bench.exam` examines our own generator with its defaults,
between a ceiling (patients nobody saw) and a floor (independent marginals).
"""
