"""Model solutions of the exercises on the project, as the chapter folds them under the exercises."""

import hashlib
import math

import numpy as np


# project-noise
def measured_accuracy(true_accuracy, noise):
    right_and_sound = true_accuracy * (1 - noise)
    wrong_and_turned = (1 - true_accuracy) * noise
    return right_and_sound + wrong_and_turned


# project-max-length
def choose_length(token_counts, share, multiple):
    must_fit = math.ceil(share * len(token_counts))  # of all texts
    longest = np.sort(token_counts)[must_fit - 1]  # of those
    return multiple * math.ceil(longest / multiple)


# project-one-cycle
def rate(step, steps, peak):
    half = steps / 2
    base = peak / 10 if step <= half else peak / 1000
    height = 1 - abs(step - half) / half  # 0, up to 1, down to 0
    return base + (peak - base) * height


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
    "project-noise": measured_accuracy,
    "project-max-length": choose_length,
    "project-one-cycle": rate,
    "project-occlusion": occlude,
    "project-paired": paired_difference,
    "project-manifest": faults,
}
