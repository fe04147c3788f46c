"""Exercises that check themselves. `check("attention-shapes", shapes)` says whether an answer is right, and why not."""

from utils.exercises.engine.checker import Verdict, check, check_answer

__all__ = ["Verdict", "check", "check_answer"]
