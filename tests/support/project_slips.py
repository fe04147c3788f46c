"""Wrong answers to the exercises on the project, in the words that learners might choose."""

import hashlib
import math

import numpy as np

# project-noise: the line through the accuracies that a classifier shows which is always wrong, and always right


def on_line(at_worst, at_best):
    """Read the true accuracy off the straight line from 0 at one measured accuracy to 1 at another."""
    return lambda measured, noise: (measured - at_worst(noise)) / (at_best(noise) - at_worst(noise))


def agreement(measured, noise):
    """Add up the two ways in which an answer and a label agree."""
    return measured * (1 - noise) + (1 - measured) * noise


# project-max-length


def grown(fits, begin=0):
    """Grow the length by one multiple until it is long enough."""

    def answer(token_counts, share, multiple):
        length = begin * multiple
        while not fits(token_counts, share, length):
            length += multiple
        return length

    return answer


def quantile(method):
    return lambda counts, share, multiple: -(-np.quantile(counts, share, method=method) // multiple) * multiple


def just_whole(counts, share):
    return next(int(one) for one in np.sort(counts) if np.mean(counts <= one) >= share)


def nearest(counts, share, multiple):
    return int(np.floor(just_whole(counts, share) / multiple + 0.5)) * multiple


def whole_texts_hold(counts, share, length):
    return counts[counts <= length].sum() / counts.sum() >= share


def in_the_order_given(counts, share, multiple):
    for position, count in enumerate(counts):
        if (position + 1) / len(counts) >= share:
            return int(np.ceil(count / multiple)) * multiple
    raise ValueError("expected a share of at most 1")


# project-occlusion


def one_by_one(variant, compare=lambda whole, part: whole - part, whole=lambda words: " ".join(words)):
    """Ask for one probability at a time, in a loop over the words."""

    def answer(predict_probability, text):
        words, drops = text.split(), []
        before = predict_probability([whole(words)])[0]
        for place, word in enumerate(words):
            after = predict_probability([variant(words, place, word)])[0]
            drops.append(compare(before, after))
        return drops

    return answer


def without(words, place, word):
    return " ".join(other for number, other in enumerate(words) if number != place)


def removed(words, place, word):
    rest = list(words)
    rest.remove(word)
    return " ".join(rest)


# project-paired


def error_of(formula):
    """Write the standard error with the counts of the four cases: both, first alone, second alone, neither."""

    def answer(first, second):
        counts = [int(np.sum((first == a) & (second == b))) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
        return (counts[1] - counts[2]) / len(first), math.sqrt(formula(len(first), *counts))

    return answer


def squares(n, first_alone, second_alone):
    """Sum of squared deviations of the differences from their mean."""
    return first_alone + second_alone - (first_alone - second_alone) ** 2 / n


def accuracies(n, both, first_alone, second_alone):
    shares = (both + first_alone) / n, (both + second_alone) / n
    return sum(share * (1 - share) for share in shares)


def backwards(first, second):
    gaps = second.astype(int) - first.astype(int)
    return gaps.mean(), gaps.std(ddof=1) / len(gaps) ** 0.5


def only_where_they_differ(first, second):
    gaps = (first.astype(int) - second)[first ^ second]
    return np.mean(gaps), np.std(gaps, ddof=1) / np.sqrt(gaps.size)


def unsigned(first, second):
    gaps = np.abs(first.astype(int) - second)
    return np.mean(gaps), np.std(gaps, ddof=1) / np.sqrt(gaps.size)


# project-manifest


def reported(is_fault, names=lambda manifest, files: set(manifest) | set(files), order=sorted):
    """Ask of each name whether it is at fault; a digest is None where there is no file."""

    def answer(manifest, files):
        found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        asked = names(manifest, files)
        return ", ".join(order([n for n in asked if is_fault(n, manifest.get(n), found.get(n), manifest)]))

    return answer


def hashed_by(function):
    def answer(manifest, files):
        wrong = {name for name in files if function(files[name]) != manifest.get(name)}
        return ", ".join(sorted(wrong | (manifest.keys() - files.keys())))

    return answer


def returns_early(manifest, files):
    for name in sorted({*manifest, *files}):
        if name not in files or hashlib.sha256(files[name]).hexdigest() != manifest.get(name):
            return name
    return ""


def differs(name, listed, found, manifest):
    return listed != found


def three_lists(manifest, files):
    """Go through the manifest for what is missing, again for what is altered, then through the files."""
    missing = [name for name in manifest if name not in files]
    altered = [n for n, sha in manifest.items() if n in files and hashlib.sha256(files[n]).hexdigest() != sha]
    return ", ".join([*missing, *altered, *(name for name in files if name not in manifest)])


SLIPS = [  # id, name of the mistake, answer
    ("project-noise", "forwards", agreement),
    ("project-noise", "noise added", lambda measured, noise: noise + measured),
    ("project-noise", "share of the ceiling", on_line(lambda noise: 0, lambda noise: 1 - noise)),
    ("project-noise", "nothing subtracted", on_line(lambda noise: 0, lambda noise: 1 - 2 * noise)),
    ("project-noise", "nothing divided", on_line(lambda noise: noise, lambda noise: 1 + noise)),
    ("project-noise", "divided by the ceiling", on_line(lambda noise: noise, lambda noise: 1)),
    ("project-noise", "signs swapped", on_line(lambda noise: -noise, lambda noise: 1 + noise)),
    ("project-noise", "labels drawn afresh", on_line(lambda noise: noise / 2, lambda noise: 1 - noise / 2)),
    ("project-noise", "misread share", on_line(lambda noise: 1 - noise, lambda noise: noise)),
    ("project-max-length", "interpolated quantile", quantile("linear")),
    ("project-max-length", "rounding in binary", quantile("inverted_cdf")),
    ("project-max-length", "more than the share", grown(lambda counts, share, at: np.mean(counts <= at) > share)),
    (
        "project-max-length",
        "a text that just fits is thought too long",
        grown(lambda counts, share, at: np.mean(counts < at) >= share),
    ),
    (
        "project-max-length",
        "rounded down",
        lambda counts, share, multiple: just_whole(counts, share) // multiple * multiple,
    ),
    ("project-max-length", "rounded to the nearest", nearest),
    (
        "project-max-length",
        "not rounded",
        lambda counts, share, multiple: grown(lambda c, s, at: np.mean(c <= at) >= s)(counts, share, 1),
    ),
    ("project-max-length", "mean", grown(lambda counts, share, at: sum(counts) / len(counts) <= at)),
    ("project-max-length", "longest", grown(lambda counts, share, at: all(counts <= at))),
    ("project-max-length", "share of the longest", grown(lambda counts, share, at: at >= share * max(counts))),
    ("project-max-length", "share of the tokens", grown(whole_texts_hold)),
    (
        "project-max-length",
        "tokens kept",
        grown(lambda counts, share, at: np.minimum(counts, at).sum() >= share * counts.sum()),
    ),
    ("project-max-length", "not sorted", in_the_order_given),
    ("project-max-length", "share that is cut", grown(lambda c, share, at: np.mean(c <= at) >= 1 - share, begin=1)),
    ("project-occlusion", "sign", one_by_one(without, lambda whole, part: part - whole)),
    ("project-occlusion", "compared with nothing", one_by_one(without, lambda whole, part: part)),
    (
        "project-occlusion",
        "all occurrences",
        one_by_one(lambda words, place, word: " ".join(w for w in words if w != word)),
    ),
    ("project-occlusion", "first occurrence", one_by_one(removed)),
    (
        "project-occlusion",
        "inside other words",
        one_by_one(lambda words, place, word: "".join(" ".join(words).split(word))),
    ),
    (
        "project-occlusion",
        "first letters that fit",
        one_by_one(lambda words, place, word: "".join(" ".join(words).split(word, maxsplit=1))),
    ),
    ("project-occlusion", "the word alone", one_by_one(lambda words, place, word: word)),
    ("project-occlusion", "words that follow", one_by_one(lambda words, place, word: " ".join(words[place + 1 :]))),
    ("project-occlusion", "words before", one_by_one(lambda words, place, word: " ".join(words[:place]))),
    ("project-occlusion", "relative drop", one_by_one(without, lambda whole, part: 1 - part / whole)),
    ("project-occlusion", "empty text", one_by_one(without, whole=lambda words: "")),
    ("project-occlusion", "size of the drop", one_by_one(without, lambda whole, part: max(whole - part, part - whole))),
    ("project-paired", "order swapped", backwards),
    ("project-paired", "unpaired", error_of(lambda n, both, one, other, _: accuracies(n, both, one, other) / n)),
    (
        "project-paired",
        "unpaired, N - 1",
        error_of(lambda n, both, one, other, _: accuracies(n, both, one, other) / (n - 1)),
    ),
    ("project-paired", "standard deviation", error_of(lambda n, _, one, other, __: squares(n, one, other) / (n - 1))),
    (
        "project-paired",
        "divided by N",
        error_of(lambda n, _, one, other, __: squares(n, one, other) / (n - 1) / n**2),
    ),
    (
        "project-paired",
        "variance of the mean",
        error_of(lambda n, _, one, other, __: (squares(n, one, other) / (n - 1) / n) ** 2),
    ),
    ("project-paired", "ddof 0", error_of(lambda n, _, one, other, __: squares(n, one, other) / n**2)),
    ("project-paired", "as if equally good", error_of(lambda n, _, one, other, __: (one + other) / n**2)),
    (
        "project-paired",
        "as one share",
        error_of(lambda n, _, one, other, __: abs(one - other) / n * (1 - abs(one - other) / n) / n),
    ),
    ("project-paired", "texts that differ", only_where_they_differ),
    ("project-paired", "no sign", unsigned),
    ("project-manifest", "added files ignored", reported(differs, lambda manifest, files: manifest)),
    ("project-manifest", "missing files ignored", reported(differs, lambda manifest, files: files)),
    (
        "project-manifest",
        "listed and present alone",
        reported(differs, lambda manifest, files: manifest.keys() & files.keys()),
    ),
    ("project-manifest", "names alone", lambda manifest, files: ", ".join(sorted(manifest.keys() ^ files.keys()))),
    ("project-manifest", "missing alone", lambda manifest, files: ", ".join(sorted(manifest.keys() - files.keys()))),
    ("project-manifest", "added alone", lambda manifest, files: ", ".join(sorted(files.keys() - manifest.keys()))),
    ("project-manifest", "another digest", hashed_by(lambda content: hashlib.md5(content).hexdigest())),
    ("project-manifest", "another digest", hashed_by(lambda content: hashlib.sha256(content).digest())),
    ("project-manifest", "another digest", hashed_by(len)),
    (
        "project-manifest",
        "digests without names",
        reported(lambda name, listed, found, manifest: found not in set(manifest.values())),
    ),
    (
        "project-manifest",
        "first digits",
        reported(lambda name, listed, found, manifest: (listed or "")[:12] != (found or "")[:12]),
    ),
    ("project-manifest", "sound files", reported(lambda name, listed, found, manifest: listed == found)),
    ("project-manifest", "not sorted", three_lists),
    (
        "project-manifest",
        "order of the manifest",
        reported(differs, lambda manifest, files: dict.fromkeys([*manifest, *files]), order=list),
    ),
    ("project-manifest", "first fault alone", returns_early),
]
