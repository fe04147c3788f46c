"""The exercise of the appendix on published mistakes."""

from utils.exercises.clinic.diagnosis import DIAGNOSIS

EXERCISES = (DIAGNOSIS,)
