"""How real a synthetic table looks: each column (`marginal`), each pair (`pairwise`), all columns
together (`joint`), and times to event (`survival`).
"""
