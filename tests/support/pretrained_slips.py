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
    ("pretrained-hidden-loss", "all tokens", losses(lambda each, hidden: each.mean())),
    ("pretrained-hidden-loss", "divided by all", losses(lambda each, hidden: each[hidden].sum() / len(each))),
    ("pretrained-hidden-loss", "sum", losses(lambda each, hidden: each @ hidden)),
    ("pretrained-hidden-loss", "the others", losses(lambda each, hidden: np.delete(each, hidden).mean())),
    ("pretrained-hidden-loss", "sign", losses(lambda each, hidden: -np.average(each, weights=hidden))),
    ("pretrained-hidden-loss", "bits", losses(lambda each, hidden: each[hidden].mean() * np.log2(np.e))),
    ("pretrained-hidden-loss", "perplexity", losses(lambda each, hidden: np.exp(each[hidden].mean()))),
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
