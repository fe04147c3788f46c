"""The exercises of chapter 2, multi-head attention."""

from utils.exercises.multi_head import attention, cache, grouped, heads, limits, parameters

EXERCISES = tuple(one for module in (heads, parameters, attention, cache, grouped, limits) for one in module.EXERCISES)
