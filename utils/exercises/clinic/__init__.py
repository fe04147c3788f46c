"""The exercise of the appendix on mistakes that keep their shapes."""

from utils.exercises.clinic.diagnosis import DIAGNOSIS

EXERCISES = (DIAGNOSIS,)
