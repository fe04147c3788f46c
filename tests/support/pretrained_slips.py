"""Wrong answers to the exercises of chapter 6, in the words that learners might choose."""

import numpy as np


def cutting(order=reversed, first="", mark="##", shown="##", give_up=lambda found: "[UNK]", most=99):
    """Make a function that cuts words with some of its parts changed."""

    def answer(word, pieces):
        found, rest = [], word
        while rest:
            before = mark if found else first
            lengths = order(range(1, len(rest) + 1))
            length = next((n for n in lengths if before + rest[:n] in pieces), 0)
            if len(found) == most - 1 and found and length < len(rest):
                length = len(rest) if before + rest in pieces else 0
            if not length:
                return give_up(found)
            found.append((shown if found else "") + rest[:length])
            rest = rest[length:]
        return " ".join(found)

    return answer


def any_mark(word, pieces):
    return cutting(mark="")(word, {piece.replace("##", "") for piece in pieces})


def backwards(word, pieces):
    found, rest = [], word
    while rest:
        for start in range(len(rest)):
            piece = rest if start == 0 else "##" + rest[start:]
            if piece in pieces:
                found, rest = [piece, *found], rest[:start]
                break
        else:
            return "[UNK]"
    return " ".join(found)


def grown(empty):
    """Make a function that lets each piece grow letter by letter, and gives up with `empty` at the first letter."""

    def answer(word, pieces):
        found, start = [], 0
        while start < len(word):
            ends = [end for end in range(start + 1, len(word) + 1) if "##" * bool(start) + word[start:end] in pieces]
            if not ends:
                return "[UNK]" if found else empty
            found.append("##" * bool(start) + word[start : max(ends)])
            start = max(ends)
        return " ".join(found)

    return answer


def at_least_two(word, pieces):
    for end in range(len(word) - 1, 0, -1):  # the whole word is not tried
        if word[:end] in pieces:
            tail = grown("[UNK]")("." + word[end:], [".", *pieces])
            return word[:end] + tail.removeprefix(".") if "[UNK]" not in tail else "[UNK]"
    return "[UNK]"


def softmax_first(change):
    """Make a loss that takes the logarithm of probabilities, with something done to them before."""

    def answer(logits, ids, hidden):
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return np.mean(-np.log(change(shares))[np.flatnonzero(hidden), ids[hidden]])

    return answer


LEAST = (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-30, 1e-100, 1e-300, np.finfo(float).eps)


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def losses(reduce, wanted=lambda logits, ids: ids):
    """Make a loss from the losses of all tokens and which are hidden."""

    def answer(logits, ids, hidden):
        target = wanted(logits, ids)
        each = np.array([-row[token] for row, token in zip(log_softmax(logits), target, strict=True)])
        return reduce(each, hidden)

    return answer


SLIPS = [  # id, name of the mistake, answer
    ("pretrained-cut-word", "shortest first", cutting(order=list)),
    ("pretrained-cut-word", "from the end", backwards),
    ("pretrained-cut-word", "marks ignored", any_mark),
    ("pretrained-cut-word", "marks left out", cutting(shown="", give_up=lambda found: "[UNK]")),
    ("pretrained-cut-word", "part kept", cutting(give_up=lambda found: " ".join([*found, "[UNK]"]))),
    ("pretrained-cut-word", "two pieces at most", cutting(most=2)),
    ("pretrained-cut-word", "first piece for all", cutting(mark="")),
    ("pretrained-cut-word", "never the whole word", at_least_two),
    ("pretrained-cut-word", "empty at first", grown("")),
    ("pretrained-cut-word", "empty", cutting(give_up=lambda found: "")),
    ("pretrained-hidden-loss", "all tokens", losses(lambda each, hidden: each.mean())),
    ("pretrained-hidden-loss", "divided by all", losses(lambda each, hidden: each[hidden].sum() / len(each))),
    ("pretrained-hidden-loss", "sum", losses(lambda each, hidden: each @ hidden)),
    ("pretrained-hidden-loss", "the others", losses(lambda each, hidden: np.delete(each, hidden).mean())),
    ("pretrained-hidden-loss", "sign", losses(lambda each, hidden: -np.average(each, weights=hidden))),
    ("pretrained-hidden-loss", "bits", losses(lambda each, hidden: each[hidden].mean() * np.log2(np.e))),
    ("pretrained-hidden-loss", "perplexity", losses(lambda each, hidden: np.exp(each[hidden].mean()))),
    ("pretrained-hidden-loss", "softmax first", softmax_first(lambda p: p)),
    *(
        ("pretrained-hidden-loss", f"least probability, way {way}", softmax_first(change))
        for way, least in enumerate(LEAST, start=1)
        for change in (lambda p, least=least: p + least, lambda p, least=least: np.maximum(p, least))
    ),
    (
        "pretrained-hidden-loss",
        "probabilities averaged",
        losses(lambda each, hidden: -np.log(np.exp(-each[hidden]).mean())),
    ),
    (
        "pretrained-hidden-loss",
        "best token",
        losses(lambda each, hidden: each[hidden].mean(), lambda logits, ids: logits.argmax(1)),
    ),
]
