"""The exercises of chapter 3, positions."""

from utils.exercises.positions import absolute, relative

EXERCISES = tuple(one for module in (absolute, relative) for one in module.EXERCISES)
