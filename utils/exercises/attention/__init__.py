"""The exercises of chapter 1, attention."""

from utils.exercises.attention import further, inputs, masks

EXERCISES = tuple(one for module in (inputs, masks, further) for one in module.EXERCISES)
