"""Exercise of the clinic that asks what is wrong with eleven attentions, each of which says nothing of it."""

from utils.clinic.patients import DIAGNOSES, diagnoses
from utils.exercises.engine.forms import Part, Prediction

_HINTS = (
    "Hide two keys, and compare with two keys taken away. Then change a hidden key.",
    "Give each feature of queries and keys twice, divided by the fourth root of 2.",
    "Change a value, and look at the rows.",
    "Change one query, and look at the rows of the others; then try three queries and five keys.",
    "Which properties have you tried on it? Try all of them.",
    "Make all values one row. Where is the output, and do the rows notice other queries?",
    "Call it twice.",
    "Change what is hidden, and what is seen.",
    "Make all values one row, without a mask. Are all rows off by one factor? By which?",
    "Which values does row 0 notice?",
    "Make all values one row: without a mask, and with one.",
)


def diagnosed_patients() -> tuple[str, ...]:
    """Return the id of what each patient has."""
    return diagnoses()


DIAGNOSIS = Prediction(
    id="clinic-diagnosis",
    title="eleven patients, ten of them with a mistake of the page",
    reference=diagnosed_patients,
    note="each can be found by a property that holds of sound attention",
    hint="Eleven words, from patient 1 to patient 11: the ids of the cases, and sound.",
    parts=tuple(Part(f"patient {number}", hint, DIAGNOSES) for number, hint in enumerate(_HINTS, start=1)),
)
