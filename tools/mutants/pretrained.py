"""The mutants of chapter 6: wrong vocabularies, embeddings and losses that its checks must catch."""

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
_PIECES = "utils.pieces"
_EMBEDDING = "utils.transformer.embedding.TokenEmbedding.call"
_HEAD = "utils.transformer.models.MaskedLanguageModel.logits"
_RIDGE = "utils.probing.ridge"
_POOLER = "utils.weights.pooler.pooled_output"

PRETRAINED_MUTANTS: tuple[tuple[str, ...], ...] = (
    ("every-word-counted-once", "eq-merge", f"{_PIECES}.count_pairs", "+= counts[word]", "+= 1"),
    ("rarest-pair", "eq-merge", f"{_PIECES}.learn_merges", "(-pairs[one], one)", "(pairs[one], one)"),
    ("shortest-match", "eq-longest-match", f"{_PIECES}.longest_match", "ends[-1]]", "ends[0]]"),
    (
        "mark-forgotten",
        "eq-longest-match",
        f"{_PIECES}.longest_match",
        "mark = CONTINUATION if start else",
        'mark = "" if start else',
    ),
    ("no-segment", "eq-bert-embedding", _EMBEDDING, "x + self._type_vectors(token_type_ids)", "x"),
    ("no-position", "eq-bert-embedding", _EMBEDDING, "self.learned(x, offset=offset)", "x"),
    ("not-normalised", "eq-bert-embedding", _EMBEDDING, "self.norm(x)", "x"),
    ("last-token", "eq-pooled", _POOLER, "hidden_states[:, 0]", "hidden_states[:, -1]"),
    (
        "no-tanh",
        "eq-pooled",
        _POOLER,
        "np.tanh(hidden_states[:, 0] @ kernel + bias)",
        "hidden_states[:, 0] @ kernel + bias",
    ),
    ("other-gelu", "eq-tied-scores", _HEAD, "approximate=False", "approximate=True"),
    ("bias-forgotten", "eq-tied-scores", _HEAD, " + self.bias", ""),
    ("head-not-normalised", "eq-tied-scores", _HEAD, "self.norm(", "("),
    (
        "every-place-counted",
        "eq-masked-words",
        "utils.training._mean_over",
        "share = ops.cast(counted,",
        "share = ops.cast(ops.ones_like(counted),",
    ),
    (
        "divided-by-all-places",
        "eq-masked-words",
        "utils.training._mean_over",
        "ops.maximum(ops.sum(share), 1)",
        "ops.sum(ops.ones_like(share))",
    ),
    ("no-penalty", "eq-ridge", _RIDGE, "+ strength * np.eye(inputs.shape[1])", ""),
    ("targets-halved", "eq-ridge", _RIDGE, "inputs.T @ targets", "inputs.T @ targets / 2"),
)
