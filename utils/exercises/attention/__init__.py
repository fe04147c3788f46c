"""The exercises of chapter 1, attention."""

from utils.exercises.attention import further, inputs, invariances, leaks, masked, padded

EXERCISES = (
    *inputs.EXERCISES,
    invariances.INVARIANCES,
    padded.PADDED,
    masked.MASKED,
    leaks.LEAKS,
    *further.EXERCISES,
)
