"""Writing with a trained model, one token at a time: greedy, drawn or by beam search, with or without a cache.

All choices are made in NumPy, so that the same generator gives the same text on every backend whose scores agree.
"""

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from utils.checks import positive_integer
from utils.layers.cache import AttentionCache, MemoryCache
from utils.transformer.config import check_token_id
from utils.transformer.models import CausalLanguageModel, Transformer

Choice = Callable[[np.ndarray], np.ndarray]


def greedy(logits: np.ndarray) -> np.ndarray:
    """Return the most probable token of each row, (B,), for scores (B, V); the lowest id among equals.

    Raises:
        ValueError: as `token_probabilities`, for scores.

    Example:
        >>> greedy(np.array([[0.0, 2.0, 1.0]])).tolist()
        [1]
    """
    return np.argmax(_checked_scores(logits), axis=-1)


def token_probabilities(logits: Any, temperature: float = 1.0, top_k: int | None = None) -> np.ndarray:
    """Turn scores of the next token into probabilities.

    Args:
        logits: scores (..., V); minus infinity for a token that may not be drawn.
        temperature: divides the scores; below 1 favours probable tokens more, above 1 less.
        top_k: how many of the best tokens may be drawn (Fan et al., 2018, arXiv:1805.04833); all when omitted. Among
            equals those of lower id are kept.

    Returns:
        float64 array (..., V) whose rows sum to 1.

    Raises:
        ValueError: temperature is not a positive, finite number, top_k is not an integer from 1 to V, or a score is
            NaN or plus infinity, or every score of a row is minus infinity.

    Example:
        >>> token_probabilities(np.log([[1.0, 2.0, 6.0]]), top_k=2).round(2).tolist()
        [[0.0, 0.25, 0.75]]
    """
    _check_temperature(temperature)
    scores = _checked_scores(logits)
    if top_k is not None:
        if positive_integer("top_k", top_k) > scores.shape[-1]:
            raise ValueError(f"expected top_k of at most {scores.shape[-1]}, the vocabulary; received {top_k}")
        worse = np.argsort(-scores, axis=-1, kind="stable")[..., top_k:]
        np.put_along_axis(scores, worse, -np.inf, axis=-1)
    with np.errstate(over="ignore"):  # at the lowest temperatures all but the best become exp(-inf), which is 0
        odds = np.exp((scores - scores.max(-1, keepdims=True)) / temperature)
    return odds / odds.sum(-1, keepdims=True)


def _check_temperature(temperature: Any) -> None:
    """Raise ValueError unless the temperature is a positive, finite number."""
    is_number = isinstance(temperature, numbers.Real) and not isinstance(temperature, bool)
    if not is_number or not 0 < temperature < np.inf:
        raise ValueError(
            f"expected temperature to be positive and finite; received {temperature!r}. "
            "For the most probable token each time, choose with `greedy`."
        )


def _checked_scores(logits: Any) -> np.ndarray:
    """Return scores (..., V) as a new float64 array, refusing those among which there is nothing to choose."""
    scores = np.array(logits, "float64")
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"expected scores of shape (..., vocabulary_size); received shape {scores.shape}")
    best = scores.max(-1)  # NaN where any score of the row is
    if not np.isfinite(best).all():
        raise ValueError(
            "expected scores that are finite numbers, or minus infinity for tokens that may not be chosen; the highest "
            f"of a row is {best[~np.isfinite(best)][0]}. Look for NaN or infinity in the model's weights."
        )
    return scores


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

    _check_temperature(temperature)  # refused now, not amid a text
    if top_k is not None:
        positive_integer("top_k", top_k)
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
        prompt: integers (B, T) without padding, T at least 1. Continue prompts of different lengths one by one.
        num_tokens: how many to add.
        choose: picks a token for each row from scores (B, V): `greedy`, or what `sampler` returns.
        use_cache: keep keys and values of earlier tokens instead of computing them again; the text is the same.
        end_id: a row that has written it gets the configuration's pad_id (or end_id, without one) from there on, and
            writing stops once all rows have.

    Returns:
        Integers (B, T + at most num_tokens): prompts and what follows.

    Raises:
        ValueError: the prompt is empty, holds padding or is not an integer array (B, T), num_tokens is not a positive
            integer, end_id is not a token id, prompt and text do not fit into learned positions, the model returns
            scores that are NaN, or `choose` returns something else than a token id for each row.
    """
    ids = _prompt_ids(prompt, model.config.pad_id)
    room = _check_writing_room(model, ids.shape[1], num_tokens)
    caches = [AttentionCache(room) for _ in model.encoder.blocks]

    def last_logits(ids: np.ndarray, read: int) -> Any:
        if use_cache:
            hidden = model.encoder.step(ops.convert_to_tensor(ids[:, read:], "int32"), caches)
        else:
            hidden = model.encoder(ops.convert_to_tensor(ids, "int32"), use_causal_mask=True, training=False)
        return model.logits(hidden[:, -1])

    filler = _filler(model, end_id, model.config.vocabulary_size)
    return _extend_by_choice(last_logits, ids, num_tokens, choose, end_id, filler)


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

    The padding token is never written before the end: the decoder would hide it from the tokens after it, as it hides
    the padding of a target. `choose` sees a score of minus infinity for it.

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
        ValueError: there is no start token, start_id or end_id is not a token id of the target, or one of them is that
            of padding; `choose` picks padding; else as `generate_tokens`.
    """
    start_id, filler = _target_ends(model, start_id, end_id)
    source_ids = ops.convert_to_tensor(source_ids)
    last_logits = _target_scores(model, source_ids, num_tokens, use_cache)
    ids = np.full((source_ids.shape[0], 1), start_id)
    return _extend_by_choice(last_logits, ids, num_tokens, choose, end_id, filler, never=model.config.pad_id)


