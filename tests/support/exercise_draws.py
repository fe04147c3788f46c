"""The inputs on which an exercise tries an answer."""

from utils.exercises.engine.checker import EXERCISES


def drawn(exercise_id):
    """Return the inputs of all trials of an exercise, in their order."""
    exercise = EXERCISES[exercise_id]
    return [exercise.draw(trial) for trial in range(exercise.trials)]
