"""The exercises of chapter 4, the architecture."""

from utils.exercises.architecture import counts, layers, sampling

EXERCISES = tuple(one for module in (layers, counts, sampling) for one in module.EXERCISES)