class BeamNode(NamedTuple):
    """A token that a beam search wrote and kept, with what was written before it.

    Attributes:
        parent: place of the node of the token before, in the list of a source's nodes; -1 for the start token.
        token_id: the token.
        log_probability: of all tokens up to this one, in nats.
        score: log_probability divided by the length penalty; what ended targets are compared by.
        ended: whether the token is the end.
    """

    parent: int
    token_id: int
    log_probability: float
    score: float
    ended: bool


def length_penalty(length: Any, strength: float) -> Any:
    """Return what the log-probability of a target of so many tokens is divided by: ((5 + length) / 6) ** strength.

    Equation 14 of Wu et al. (2016), arXiv:1609.08144, the end token counted. 1 at a strength of 0.

    Args:
        length: tokens written, a number or an array of numbers.
        strength: not negative; the larger, the better long targets do.

    Raises:
        ValueError: strength is negative or not finite.

    Example:
        >>> length_penalty(7, 0.5) == 2**0.5
        True
    """
    is_number = isinstance(strength, numbers.Real) and not isinstance(strength, bool)
    if not is_number or not 0 <= strength < np.inf:
        raise ValueError(
            f"expected the strength of the length penalty to be a finite number of at least 0; received {strength!r}. "
            "0 compares targets by their log-probability; 0.6 is what Vaswani et al. (2017) used."
        )
    return ((5 + length) / 6) ** strength


