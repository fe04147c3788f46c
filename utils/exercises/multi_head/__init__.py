"""The exercises of chapter 2, multi-head attention."""

from utils.exercises.multi_head import attention, grouped, layers, limits, steps, windows

EXERCISES = (
    windows.WINDOWS,
    *attention.EXERCISES,
    steps.STEPS,
    *grouped.EXERCISES,
    layers.LAYERS,
    *limits.EXERCISES,
)
