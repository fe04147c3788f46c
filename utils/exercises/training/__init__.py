"""The exercises of chapter 5, training."""

from utils.exercises.training import batches, beams, losses, numbers, padding

_FORMS = (beams.BEAMS, batches.BATCHES, numbers.NUMBERS)
EXERCISES = (*(one for module in (losses, padding) for one in module.EXERCISES), *_FORMS)