def beam_search(
    model: Transformer,
    source_ids: Any,
    num_tokens: int,
    *,
    beam_size: int = 4,
    penalty: float = 0.6,
    start_id: int | None = None,
    end_id: int | None = None,
    use_cache: bool = True,
    return_tree: bool = False,
) -> Any:
    """Write a target for each source, following the most probable beginnings side by side.

    At each step every beginning is continued by every token, and the `beam_size` most probable of all are kept. One
    that ends with end_id is set aside, and one fewer is followed from then on. Of those set aside the best score wins:
    log-probability divided by `length_penalty`. Only where none has ended after num_tokens, the most probable of the
    others is taken. A source is left early once no beginning can beat the best, which changes the time alone. With
    beam_size 1 this is `translate`, which takes the most probable token each time.

    Args:
        model: an encoder-decoder.
        source_ids: integers (B, S), rows filled up with the configuration's pad_id.
        num_tokens: longest target, in tokens, the start token aside.
        beam_size: how many beginnings are followed; 4 in Vaswani et al. (2017), section 6.1.
        penalty: strength of the length penalty, 0.6 there.
        start_id: as in `translate`.
        end_id: as in `translate`. Without one all targets have num_tokens tokens.
        use_cache: as in `translate`.
        return_tree: return what was kept, too.

    Returns:
        Integers (B, 1 + at most num_tokens), as `translate`: the start token and what follows. With return_tree a pair
        of these and, for each source, all its `BeamNode`s in the order in which they were kept, the start first.

    Raises:
        ValueError: beam_size is no positive integer, the penalty is negative or not finite, else as `translate`.
    """
    width = positive_integer("beam_size", beam_size)
    divisors = length_penalty(np.arange(1.0, positive_integer("num_tokens", num_tokens) + 1), penalty)
    start_id, filler = _target_ends(model, start_id, end_id)
    source_ids = ops.convert_to_tensor(source_ids)
    sources = source_ids.shape[0]
    last_logits = _target_scores(model, source_ids, num_tokens, use_cache, copies=width)
    ids = np.full((sources * width, 1), start_id)  # a source's beginnings stand together
    totals = np.full((sources, width), -np.inf)  # log-probabilities; minus infinity where no beginning is followed
    totals[:, 0] = 0.0  # all begin alike, so one is enough
    trees = [[BeamNode(-1, start_id, 0.0, 0.0, ended=False)] for _ in range(sources)]
    places = np.zeros((sources, width), int)  # of each beginning's last node in its source's tree
    best = np.full(sources, -1)  # place of the best ended node
    room = np.full(sources, width)  # beginnings that may be followed
    read, rows = 0, None
    for divisor in divisors:
        if not np.isfinite(totals).any():
            break
        logits = np.array(ops.convert_to_numpy(ops.cast(last_logits(ids, read, rows), "float32")))
        if model.config.pad_id is not None:
            logits[:, model.config.pad_id] = -np.inf
        scores = _checked_rows(logits).astype("float64")
        highest = scores.max(-1, keepdims=True, initial=-np.inf)
        scores -= highest + np.log(np.exp(scores - highest).sum(-1, keepdims=True))
        candidates = (totals.reshape(-1, 1) + scores).reshape(sources, -1)  # (B, beam_size * V)
        order = np.argsort(-candidates, axis=1, kind="stable")[:, :width]
        read, rows = ids.shape[1], np.arange(sources * width)
        written, last_places = np.full(sources * width, start_id), places.copy()
        totals.fill(-np.inf)
        for source, tree in enumerate(trees):
            slot = 0
            for candidate in order[source, : room[source]]:
                total = candidates[source, candidate]
                if total == -np.inf:
                    break
                beam, token = divmod(int(candidate), scores.shape[1])
                ended = token == end_id
                tree.append(BeamNode(int(last_places[source, beam]), token, total, total / divisor, ended))
                if ended:
                    room[source] -= 1
                    if best[source] < 0 or tree[-1].score > tree[best[source]].score:
                        best[source] = len(tree) - 1
                    continue
                row = source * width + slot
                rows[row], written[row] = source * width + beam, token
                totals[source, slot], places[source, slot] = total, len(tree) - 1
                slot += 1
            # A log-probability only falls, and no divisor is larger than the last.
            if best[source] >= 0 and totals[source].max() / divisors[-1] <= tree[best[source]].score:
                totals[source] = -np.inf
        ids = np.concatenate([ids[rows], written[:, None]], axis=1)
    leaves = [place if place >= 0 else places[source, 0] for source, place in enumerate(best)]
    targets = [_path(tree, leaf) for tree, leaf in zip(trees, leaves, strict=True)]
    longest = max(map(len, targets), default=1)
    targets = np.array([path + [filler] * (longest - len(path)) for path in targets], ids.dtype).reshape(-1, longest)
    return (targets, trees) if return_tree else targets


def _path(tree: list[BeamNode], leaf: int) -> list[int]:
    """Return the tokens from the start to a node."""
    tokens = []
    while leaf >= 0:
        tokens.append(tree[leaf].token_id)
        leaf = tree[leaf].parent
    return tokens[::-1]


def _target_ends(model: Transformer, start_id: Any, end_id: Any) -> tuple[int, int | None]:
    """Return what targets begin with, and what fills them up after their end; refuse what cannot be meant."""
    vocabulary_size = model.decoder.config.vocabulary_size
    start_id = model.config.start_id if start_id is None else start_id
    if start_id is None:
        raise ValueError("expected start_id, the token that every target begins with, here or in the configuration")
    check_token_id("start_id", start_id, vocabulary_size)
    pad_id = model.config.pad_id
    if start_id == pad_id:
        raise ValueError(f"expected start_id to be another token than pad_id={pad_id}, which the decoder hides")
    if end_id is not None and end_id == pad_id:
        raise ValueError(f"expected end_id to be another token than pad_id={pad_id}, which is never written")
    return start_id, _filler(model, end_id, vocabulary_size)


