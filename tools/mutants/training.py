"""The mutants of chapter 5: wrong losses, rates and searches that its checks must catch."""

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
_TRAINING = "utils.training"
_DECODING = "utils.transformer.decoding"
_RATE = "utils.schedules.InverseSquareRoot"

TRAINING_MUTANTS: tuple[tuple[str, ...], ...] = (
    (
        "padding-counted",
        "eq-masked-loss",
        f"{_TRAINING}._mean_over",
        "share = ops.cast(counted,",
        "share = ops.cast(ops.ones_like(counted),",
    ),
    (
        "divided-by-all-places",
        "eq-masked-loss",
        f"{_TRAINING}._mean_over",
        "ops.maximum(ops.sum(share), 1)",
        "ops.sum(ops.ones_like(share))",
    ),
    (
        "exponential-forgotten",
        "eq-perplexity",
        f"{_TRAINING}.perplexity",
        "ops.exp(masked_loss(labels, logits, pad_id))",
        "masked_loss(labels, logits, pad_id)",
    ),
    (
        "two-to-the-power-of-nats",
        "eq-perplexity",
        f"{_TRAINING}.perplexity",
        "ops.exp(masked_loss(labels, logits, pad_id))",
        "2 ** masked_loss(labels, logits, pad_id)",
    ),
    (
        "nothing-taken-off-the-right-token",
        "eq-smoothing",
        f"{_TRAINING}.smoothed_loss",
        "(1 - smoothing) * right",
        "right",
    ),
    (
        "sum-over-the-vocabulary",
        "eq-smoothing",
        f"{_TRAINING}.smoothed_loss",
        "ops.mean(log_p, axis=-1)",
        "ops.sum(log_p, axis=-1)",
    ),
    (
        "no-warm-up",
        "eq-rate",
        f"{_RATE}.__call__",
        "ops.minimum(step / self.warm_up, (self.warm_up / step) ** 0.5)",
        "(self.warm_up / step) ** 0.5",
    ),
    ("width-forgotten", "eq-rate", f"{_RATE}.__init__", "(self.d_model * self.warm_up) ** -0.5", "self.warm_up**-0.5"),
    ("steps-counted-from-zero", "eq-rate", f"{_RATE}.__call__", " + 1\n", "\n"),
    (
        "length-itself",
        "eq-length-penalty",
        f"{_DECODING}.length_penalty",
        "return ((5 + length) / 6) ** strength",
        "return length**strength",
    ),
    (
        "penalty-multiplied",
        "eq-length-penalty",
        f"{_DECODING}.beam_search",
        "total / divisor",
        "total * divisor",
    ),
    (
        "cache-where-none-is-asked-for",
        "eq-reads",
        f"{_DECODING}._target_scores",
        "if use_cache:",
        "if not use_cache:",
    ),
)
