"""Writing with a trained model, one token at a time: greedy or drawn, with or without a cache.

All choices are made in NumPy, so that the same generator gives the same text on every backend whose scores agree.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from utils.checks import positive_integer
from utils.layers.cache import AttentionCache, MemoryCache
from utils.transformer.models import CausalLanguageModel, Transformer

Choice = Callable[[np.ndarray], np.ndarray]


def greedy(logits: np.ndarray) -> np.ndarray:
    """Return the most probable token of each row, (B,), for scores (B, V); the lowest id among equals.

    Example:
        >>> greedy(np.array([[0.0, 2.0, 1.0]])).tolist()
        [1]
    """
    return np.argmax(logits, axis=-1)


def token_probabilities(logits: Any, temperature: float = 1.0, top_k: int | None = None) -> np.ndarray:
    """Turn scores of the next token into probabilities.

    Args:
        logits: scores (..., V).
        temperature: divides the scores; below 1 favours probable tokens more, above 1 less.
        top_k: how many of the best tokens may be drawn (Fan et al., 2018, arXiv:1805.04833); all when omitted. Among
            equals those of lower id are kept.

    Returns:
        float64 array (..., V) whose rows sum to 1.

    Raises:
        ValueError: temperature is not positive and finite, or top_k is no integer from 1 to V.

    Example:
        >>> token_probabilities(np.log([[1.0, 2.0, 6.0]]), top_k=2).round(2).tolist()
        [[0.0, 0.25, 0.75]]
    """
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"expected temperature to be positive and finite; received {temperature}. "
            "For the most probable token each time, choose with `greedy`."
        )
    scores = np.asarray(logits, "float64") / temperature
    if top_k is not None:
        if positive_integer("top_k", top_k) > scores.shape[-1]:
            raise ValueError(f"expected top_k of at most {scores.shape[-1]}, the vocabulary; received {top_k}")
        worse = np.argsort(-scores, axis=-1, kind="stable")[..., top_k:]
        np.put_along_axis(scores, worse, -np.inf, axis=-1)
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def sampler(rng: np.random.Generator, temperature: float = 1.0, top_k: int | None = None) -> Choice:
    """Return a way to choose tokens: drawn by their probabilities.

    Args:
        rng: where chance comes from; the same state gives the same text.
        temperature: as in `token_probabilities`.
        top_k: as in `token_probabilities`.

    Returns:
        A function from scores (B, V) to token ids (B,).

    Example:
        >>> choose = sampler(np.random.default_rng(0), top_k=1)
        >>> choose(np.array([[0.0, 2.0, 1.0]])).tolist()
        [1]
    """

    def draw_tokens(logits: np.ndarray) -> np.ndarray:
        probabilities = token_probabilities(logits, temperature, top_k)
        return np.array([rng.choice(len(row), p=row) for row in probabilities], "int64")

    token_probabilities(np.zeros((1, top_k or 1)), temperature, top_k)  # arguments are refused now, not amid a text
    return draw_tokens


def generate_tokens(
    model: CausalLanguageModel,
    prompt: Any,
    num_tokens: int,
    *,
    choose: Choice = greedy,
    use_cache: bool = True,
    end_id: int | None = None,
) -> np.ndarray:
    """Continue each prompt by as many tokens as asked for.

    Args:
        model: a decoder-only model.
        prompt: integers (B, T) without padding, T at least 1.
        num_tokens: how many to add.
        choose: picks a token for each row from scores (B, V): `greedy`, or what `sampler` returns.
        use_cache: keep keys and values of earlier tokens instead of computing them again; the text is the same.
        end_id: a row that has written it gets the configuration's pad_id (or end_id, without one) from there on, and
            writing stops once all rows have.

    Returns:
        Integers (B, T + at most num_tokens): prompts and what follows.

    Raises:
        ValueError: the prompt is empty or no integer array (B, T), num_tokens is no positive integer, or prompt and
            text do not fit into learned positions.
    """
    ids = _prompt_ids(prompt)
    room = _check_writing_room(model, ids.shape[1], num_tokens)
    caches = [AttentionCache(room) for _ in model.encoder.blocks]

    def last_logits(ids: np.ndarray, read: int) -> Any:
        if use_cache:
            hidden = model.encoder.step(ops.convert_to_tensor(ids[:, read:], "int32"), caches)
        else:
            hidden = model.encoder(ops.convert_to_tensor(ids, "int32"), use_causal_mask=True, training=False)
        return model.logits(hidden[:, -1])

    return _extend_by_choice(last_logits, ids, num_tokens, choose, end_id, model.config.pad_id)


def count_reads(model: CausalLanguageModel, prompt: Any, num_tokens: int, *, use_cache: bool) -> tuple[np.ndarray, int]:
    """Continue a prompt with the most probable tokens, and count how many tokens the model read for it.

    Args:
        model: a decoder-only model.
        prompt: as in `generate_tokens`.
        num_tokens: how many to add.
        use_cache: as in `generate_tokens`.

    Returns:
        (text, reads): what `generate_tokens` returns, and how many tokens of a row its calls embedded, all together.

    Raises:
        ValueError: as `generate_tokens`.
    """
    embedding, lengths = model.encoder.embedding, []

    def counting(token_ids: Any, *others: Any, **options: Any) -> Any:
        lengths.append(token_ids.shape[1])
        return type(embedding).call(embedding, token_ids, *others, **options)

    embedding.call = counting
    try:
        text = generate_tokens(model, prompt, num_tokens, use_cache=use_cache)
    finally:
        del embedding.call
    return text, sum(lengths)


def translate(
    model: Transformer,
    source_ids: Any,
    num_tokens: int,
    *,
    start_id: int | None = None,
    end_id: int | None = None,
    choose: Choice = greedy,
    use_cache: bool = True,
) -> np.ndarray:
    """Write a target for each source.

    Args:
        model: an encoder-decoder.
        source_ids: integers (B, S), rows filled up with the configuration's pad_id.
        num_tokens: longest target, in tokens, the start token aside.
        start_id: what a target begins with; the configuration's start_id when omitted.
        end_id: as in `generate_tokens`.
        choose: as in `generate_tokens`.
        use_cache: keep keys and values of earlier tokens and of the source; the target is the same.

    Returns:
        Integers (B, 1 + at most num_tokens): the start token and what follows.

    Raises:
        ValueError: there is no start token, num_tokens is no positive integer, or the target does not fit into learned
            positions.
    """
    start_id = model.config.start_id if start_id is None else start_id
    if start_id is None:
        raise ValueError("expected start_id, the token that every target begins with, here or in the configuration")
    source_ids = ops.convert_to_tensor(source_ids)
    memory, mask = model.encode(source_ids, training=False)
    room = _check_writing_room(model, 1, num_tokens)
    asked = None if mask is None else mask[:, None]  # (B, 1, S)
    caches = [(AttentionCache(room), MemoryCache(memory, asked)) for _ in model.decoder.blocks]

    def last_logits(ids: np.ndarray, read: int) -> Any:
        if use_cache:
            hidden = model.decoder.step(ops.convert_to_tensor(ids[:, read:], "int32"), caches)
        else:
            hidden = model.decoder(ops.convert_to_tensor(ids, "int32"), memory, None, mask, training=False)
        return model.logits(hidden[:, -1])

    ids = np.full((source_ids.shape[0], 1), start_id)
    return _extend_by_choice(last_logits, ids, num_tokens, choose, end_id, model.config.pad_id)


def _extend_by_choice(
    last_logits: Callable, ids: np.ndarray, num_tokens: int, choose: Choice, end_id: Any, pad_id: Any
) -> Any:
    """Add tokens to ids (B, T), asking for the scores of the next one with how many were read before."""
    read, done = 0, np.zeros(len(ids), bool)
    for _ in range(num_tokens):
        logits = ops.convert_to_numpy(ops.cast(last_logits(ids, read), "float32"))
        read = ids.shape[1]
        chosen = choose(logits)
        if end_id is not None:
            chosen = np.where(done, end_id if pad_id is None else pad_id, chosen)
            done |= chosen == end_id
        ids = np.concatenate([ids, chosen[:, None]], axis=1)
        if done.all() and len(done):
            break
    return ids


def _prompt_ids(prompt: Any) -> np.ndarray:
    """Return a prompt as integers (B, T), refusing an empty one."""
    ids = ops.convert_to_numpy(prompt)
    if ids.ndim != 2 or not ids.shape[1] or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"expected prompt to be integers (batch, length) with at least one token to continue; "
            f"received {ids.dtype} of shape {ids.shape}"
        )
    return ids


def _check_writing_room(model: Any, prompt_length: int, num_tokens: int) -> int:
    """Return how many tokens are read before the last is written, refusing more than learned positions."""
    room = prompt_length + positive_integer("num_tokens", num_tokens) - 1
    if model.config.positions == "learned" and room > model.config.max_length:
        raise ValueError(
            f"expected at most {model.config.max_length - prompt_length + 1} tokens to write after a prompt of "
            f"{prompt_length}, as the model learned {model.config.max_length} positions; received {num_tokens}"
        )
    return room
