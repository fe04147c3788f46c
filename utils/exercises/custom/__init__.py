"""The exercises of chapter 7, models of one's own."""

from utils.exercises.custom import conversion, counting, extending, merging, numbers

_FORMS = (conversion.CONVERSION, extending.EXTENDING, numbers.NUMBERS)
EXERCISES = (*(one for module in (counting, merging) for one in module.EXERCISES), *_FORMS)
