"""The exercises of chapter 6, pre-trained models."""

from utils.exercises.pretrained import cutting, hiding, losses, numbers, padding

_FORMS = (padding.PADDING, hiding.HIDING, numbers.NUMBERS)
EXERCISES = (*(one for module in (cutting, losses) for one in module.EXERCISES), *_FORMS)
