"""The mutants of the project chapter: what its checks of figures and schedules must catch."""

_COMPARISON = "utils.comparison"
_LOSSES = "utils.classification.evaluation.Evaluation.losses"
_OCCLUSION = "utils.classification.evaluation.occlusion"
_TEMPERATURE = "utils.classification.calibration.at_temperature"

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
PROJECT_MUTANTS: tuple[tuple[str, ...], ...] = (
    (
        "turned-labels-all-wrong",
        "eq-label-noise",
        f"{_COMPARISON}.measured_accuracy",
        " + (1 - true_accuracy) * noise",
        "",
    ),
    (
        "noise-subtracted",
        "eq-label-noise",
        f"{_COMPARISON}.measured_accuracy",
        "true_accuracy * (1 - noise) + (1 - true_accuracy) * noise",
        "true_accuracy - noise",
    ),
    ("falls-to-a-tenth", "eq-one-cycle", "utils.schedules.one_cycle", "peak / 1000", "peak / 10"),
    (
        "peak-one-step-late",
        "eq-one-cycle",
        "utils.schedules.one_cycle",
        "(steps + 1) // 2",
        "(steps + 1) // 2 + 1",
    ),
    (
        "spread-of-one-text",
        "eq-paired",
        f"{_COMPARISON}.paired_difference",
        "differences.var(ddof=1) / len(differences)",
        "differences.var(ddof=1)",
    ),
    (
        "order-swapped",
        "eq-paired",
        f"{_COMPARISON}.paired_difference",
        "first.astype(float) - second",
        "second.astype(float) - first",
    ),
    ("loss-in-bits", "eq-cross-entropy", _LOSSES, "-np.log(", "-np.log2("),
    (
        "predicted-class-for-the-true-one",
        "eq-cross-entropy",
        _LOSSES,
        "self.probability[np.arange(len(self.truth)), self.truth]",
        "self.probability.max(axis=-1)",
    ),
    ("sign-turned", "eq-occlusion", _OCCLUSION, "probability[0] - probability[1:]", "probability[1:] - probability[0]"),
    ("words-after-it-hidden-too", "eq-occlusion", _OCCLUSION, " + words[place + 1 :]", ""),
    ("temperature-multiplied", "eq-temperature", _TEMPERATURE, ") / temperature", ") * temperature"),
    ("temperature-left-out", "eq-temperature", _TEMPERATURE, ") / temperature", ")"),
)
