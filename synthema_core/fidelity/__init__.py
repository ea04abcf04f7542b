"""How real a synthetic table looks, from single columns to all of them together.

`values` turns columns into arrays; `marginal` compares each column, `pairwise` each pair, `joint`
all columns at once by a classifier, and `survival` times to event.
"""
