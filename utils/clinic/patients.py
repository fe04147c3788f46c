"""Eleven attentions that do not say what is wrong with them: the exercise of the chapter."""

import numpy as np

from utils.clinic import attentions

SOUND = "sound"
DIAGNOSES = (
    "dropout-on",
    "keys-as-values",
    "mask-after",
    "mask-inverted",
    "mirrored",
    "no-scale",
    "point-wise",
    "scale-after",
    "softmax-axis",
    "zero-scores",
    SOUND,
)


def dropping_attention(query, key, value, mask=None):
    """Drop half of the outputs, whether it is training or not."""
    output = attentions.plain_attention(query, key, value, mask)
    return output * (np.random.default_rng().random(output.shape) >= 0.5) * 2


_BEHIND_THE_DOOR = (
    (attentions.hidden_scores_zero, "zero-scores"),
    (attentions.unscaled_attention, "no-scale"),
    (attentions.keys_as_values, "keys-as-values"),
    (attentions.mirrored_scores, "mirrored"),
    (attentions.plain_attention, SOUND),
    (attentions.softmax_over_queries, "softmax-axis"),
    (dropping_attention, "dropout-on"),
    (attentions.mask_inverted, "mask-inverted"),
    (attentions.scaled_after_softmax, "scale-after"),
    (attentions.pointwise_attention, "point-wise"),
    (attentions.weights_times_mask, "mask-after"),
)


class Patient:
    """An attention with a number for a name: query (B, T, d), key (B, S, d), value (B, S, d_v), mask (B, T, S)."""

    def __init__(self, number: int):
        self.number = number
        self.__name__ = f"patient {number}"

    def __call__(self, query, key, value, mask=None):
        """Return (B, T, d_v), right or wrong."""
        return _BEHIND_THE_DOOR[self.number - 1][0](query, key, value, mask)

    def __repr__(self) -> str:
        return self.__name__


def patients() -> list[Patient]:
    """Return the eleven, from patient 1 to patient 11.

    Example:
        >>> patients()[0]
        patient 1
    """
    return [Patient(number) for number in range(1, len(_BEHIND_THE_DOOR) + 1)]


def diagnoses() -> tuple[str, ...]:
    """Return what each has, in order: the answer of the exercise."""
    return tuple(name for _, name in _BEHIND_THE_DOOR)
