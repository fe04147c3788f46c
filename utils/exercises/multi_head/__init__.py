"""The exercises of chapter 2, multi-head attention."""

from utils.exercises.multi_head import attention, cache, grouped, heads, layers, limits, parameters, steps, windows

_FORMS = (windows.WINDOWS, steps.STEPS, layers.LAYERS)
EXERCISES = (
    *(one for module in (heads, parameters, attention, cache, grouped) for one in module.EXERCISES),
    *_FORMS,
    *limits.EXERCISES,
)
