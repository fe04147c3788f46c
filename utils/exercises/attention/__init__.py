"""The exercises of chapter 1, attention."""

from utils.exercises.attention import further, inputs, invariances, leaks, masks, padded

EXERCISES = (
    *inputs.EXERCISES,
    *masks.EXERCISES,
    invariances.INVARIANCES,
    padded.PADDED,
    leaks.LEAKS,
    *further.EXERCISES,
)
