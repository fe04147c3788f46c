"""Measure the figures that chapters read from data/results."""
