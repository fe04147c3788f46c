"""Wrong answers to the exercises of chapter 5, in the words that learners might choose."""

import numpy as np


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def by_target(target, counted=lambda y, pad: y != pad, divide=lambda losses, kept: losses[kept].mean()):
    """Make a loss from the row of targets for one label: target(V, label, share)."""

    def answer(logits, labels, smoothing, pad_id):
        log_p = log_softmax(logits)
        rows = np.stack([target(log_p.shape[1], label, smoothing) for label in labels])
        return divide(-(rows * log_p).sum(axis=1), counted(labels, pad_id))

    return answer


def spread(v, label, share, own=None, rest=None):
    row = np.full(v, share / v if rest is None else rest, float)
    row[label] += 1 - share if own is None else own
    return row


def to_the_others(v, label, share):
    row = np.full(v, share / (v - 1))
    row[label] = 1 - share
    return row


def smoothed_probabilities(logits, labels, smoothing, pad_id):
    p = np.exp(log_softmax(logits)) * (1 - smoothing) + smoothing / logits.shape[1]
    kept = labels != pad_id
    return -np.mean([np.log(p[t, labels[t]]) for t in np.flatnonzero(kept)])


def logarithm_last(log, keep=lambda losses, kept: losses[kept].mean()):
    """Make a loss by a softmax and then a logarithm, from targets."""

    def answer(logits, labels, smoothing, pad_id):
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        p = odds / odds.sum(axis=-1, keepdims=True)
        target = smoothing / p.shape[1] + (1 - smoothing) * np.eye(p.shape[1])[labels]
        return keep((target * -log(p)).sum(axis=-1), labels != pad_id)

    return answer


def cut(lengths, batch_size):
    return [lengths[start : start + batch_size] for start in range(0, len(lengths), batch_size)]


def from_longest(lengths):
    return sorted(lengths, reverse=True)


def shares(order=np.sort, top=max, count=len, mean=False, whole=False, turned=False):
    """Make a share of useful places with some of its parts changed."""

    def answer(lengths, batch_size):
        batches = cut(order(lengths), batch_size)
        batches = [one for one in batches if len(one) == batch_size] if whole else batches
        places = [top(one) * count(one) for one in batches]
        tokens = [sum(one) for one in batches]
        if mean:
            return np.mean(np.divide(tokens, places))
        return sum(places) / sum(tokens) if turned else sum(tokens) / sum(places)

    return answer


def everything(y, pad):
    return np.ones(len(y), bool)


SLIPS = [  # id, name of the mistake, answer
    ("training-smoothed-loss", "no smoothing", by_target(lambda v, label, share: np.eye(v)[label])),
    ("training-smoothed-loss", "padding counted", by_target(spread, everything)),
    (
        "training-smoothed-loss",
        "divided by all places",
        by_target(spread, divide=lambda losses, kept: losses[kept].sum() / len(losses)),
    ),
    ("training-smoothed-loss", "sum", by_target(spread, divide=lambda losses, kept: losses[kept].sum())),
    ("training-smoothed-loss", "spread over the others", by_target(to_the_others)),
    ("training-smoothed-loss", "nothing taken off", by_target(lambda v, y, e: spread(v, y, e, own=1))),
    ("training-smoothed-loss", "sum over the vocabulary", by_target(lambda v, y, e: spread(v, y, e, rest=e))),
    ("training-smoothed-loss", "right token alone", by_target(lambda v, y, e: spread(v, y, e, rest=0))),
    ("training-smoothed-loss", "probabilities smoothed", smoothed_probabilities),
    ("training-smoothed-loss", "logarithm of 0", logarithm_last(np.log)),
    (
        "training-smoothed-loss",
        "logarithm of 0",
        logarithm_last(np.log, lambda losses, kept: (losses * kept).sum() / kept.sum()),
    ),
    ("training-smoothed-loss", "shares exchanged", by_target(lambda v, y, e: spread(v, y, 1 - e))),
    (
        "training-smoothed-loss",
        "sign",
        by_target(spread, divide=lambda losses, kept: -losses[kept].mean()),
    ),
    (
        "training-smoothed-loss",
        "bits",
        by_target(spread, divide=lambda losses, kept: losses[kept].mean() * np.log2(np.e)),
    ),
    ("training-useful-share", "not sorted", shares(order=np.array)),
    (
        "training-useful-share",
        "longest of all",
        lambda lengths, batch_size: sum(lengths) / (len(lengths) * max(lengths)),
    ),
    ("training-useful-share", "share of padding", lambda lengths, size: 1 - shares()(lengths, size)),
    ("training-useful-share", "mean of the batches", shares(mean=True)),
    ("training-useful-share", "mean of the batches, way 2", shares(order=from_longest, mean=True)),
    (
        "training-useful-share",
        "last batch full",
        lambda lengths, size: sum(lengths) / sum(max(one) * size for one in cut(np.sort(lengths), size)),
    ),
    (
        "training-useful-share",
        "last batch full, way 2",
        lambda lengths, size: sum(lengths) / sum(max(one) * size for one in cut(from_longest(lengths), size)),
    ),
    ("training-useful-share", "last batch left out", shares(whole=True)),
    ("training-useful-share", "last batch left out, way 2", shares(order=from_longest, whole=True)),
    ("training-useful-share", "places a token", shares(turned=True)),
]
