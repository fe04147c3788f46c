"""The exercises of chapter 3, positions."""

from utils.exercises.positions import absolute, halves, longer, relative, shifts

EXERCISES = (*absolute.EXERCISES, *relative.EXERCISES, halves.HALVES, shifts.SHIFTS, longer.LONGER)
