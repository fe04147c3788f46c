"""The exercises of the appendix on one model in three languages."""

from utils.exercises.frameworks.heads import HEADS
from utils.exercises.frameworks.numbers import NUMBERS

EXERCISES = (HEADS, NUMBERS)
