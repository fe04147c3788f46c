"""What a model holds and what writing with it costs, counted exactly."""

from utils.attention import attention_cost
from utils.transformer.config import TransformerConfig


def encoder_decoder_parameters(config: TransformerConfig) -> dict[str, int]:
    """Count the parameters of a `Transformer` whose source, target and output share one vocabulary.

    Args:
        config: sizes and choices.

    Returns:
        For each part its number of parameters: "embedding" (types, learned positions and its normalisation included),
        "encoder", "decoder", and "output", which is 0 where the output is tied.

    Example:
        >>> from utils.transformer.config import paper_config
        >>> sum(encoder_decoder_parameters(paper_config("base")).values())
        63082496
    """
    width = config.d_model
    attention = 4 * (width * width + width)
    feed_forward = 2 * width * config.intermediate_dim + config.intermediate_dim + width
    norm = 2 * width
    rows = config.vocabulary_size + config.num_token_types + config.max_length * (config.positions == "learned")
    last = norm * config.ends_with_norm
    return {
        "embedding": rows * width + norm * config.embedding_norm,
        "encoder": config.num_layers * (attention + feed_forward + 2 * norm) + last,
        "decoder": config.num_layers * (2 * attention + feed_forward + 3 * norm) + last,
        "output": 0 if config.tie_output else width * config.vocabulary_size,
    }


def writing_cost(config: TransformerConfig, prompt_length: int, num_tokens: int, *, use_cache: bool) -> int:
    """Count the multiplications with which a `CausalLanguageModel` continues a prompt, for one sequence.

    Counted are those of all matrix products and of scaling the queries, as `generate_tokens` runs them: with a cache,
    the prompt at once and then token by token, each against all prompt_length + num_tokens - 1 slots; without, the
    whole text again for each token. Normalisations, activations and sums with positions are left out.

    Args:
        config: sizes and choices.
        prompt_length: tokens of the prompt.
        num_tokens: tokens to write.
        use_cache: whether keys and values of earlier tokens are kept.

    Returns:
        The number of multiplications.

    Example:
        >>> config = TransformerConfig(vocabulary_size=50, d_model=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> [writing_cost(config, 1, 20, use_cache=cached) for cached in (False, True)]
        [163120, 24800]
    """
    slots = prompt_length + num_tokens - 1
    if use_cache:
        passes = [(prompt_length, slots)] + [(1, slots)] * (num_tokens - 1)
    else:
        passes = [(length, length) for length in range(prompt_length, slots + 1)]
    scores = num_tokens * config.d_model * config.vocabulary_size  # of the last token alone, once for each new one
    return scores + config.num_layers * sum(_layer_cost(config, *sizes) for sizes in passes)


def _layer_cost(config: TransformerConfig, num_queries: int, num_keys: int) -> int:
    """Count the multiplications of one layer for new tokens that attend to all keys."""
    size = config.d_model // config.num_heads
    heads = config.num_heads * attention_cost(num_queries, num_keys, size, size).multiplications
    return num_queries * config.d_model * (4 * config.d_model + 2 * config.intermediate_dim) + heads