def _target_scores(
    model: Transformer, source_ids: Any, num_tokens: int, use_cache: bool, copies: int = 1
) -> Callable[..., Any]:
    """Read the sources, each for so many targets; return a function that scores the next token of all targets.

    The function takes the targets so far (B * copies, T), how many of their tokens were read before, and for each
    target the row of the last call that it continues (itself, when omitted).
    """
    memory, mask = model.encode(source_ids, training=False)
    if copies > 1:
        memory = ops.repeat(memory, copies, axis=0)
        mask = None if mask is None else ops.repeat(mask, copies, axis=0)
    room = _check_writing_room(model, 1, num_tokens)
    asked = None if mask is None else mask[:, None]  # (B, 1, S)
    caches = [(AttentionCache(room), MemoryCache(memory, asked)) for _ in model.decoder.blocks]

    def last_logits(ids: np.ndarray, read: int, rows: np.ndarray | None = None) -> Any:
        if use_cache:
            for cache, _ in caches if rows is not None else ():
                cache.follow(rows)  # the memory of a source serves all its targets
            hidden = model.decoder.step(ops.convert_to_tensor(ids[:, read:], "int32"), caches)
        else:
            hidden = model.decoder(ops.convert_to_tensor(ids, "int32"), memory, memory_mask=mask, training=False)
        return model.logits(hidden[:, -1])

    return last_logits


def _filler(model: Any, end_id: Any, vocabulary_size: int) -> int | None:
    """Return what fills up a row that has written the end: padding, or the end again. Refuses another end_id."""
    check_token_id("end_id", end_id, vocabulary_size)
    return end_id if model.config.pad_id is None else model.config.pad_id


def _extend_by_choice(
    last_logits: Callable,
    ids: np.ndarray,
    num_tokens: int,
    choose: Choice,
    end_id: int | None,
    filler: int | None,
    never: int | None = None,
) -> np.ndarray:
    """Add tokens to ids (B, T), asking for the scores of the next one with how many were read before.

    Rows that have written end_id go on with the filler; no other row gets the token `never`.
    """
    read, done = 0, np.zeros(len(ids), bool)
    for _ in range(num_tokens):
        logits = np.array(ops.convert_to_numpy(ops.cast(last_logits(ids, read), "float32")))
        if never is not None:
            logits[:, never] = -np.inf
        read = ids.shape[1]
        chosen = _checked_choice(choose(_checked_rows(logits)), logits.shape)
        if never is not None and (chosen[~done] == never).any():
            raise ValueError(
                f"expected `choose` to return tokens; received {never}, the padding that the decoder hides"
            )
        if end_id is not None:
            chosen = np.where(done, filler, chosen)
            done |= chosen == end_id
        ids = np.concatenate([ids, chosen[:, None]], axis=1)
        if done.all() and len(done):
            break
    return ids


def _checked_rows(logits: np.ndarray) -> np.ndarray:
    """Return scores (B, V) as they are, refusing those among which there is nothing to choose."""
    if len(logits):
        _checked_scores(logits)
    return logits


def _checked_choice(chosen: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return what `choose` picked, refusing what is not one token id for each row of scores (B, V)."""
    chosen = np.asarray(chosen)
    rows, size = shape
    is_ids = chosen.shape == (rows,) and np.issubdtype(chosen.dtype, np.integer)
    if not is_ids or ((chosen < 0) | (chosen >= size)).any():
        raise ValueError(
            f"expected `choose` to return a token id from 0 to {size - 1} for each of {rows} rows; received {chosen}"
        )
    return chosen


def _prompt_ids(prompt: Any, pad_id: int | None) -> np.ndarray:
    """Return a prompt as integers (B, T), refusing one that is empty or padded."""
    ids = ops.convert_to_numpy(prompt)
    if ids.ndim != 2 or not ids.shape[1] or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"expected prompt to be integers (batch, length) with at least one token to continue; "
            f"received {ids.dtype} of shape {ids.shape}"
        )
    if pad_id is not None and (ids == pad_id).any():
        row, place = np.argwhere(ids == pad_id)[0]
        raise ValueError(
            f"expected prompt without padding, whose tokens and places the model would take for text; row {row} has "
            f"pad_id={pad_id} at place {place}. Continue prompts of one length at a time, or set pad_id=None in the "
            f"configuration where {pad_id} is a token like any other."
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
