"""Engines of `bench.neighbors`: ours and the rivals', each in a process of its own."""
