"""Synthetic patients, and the audit that says whether they betray the real ones."""
