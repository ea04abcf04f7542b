"""Attacks on a synthetic table. Arrays and results only: nothing here knows a table or a schema.

`membership` is evidence, an attack with a never-seen control group; `distance` and `avatar` are
descriptive.
"""
