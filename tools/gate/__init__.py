"""Prove the book: steps, what they report, and the record of a run."""
