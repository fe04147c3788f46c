"""Exercise of appendix A that asks for six numbers before the two libraries are run."""

import numpy as np

from utils.exercises.engine.forms import Part, Prediction

_IDS = np.array([7, 3, 9, 0])  # 0 is padding


def numbers_of_two_libraries() -> tuple[int, int, int, int, int, float]:
    """Return the six numbers that the exercise asks for."""
    query_kernel = np.zeros((512, 8, 64))  # Keras's (E, H, D)
    in_proj_weight = np.concatenate([query_kernel.reshape(512, -1).T] * 3)
    key_padding_mask, attn_mask, attention_mask = _IDS == 0, _IDS != 0, _IDS != 0
    target = np.arange(7)
    vector = np.sqrt(0.001) * np.array([-1.0, 1.0])  # variance 0.001
    normalised = vector / np.sqrt(vector.var() + 0.001)
    hidden = (key_padding_mask.sum(), attn_mask.sum(), attention_mask.sum())
    return len(in_proj_weight), *map(int, hidden), len(target[:-1]), float(normalised.std())


NUMBERS = Prediction(
    id="frameworks-predict",
    title="six numbers of two libraries",
    reference=numbers_of_two_libraries,
    note="all six came true",
    hint="Six numbers: rows, then three counts of True, then tokens, then a standard deviation to three digits.",
    rtol=2e-3,
    parts=(
        Part(
            "rows of in_proj_weight",
            "Three projections stand in it, one below the other.",
            slips=((512, "that is one of three projections"), (1024, "that is two of three projections")),
        ),
        Part("True in key_padding_mask", "What does True say there?", slips=((3, "True says may NOT attend here"),)),
        Part(
            "True in attn_mask",
            "The function and the layer of PyTorch do not agree.",
            slips=((1, "that is the layer's sense"),),
        ),
        Part("True in attention_mask", "In Keras, True says may attend.", slips=((1, "that is PyTorch's sense"),)),
        Part(
            "tokens that the decoder reads",
            "The last token is asked for, and never read.",
            slips=((7, "then it would read the last token, which nobody asks it to continue"),),
        ),
        Part(
            "standard deviation",
            "The output is the vector, divided by the root of variance plus ε.",
            slips=((1.0, "that would be so without ε"), (0.5, "the root is missing"), (0.995, "that is PyTorch's ε")),
        ),
    ),
)
