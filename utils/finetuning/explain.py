"""Why a prediction came out as it did: what it loses when a word is hidden."""

from collections.abc import Callable, Sequence

import numpy as np


def occlusion(
    predict_probability: Callable[[Sequence[str]], np.ndarray], text: str, mask: str | None = None
) -> list[tuple[str, float]]:
    """Measure how much each word carries: hide one word at a time, and see what the probability loses.

    Zeiler and Fergus (2014), arXiv:1311.2901, hide patches of an image; here a patch is a word between spaces.

    Args:
        predict_probability: maps N texts to probabilities, of shape (N,), or (N, C) where the class that is most
            probable for the whole text is followed.
        text: the text to explain.
        mask: what stands in a hidden word's place, for instance "[MASK]"; nothing if None.

    Returns:
        [(word, drop)] in the order of the text: the whole text's probability minus that without the word. Positive
        drops are of words that speak for the prediction, negative ones of words that speak against it.

    Raises:
        ValueError: the text has no word.

    Example:
        >>> def loud(texts):
        ...     return np.array([0.9 if "great" in text else 0.5 for text in texts])
        >>> [(word, round(drop, 2)) for word, drop in occlusion(loud, "a great film")]
        [('a', 0.0), ('great', 0.4), ('film', 0.0)]
    """
    words = text.split()
    if not words:
        raise ValueError("expected a text with at least one word; received none")
    hidden = [] if mask is None else [mask]
    variants = [" ".join(words[:place] + hidden + words[place + 1 :]) for place in range(len(words))]
    probability = np.asarray(predict_probability([" ".join(words), *variants]), dtype=float)
    if probability.ndim == 2:
        probability = probability[:, probability[0].argmax()]
    return list(zip(words, (probability[0] - probability[1:]).tolist(), strict=True))
