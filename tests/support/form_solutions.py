"""Model solutions of the exercises that ask for a test, a bug or a prediction, as the chapters fold them."""

import numpy as np


def hides_the_future(attend):
    x = np.random.default_rng(0).normal(size=(24, 4))
    before = attend(x)
    for place in range(len(x)):
        changed = x.copy()
        changed[place] = 0
        gaps = np.abs(attend(changed) - before).max(axis=1)
        moved = ~(gaps <= 1e-6)  # so a nan counts as moved
        if moved[:place].any() or not moved[place:].all():
            return False
    return True


def layer_is_sound(layer):
    rng = np.random.default_rng(0)
    x, order = rng.normal(size=(2, 20, 12)), np.arange(20)
    before = layer(x)
    for circle in (rng.permutation(20), rng.permutation(20)):
        order[circle] = np.roll(circle, 1)  # each place gets another's token
        if not np.allclose(layer(x[:, order]), before[:, order], atol=1e-6):
            return False
    for text, place in np.ndindex(2, 20):
        changed = x.copy()
        changed[text, place] = rng.normal(size=12)
        moved = np.abs(layer(changed) - before) > 1e-6  # (2, 20, 12)
        if not moved[text].any(axis=-1).all() or moved[1 - text].any():
            return False
    return True


def is_relative(turn):
    x = np.random.default_rng(0).normal(size=(5, 8))
    places = np.array([20, 3, 0, 7, 4])
    alone = [turn(x[i : i + 1], places[i : i + 1])[0] for i in range(5)]
    apart = np.allclose(turn(x, places), alone, atol=1e-4)
    every = np.arange(1001)
    q, k = [turn(np.tile(row, (1001, 1)), every) for row in x[:2]]
    products = [np.sum(q[n:] * k[:-n], axis=1) for n in (1, 2, 5)]
    stays = all(np.ptp(at_distance) < 1e-4 for at_distance in products)
    changes = abs(q[9] @ k[0] - q[0] @ k[0]) > 1e-4  # q moves alone
    return apart and stays and changes


def cache_is_sound(read):
    x = np.random.default_rng(0).normal(size=(24, 8))
    for cuts in ([1, 2, 3], [5, 12, 20], [9, 10]):
        cache, rows = None, []
        for piece in np.split(x, cuts):
            read(-piece, cache)  # another way on
            new, after = read(piece, cache)
            read(-piece, cache)  # the other way again
            rows, cache = [*rows, new], after
        if not np.allclose(np.concatenate(rows), read(x, None)[0], atol=1e-5):
            return False
    return True


# pretrained-test-padding
def padding_is_hidden(encode):
    rng = np.random.default_rng(0)
    mask = np.arange(48) < [[1], [2], [5], [10], [20], [30], [40]]
    ids = rng.integers(5, 49, (7, 48)) - 5 * ~mask  # 0 to 43 at padded places
    padded = encode(ids, mask)
    for row, n in enumerate(mask.sum(axis=1)):
        alone = encode(ids[[row], :n], mask[[row], :n])
        same = np.abs(padded[row, :n] - alone).max() < 1e-6
        changed = ids[row, :n] + np.eye(n, dtype=int)  # n texts, all of tokens
        gaps = np.abs(encode(changed, changed > 0) - alone).max(axis=-1)
        if not same or gaps.min() < 1e-6:
            return False
    return True


# training-test-batch
def batch_is_sound(make):
    texts = [[7, 5, 7, 9], [4], list(range(3, 30)), [8, 3, 3]]
    for shown, labels, counted, text in zip(*make(texts), texts, strict=True):
        length = len(text) + 1
        if list(shown[:length]) != [1, *text]:
            return False
        if list(labels[:length]) != [*text, 2]:
            return False
        if not counted[:length].all() or counted[length:].any():
            return False
    return True


# custom-test-convert
def conversion_is_sound(convert):
    rng = np.random.default_rng(0)
    for outputs, inputs in ((5, 5), (3, 8), (8, 3)):
        weight, bias = rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)
        x = rng.normal(size=(9, inputs))
        kernel, shift = convert(weight.copy(), bias.copy())
        if kernel.shape != (inputs, outputs):
            return False
        if not np.allclose(x @ kernel + shift, x @ weight.T + bias, atol=1e-5):
            return False
    return True


TESTS = {
    "attention-test-causal": hides_the_future,
    "heads-test": layer_is_sound,
    "positions-test": is_relative,
    "architecture-test-cache": cache_is_sound,
    "training-test-batch": batch_is_sound,
    "pretrained-test-padding": padding_is_hidden,
    "custom-test-convert": conversion_is_sound,
}

# The line that is wrong, and what may stand there: with nothing else changed the listing is mended.
MENDED_LINES = {
    "attention-bug-masks": {5: "    allowed = earlier & is_token[None, :]"},
    "heads-bug-cache": {8: "        shares = np.exp(scores / np.sqrt(query.shape[-1]))"},
    "positions-bug-rotary": {
        8: "    first, x = first * cos - second * sin, first",
        9: "    second = x[:, : width // 2] * sin + second * cos",
    },
    "project-bug-step": {9: "        gradient = x.T @ error / len(x)"},
    "architecture-bug-loss": {
        9: "    losses = -log_p[counts]",
        10: "    return losses.sum() / counts.sum()",
    },
    "training-bug-beam": {8: "    parent = order // tokens"},
    "pretrained-bug-hiding": {7: "    counts = chosen", 9: "    labels[chosen] = ids[chosen]"},
    "frameworks-bug-heads": {7: "    value = value.reshape(len(x), num_heads, size)"},
    "custom-bug-extend": {9: "        longer[rows + new] = total / len(ids)"},
}

# Computed with a pencil.
PREDICTIONS = {
    "attention-predict": ("same", "other", "shifted", "same", "other", "same"),
    "heads-predict-window": (4, 2, 1 + 2 + 3 + 7 * 4, 3 * 3 + 1, 2 + 4, 5),
    "positions-predict-longer": ("new", "seen", "seen", "smaller", "as before", 16, 1),
    "architecture-predict-depth": (5, 1 / 25, 24**-0.5, 2**0.5, 7),
    "training-predict": (4.382, 0.757, 4, 1600, 4.5),
    "pretrained-predict": (0.672, 198_272, 240, 30, 9.547),
    "custom-predict": (0.05, 1024, 440, 30_720, 12),
    "frameworks-predict": (1536, 1, 3, 3, 6, 0.707),
    "clinic-diagnosis": (
        *("zero-scores", "no-scale", "keys-as-values", "mirrored", "sound", "softmax-axis"),
        *("dropout-on", "mask-inverted", "scale-after", "point-wise", "mask-after"),
    ),
}


def mended(exercise, line=None):
    """Return the listing of an exercise with one of its wrong lines mended."""
    fixes = MENDED_LINES[exercise.id]
    line = line or max(fixes)
    lines = exercise.listing.strip().splitlines()
    lines[line - 1] = fixes[line]
    if exercise.id == "positions-bug-rotary" and line == 8:
        lines[8] = "    second = x * sin + second * cos"
    names = {"np": np}
    exec("\n".join(lines), names)
    return names[exercise.reference.__name__]
