"""The mutants of chapter 7: wrong spreads, conversions and adapters that its checks must catch."""

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
_SPREAD = "utils.initialisation.relu_spread"
_LORA = "utils.tuning.lora"

CUSTOM_MUTANTS: tuple[tuple[str, ...], ...] = (
    ("half-not-thrown-away", "eq-relu-spread", _SPREAD, "math.sqrt(2 / ", "math.sqrt(1 / "),
    ("variance-for-spread", "eq-relu-spread", _SPREAD, "math.sqrt(2 / ", "(2 / "),
    (
        "no-relu",
        "eq-relu-spread",
        "utils.initialisation.sizes_by_depth",
        "np.maximum(x @ weights, 0)",
        "x @ weights",
    ),
    (
        "not-transposed",
        "eq-transpose",
        "utils.weights.bert_classifier._dense_arrays",
        "kernel.T",
        "kernel",
    ),
    (
        "reshaped",
        "eq-transpose",
        "utils.weights.bert_classifier._dense_arrays",
        "kernel.T",
        "kernel.reshape(kernel.shape[::-1])",
    ),
    (
        "heads-side-by-side",
        "eq-heads",
        "utils.weights.from_torch.split_heads",
        "matrix.T.reshape(*matrix.shape[1:], num_heads, matrix.shape[0] // num_heads)",
        "np.moveaxis(matrix.T.reshape(*matrix.shape[1:], matrix.shape[0] // num_heads, num_heads), -1, -2)",
    ),
    (
        "not-transposed",
        "eq-heads",
        "utils.weights.from_torch.split_heads",
        "matrix.T.reshape(",
        "matrix.reshape(",
    ),
    ("rank-not-divided", "eq-lora", f"{_LORA}.LoraProjection.__init__", "alpha / rank", "alpha"),
    (
        "output-not-weighted",
        "eq-lora",
        f"{_LORA}.LoraProjection.call",
        "self.scale * self.low_rank_product",
        "self.low_rank_product",
    ),
    (
        "merged-at-alpha-equal-to-rank",
        "eq-lora",
        f"{_LORA}.merge_lora",
        "kernel.assign(adapter.merged_kernel())",
        "kernel.assign(adapter.projection.kernel + ops.tensordot(adapter.lora_a, adapter.lora_b, axes=1))",
    ),
    ("correction-taken-off", "eq-lora", f"{_LORA}.LoraProjection.merged_kernel", "kernel + self", "kernel - self"),
    (
        "a-rank-more",
        "eq-lora-count",
        f"{_LORA}.LoraProjection.__init__",
        "self.projection, self.rank, self.scale = projection, rank, alpha / rank",
        "rank = rank + 1; self.projection, self.rank, self.scale = projection, rank, alpha / rank",
    ),
    (
        "inputs-counted-twice",
        "eq-lora-count",
        f"{_LORA}.LoraProjection.__init__",
        "(rank, *outputs)",
        "(rank, *inputs)",
    ),
    (
        "all-of-them-trained",
        "eq-lora-count",
        f"{_LORA}.enable_lora",
        "variable.trainable = False",
        "variable.trainable = True",
    ),
)
