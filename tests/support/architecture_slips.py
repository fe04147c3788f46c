"""Wrong answers to the exercises of chapter 4, in the words that learners might choose.

In formulas: v vocabulary, d width, n layers, f inner width; p prompt, n new tokens, c cache.
"""

import numpy as np


def norm(mean=True, root=True, ddof=0, inside=True, axis=-1, use_epsilon=True):
    """Make a layer normalisation with some of its parts changed."""

    def answer(x, scale, shift, epsilon):
        epsilon = epsilon if use_epsilon else 0.0
        spread = np.var(x, axis=axis, ddof=ddof, keepdims=True) + (epsilon if inside else 0)
        spread = (np.power(spread, 0.5) if root else spread) + (0 if inside else epsilon)
        x = np.subtract(x, np.mean(x, axis=axis, keepdims=True)) if mean else x
        return x / spread * scale + shift

    return answer


def loops(allowed):
    """Make a mask by loops from a condition on (row of ids, pad_id, query, key)."""

    def answer(token_ids, pad_id):
        batch, length = token_ids.shape
        mask = np.zeros((batch, length, length), bool)
        for b, t, s in np.ndindex(mask.shape):
            mask[b, t, s] = allowed(token_ids[b], pad_id, t, s)
        return mask

    return answer


def count(tables=1, norms=4, biases_attention=4, biases_network=1, maps=2, projections=4, extra=0, memory=0):
    """Make a count of parameters with some of its parts changed."""

    def answer(v, d, n, f):
        total = tables * v * d + extra * d
        for _ in range(n):
            total += projections * d * d + biases_attention * d + maps * d * f + norms * d
            total += biases_network * (f + (d if maps == 2 else 0)) + memory * (4 * d * d + 6 * d)
        return total

    return answer


def reads(with_cache, without):
    return lambda p, n, c: with_cache(p, n) if c else without(p, n)


def once(p, n):
    return len(range(p + n)) - 1


def again(p, n):
    return sum(range(p, p + n))


def draw(scale=lambda z, t: z / t, keep=lambda order, k: order[:k], after=None):
    """Make probabilities of the next token, by sorting places from the best score to the worst."""

    def answer(logits, temperature, top_k):
        kept = keep(np.argsort(logits)[::-1], top_k)
        scores = scale(logits, temperature)[kept]
        odds = np.zeros(len(logits))
        odds[kept] = np.exp(scores - scores.max())
        odds = odds / odds.sum()
        return odds if after is None else after(odds, temperature)

    return answer


def cut_after(logits, temperature, top_k):
    odds = np.exp(logits / temperature - np.max(logits / temperature))
    odds = odds / odds.sum()
    odds[np.argsort(logits)[: len(logits) - top_k]] = 0
    return odds


def zero_scores(logits, temperature, top_k):
    scores = logits / temperature
    scores[np.argsort(logits)[: len(logits) - top_k]] = 0
    odds = np.exp(scores - scores.max())
    return odds / odds.sum()


def low_scores(logits, temperature, top_k):
    scores = logits / temperature
    scores[np.argsort(logits)[: len(logits) - top_k]] = -50.0
    odds = np.exp(scores - scores.max())
    return odds / odds.sum()


def lower_scores(number):
    """Make an answer that gives a number as a score to what is cut, before the temperature."""

    def answer(logits, temperature, top_k):
        scores = np.where(logits < np.sort(logits)[-top_k], number, logits) / temperature
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()

    return answer


def above_the_last(logits, temperature, top_k):
    scores = np.where(logits > np.sort(logits)[-top_k], logits / temperature, -np.inf)
    odds = np.exp(scores - scores.max())
    return odds / odds.sum()


SLIPS = [  # id, name of the mistake, answer
    ("architecture-mask", "not causal", loops(lambda ids, pad, t, s: ids[s] != pad)),
    ("architecture-mask", "padding forgotten", loops(lambda ids, pad, t, s: s <= t)),
    ("architecture-mask", "smallest id", loops(lambda ids, pad, t, s: s <= t and ids[s] > pad)),
    ("architecture-mask", "id 0", loops(lambda ids, pad, t, s: s <= t and bool(ids[s]))),
    ("architecture-mask", "padded queries", loops(lambda ids, pad, t, s: s <= t and ids[t] != pad)),
    (
        "architecture-mask",
        "padded keys and queries",
        loops(lambda ids, pad, t, s: s <= t and pad not in (ids[s], ids[t])),
    ),
    ("architecture-mask", "own place hidden", loops(lambda ids, pad, t, s: s < t and ids[s] != pad)),
    ("architecture-mask", "future instead of past", loops(lambda ids, pad, t, s: s >= t and ids[s] != pad)),
    ("architecture-mask", "inverted", loops(lambda ids, pad, t, s: s > t or ids[s] == pad)),
    ("architecture-mask", "either condition", loops(lambda ids, pad, t, s: s <= t or ids[s] != pad)),
    ("architecture-mask", "transposed", loops(lambda ids, pad, t, s: t <= s and ids[t] != pad)),
    ("architecture-parameters", "two tables", count(tables=2)),
    ("architecture-parameters", "table forgotten", count(tables=0)),
    ("architecture-parameters", "four vectors short", count(norms=0)),
    ("architecture-parameters", "scales alone", count(norms=2)),
    ("architecture-parameters", "final normalisation", count(extra=2)),
    ("architecture-parameters", "no biases", count(biases_attention=0, biases_network=0)),
    ("architecture-parameters", "four vectors short", count(biases_attention=0)),
    ("architecture-parameters", "no biases in the network", count(biases_network=0)),
    ("architecture-parameters", "three projections", count(projections=3, biases_attention=3)),
    ("architecture-parameters", "one map in the network", count(maps=1)),
    ("architecture-parameters", "attention to memory", count(memory=1)),
    ("architecture-parameters", "one layer", lambda v, d, n, f: count()(v, d, 1, f)),
    ("architecture-sampling", "temperature multiplied", draw(scale=lambda z, t: z * t)),
    ("architecture-sampling", "temperature ignored", draw(scale=lambda z, t: z)),
    ("architecture-sampling", "temperature of a root", draw(scale=lambda z, t: z / np.sqrt(t))),
    ("architecture-sampling", "probabilities divided", draw(scale=lambda z, t: z, after=lambda p, t: p / t)),
    ("architecture-sampling", "top-k ignored", draw(keep=lambda order, k: order)),
    ("architecture-sampling", "not normalised again", cut_after),
    ("architecture-sampling", "score of zero", zero_scores),
    ("architecture-sampling", "low score", low_scores),
    ("architecture-sampling", "low score", lower_scores(-10_000.0)),
    ("architecture-sampling", "low score", lower_scores(-1e6)),
    ("architecture-sampling", "smallest kept", draw(keep=lambda order, k: order[-k:])),
    ("architecture-sampling", "one too few", draw(keep=lambda order, k: order[: k - 1])),
    ("architecture-sampling", "one too few, way 2", above_the_last),
    ("architecture-sampling", "one too many", draw(keep=lambda order, k: order[: k + 1])),
    ("architecture-sampling", "best alone", draw(keep=lambda order, k: order[:1])),
]
