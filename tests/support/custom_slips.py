"""Wrong answers to the exercises of chapter 7, in the words that learners might choose."""

import numpy as np


def counted(**changes):
    """Make a count with some parts changed: tables of types, norms, biases, projections, ways, layers."""
    part = {"types": 2, "first": 2, "norms": 4, "bias": 1, "projections": 4, "ways": 2, "places": 1, "all": True}
    part |= changes

    def answer(vocabulary, positions, width, layers, inner):
        layer = part["projections"] * (width**2 + part["bias"] * width) + part["norms"] * width
        layer += part["ways"] * width * inner + part["bias"] * (width + inner)
        tables = vocabulary + part["places"] * positions + part["types"] + part["first"]
        return tables * width + (layers if part["all"] else 1) * layer

    return answer


def with_pooler(vocabulary, positions, width, layers, inner):
    return counted()(vocabulary, positions, width, layers, inner) + width**2 + width


def merged(weight=lambda a, b, alpha: alpha / len(b), old=1.0, sign=1):
    def answer(kernel, a, b, alpha):
        return old * kernel + sign * weight(a, b, alpha) * np.einsum("nr,rm->nm", a, b)

    return answer


def all_weighted(kernel, a, b, alpha):
    return (kernel + a @ b) * alpha / len(b)


SLIPS = [  # id, name of the mistake, answer
    ("custom-count", "biases forgotten", counted(bias=0)),
    ("custom-count", "types or first normalisation forgotten", counted(types=0)),
    ("custom-count", "positions forgotten", counted(places=0)),
    ("custom-count", "types or first normalisation forgotten", counted(first=0)),
    ("custom-count", "one normalisation a layer", counted(norms=2)),
    ("custom-count", "no normalisation in a layer", counted(norms=0)),
    ("custom-count", "no output projection", counted(projections=3)),
    ("custom-count", "one way", counted(ways=1)),
    ("custom-count", "pooler counted", with_pooler),
    ("custom-count", "one layer", counted(all=False)),
    ("custom-merge", "not divided by the rank", merged(lambda a, b, alpha: alpha)),
    ("custom-merge", "alpha left out", merged(lambda a, b, alpha: 1)),
    ("custom-merge", "divided by the inputs", merged(lambda a, b, alpha: alpha / a.shape[0])),
    ("custom-merge", "divided by the outputs", merged(lambda a, b, alpha: alpha / b.shape[-1])),
    ("custom-merge", "correction alone", merged(old=0)),
    ("custom-merge", "taken off", merged(sign=-1)),
    ("custom-merge", "kernel weighted too", all_weighted),
    ("custom-merge", "divided twice", merged(lambda a, b, alpha: 1 / len(b))),
]
