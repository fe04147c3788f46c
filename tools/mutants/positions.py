"""The mutants of chapter 3: wrong positions that its checks must catch."""

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
_POSITIONS = "utils.positions"

POSITION_MUTANTS: tuple[tuple[str, ...], ...] = (
    (
        "always-causal",
        "eq-no-order",
        "utils.attention.allowed_pairs",
        "if use_causal_mask:",
        "if True:",
    ),
    (
        "sine-and-cosine-swapped",
        "eq-sinusoids",
        f"{_POSITIONS}.sinusoidal_positions",
        "ops.stack([sines, cosines], axis=-1)",
        "ops.stack([cosines, sines], axis=-1)",
    ),
    (
        "i-for-2i",
        "eq-sinusoids",
        f"{_POSITIONS}.angular_frequencies",
        'np.arange(0, _even_width("width", width), 2) / width',
        'np.arange(0, _even_width("width", width), 2) / width / 2',
    ),
    (
        "sine-and-cosine-swapped",
        "eq-shift",
        f"{_POSITIONS}.sinusoidal_positions",
        "ops.stack([sines, cosines], axis=-1)",
        "ops.stack([cosines, sines], axis=-1)",
    ),
    (
        "positions-squared",
        "eq-shift",
        f"{_POSITIONS}._cosines_and_sines",
        'np.asarray(positions, "float64")[..., None]',
        'np.asarray(positions, "float64")[..., None] ** 2',
    ),
    (
        "sines-alone",
        "eq-products",
        f"{_POSITIONS}.sinusoidal_positions",
        "ops.stack([sines, cosines], axis=-1)",
        "ops.stack([sines, sines], axis=-1)",
    ),
    (
        "offset-forgotten",
        "eq-learned",
        f"{_POSITIONS}.LearnedPositions.call",
        "ops.slice(table, (offset, 0)",
        "ops.slice(table, (0, 0)",
    ),
    (
        "no-rotation",
        "eq-rotary",
        f"{_POSITIONS}.rotate",
        "first * cosines - second * sines",
        "first * cosines + second * sines",
    ),
    (
        "turned-backwards",
        "eq-rotary",
        f"{_POSITIONS}._cosines_and_sines",
        'np.asarray(positions, "float64")[..., None]',
        '-np.asarray(positions, "float64")[..., None]',
    ),
    (
        "positions-squared",
        "eq-relative",
        f"{_POSITIONS}._cosines_and_sines",
        'np.asarray(positions, "float64")[..., None]',
        'np.asarray(positions, "float64")[..., None] ** 2',
    ),
    (
        "no-rotation",
        "eq-relative",
        f"{_POSITIONS}.rotate",
        "first * cosines - second * sines",
        "first * cosines + second * sines",
    ),
    (
        "neighbours-for-halves",
        "eq-pairings",
        f"{_POSITIONS}._split_pairs",
        'if pairing == "half":',
        "if False:",
    ),
    (
        "distance-rewarded",
        "eq-alibi",
        f"{_POSITIONS}.alibi_bias",
        "0.0 - slopes * distance",
        "slopes * distance",
    ),
    (
        "future-rewarded",
        "eq-alibi",
        f"{_POSITIONS}.alibi_bias",
        "distance = ops.abs(",
        "distance = (",
    ),
    (
        "slopes-from-zero",
        "eq-slopes",
        f"{_POSITIONS}._geometric",
        "np.arange(1, num_heads + 1)",
        "np.arange(num_heads)",
    ),
)
