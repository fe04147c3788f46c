"""Model solutions of the exercises on the project, as the chapter folds them under the exercises."""

import hashlib

import numpy as np


# project-noise
def true_accuracy(measured, noise):
    return (measured - noise) / (1 - 2 * noise)


# project-max-length
def choose_length(token_counts, share, multiple):
    length = multiple
    while (token_counts <= length).mean() < share:  # of the texts, whole
        length += multiple
    return length


# project-occlusion
def occlude(predict_probability, text):
    words = text.split()
    rests = [words[:place] + words[place + 1 :] for place in range(len(words))]
    probability = predict_probability([text, *map(" ".join, rests)])
    return probability[0] - probability[1:]


# project-paired
def paired_difference(first_correct, second_correct):
    differences = first_correct.astype(float) - second_correct
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean(), error


# project-manifest
def faults(manifest, files):
    found = {}
    for name, content in files.items():
        found[name] = hashlib.sha256(content).hexdigest()
    names = sorted(manifest.keys() | found.keys())
    return ", ".join(n for n in names if manifest.get(n) != found.get(n))


BY_ID = {
    "project-noise": true_accuracy,
    "project-max-length": choose_length,
    "project-occlusion": occlude,
    "project-paired": paired_difference,
    "project-manifest": faults,
}
