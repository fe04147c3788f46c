"""The mutants of chapter 4: wrong layers and models that its checks must catch."""

# One tuple a mutant, in the order of the fields of `tools.mutants.mutants.Mutant`.
_RESIDUAL = "utils.layers.blocks.ResidualLayer"
_EMBEDDING = "utils.transformer.embedding.TokenEmbedding"
_DECODING = "utils.transformer.decoding"
_COUNTS = "utils.transformer.costs"
_CACHE = "utils.layers.cache.AttentionCache"

ARCHITECTURE_MUTANTS: tuple[tuple[str, ...], ...] = (
    (
        "input-not-added",
        "eq-residual-stream",
        f"{_RESIDUAL}.residual",
        "return inputs + self",
        "return self",
    ),
    (
        "normalised-stream",
        "eq-residual-stream",
        f"{_RESIDUAL}.residual",
        "return inputs + self",
        "return norm(inputs) + self",
    ),
    (
        "epsilon-of-keras",
        "eq-layer-norm",
        f"{_RESIDUAL}._make_norm",
        "epsilon=self.epsilon",
        "epsilon=1e-3",
    ),
    (
        "orders-exchanged",
        "eq-norm-order",
        f"{_RESIDUAL}.residual",
        "if self.norm_first:",
        "if not self.norm_first:",
    ),
    (
        "no-activation",
        "eq-feed-forward",
        "utils.layers.blocks.FeedForward.call",
        "self._activate(self.intermediate_dense(inputs))",
        "self.intermediate_dense(inputs)",
    ),
    (
        "rows-not-scaled",
        "eq-tied",
        f"{_EMBEDDING}.call",
        " * self.scale",
        "",
    ),
    (
        "scores-scaled-too",
        "eq-tied",
        f"{_EMBEDDING}.logits",
        "matmul(hidden,",
        "matmul(hidden * self.scale,",
    ),
    (
        "decoder-looks-ahead",
        "eq-chain",
        "utils.layers.blocks.DecoderLayer.call",
        "use_causal_mask=use_causal_mask",
        "use_causal_mask=False",
    ),
    (
        "temperature-multiplied",
        "eq-sampling",
        f"{_DECODING}.token_probabilities",
        "keepdims=True)) / temperature",
        "keepdims=True)) * temperature",
    ),
    (
        "top-k-ignored",
        "eq-sampling",
        f"{_DECODING}.token_probabilities",
        "if top_k is not None:",
        "if False:",
    ),
    (
        "cache-where-none-is-asked-for",
        "eq-tokens-read",
        f"{_DECODING}.generate_tokens",
        "if use_cache:",
        "if not use_cache:",
    ),
    (
        "cache-mask-not-moved",
        "eq-tokens-read",
        f"{_CACHE}.attend",
        "offset=start",
        "offset=0",
    ),
    (
        "keys-kept-in-the-first-slot",
        "eq-tokens-read",
        f"{_CACHE}.attend",
        "attention.key_dense(tokens), start",
        "attention.key_dense(tokens), 0",
    ),
    (
        "places-forgotten-with-a-cache",
        "eq-tokens-read",
        "utils.transformer.models.Encoder.step",
        "offset=caches[0].length",
        "offset=0",
    ),
    (
        "one-attention-in-the-decoder",
        "eq-model-size",
        f"{_COUNTS}.encoder_decoder_parameters",
        "2 * attention + feed_forward",
        "attention + feed_forward",
    ),
    (
        "final-norm-always",
        "eq-model-size",
        f"{_COUNTS}.encoder_decoder_parameters",
        "norm * config.ends_with_norm",
        "norm",
    ),
    (
        "three-projections",
        "eq-layer-costs",
        f"{_COUNTS}._layer_cost",
        "4 * config.d_model",
        "3 * config.d_model",
    ),
)
