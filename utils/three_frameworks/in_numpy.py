"""The encoder–decoder of appendix A in NumPy, in evaluation, without dropout.

`weights` is a dictionary of arrays under the names that Keras gives them.
Letters in shapes are those of the package.
"""

from collections.abc import Mapping

import numpy as np

PAD = 0
Weights = Mapping[str, np.ndarray]


def linear(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Return x times a kernel, plus a bias."""
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def layer_norm(
    x: np.ndarray, weights: Weights, name: str, epsilon: float = 1e-5
) -> np.ndarray:
    """Give each vector mean 0 and variance 1, then scale and shift it."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(variance + epsilon)
    return weights[f"{name}/gamma"] * scaled + weights[f"{name}/beta"]


def numpy_attend(
    x: np.ndarray,
    memory: np.ndarray,
    allowed: np.ndarray,
    weights: Weights,
    name: str,
) -> np.ndarray:
    """Let tokens of x ask those of memory; allowed: (B, T or 1, S)."""

    def split(vectors: np.ndarray, part: str) -> np.ndarray:
        heads = np.einsum(
            "btm,mhd->bhtd", vectors, weights[f"{name}/{part}/kernel"]
        )
        return heads + weights[f"{name}/{part}/bias"][:, None]  # (B, H, T, D)

    query = split(x, "query")
    key, value = split(memory, "key"), split(memory, "value")
    size = query.shape[-1]
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(size)  # (B, H, T, S)
    scores = np.where(allowed[:, None], scores, -1e9)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    heads = (shares / shares.sum(axis=-1, keepdims=True)) @ value
    output = np.einsum(
        "bhtd,hdm->btm", heads, weights[f"{name}/attention_output/kernel"]
    )
    return output + weights[f"{name}/attention_output/bias"]


def numpy_encoder_layer(
    x: np.ndarray, is_word: np.ndarray, weights: Weights, name: str
) -> np.ndarray:
    """Return what a layer of the encoder makes of x (B, S, d_model)."""
    attended = numpy_attend(
        x, x, is_word[:, None], weights, f"{name}/attention"
    )
    x = layer_norm(x + attended, weights, f"{name}/attention_norm")
    wide = np.maximum(linear(x, weights, f"{name}/intermediate"), 0)
    narrow = linear(wide, weights, f"{name}/output")
    return layer_norm(x + narrow, weights, f"{name}/feed_forward_norm")


def numpy_decoder_layer(
    x: np.ndarray,
    memory: np.ndarray,
    is_word: np.ndarray,
    is_source: np.ndarray,
    weights: Weights,
    name: str,
) -> np.ndarray:
    """Return what a layer of the decoder makes of x (B, T, d_model)."""
    allowed = is_word[:, None] & np.tri(x.shape[1], dtype=bool)  # (B, T, T)
    attended = numpy_attend(x, x, allowed, weights, f"{name}/attention")
    x = layer_norm(x + attended, weights, f"{name}/attention_norm")
    found = numpy_attend(
        x, memory, is_source[:, None], weights, f"{name}/memory_attention"
    )
    x = layer_norm(x + found, weights, f"{name}/memory_norm")
    wide = np.maximum(linear(x, weights, f"{name}/intermediate"), 0)
    narrow = linear(wide, weights, f"{name}/output")
    return layer_norm(x + narrow, weights, f"{name}/feed_forward_norm")


def waves(length: int, width: int) -> np.ndarray:
    """Return sinusoidal positions: a sine beside each cosine."""
    rates = 10_000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(length)[:, None] * rates
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(
        length, width
    )


def numpy_embed(ids: np.ndarray, weights: Weights) -> np.ndarray:
    """Return vectors (B, T, d_model) of token ids (B, T)."""
    vectors = weights["embedding/embeddings"][ids]
    width = vectors.shape[-1]
    return vectors * np.sqrt(width) + waves(ids.shape[1], width)


def numpy_scores(
    source: np.ndarray, target: np.ndarray, weights: Weights, layers: int = 2
) -> np.ndarray:
    """Return scores (B, T, V) for source (B, S) and target (B, T)."""
    memory, x = numpy_embed(source, weights), numpy_embed(target, weights)
    for n in range(layers):
        memory = numpy_encoder_layer(
            memory, source != PAD, weights, f"encoder_{n}"
        )
    memory = layer_norm(memory, weights, "encoder_norm")
    for n in range(layers):
        x = numpy_decoder_layer(
            x, memory, target != PAD, source != PAD, weights, f"decoder_{n}"
        )
    x = layer_norm(x, weights, "decoder_norm")
    return x @ weights["embedding/embeddings"].T


def numpy_loss(
    source: np.ndarray, target: np.ndarray, weights: Weights
) -> float:
    """Return the mean loss over the tokens to write, padding left out."""
    scores = numpy_scores(source, target[:, :-1], weights)
    wanted = target[:, 1:]
    odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances = odds / odds.sum(axis=-1, keepdims=True)
    # The chance of each wanted token, (B, T): wanted says which of V to take.
    chosen = np.take_along_axis(chances, wanted[:, :, None], axis=2)[:, :, 0]
    return float(-np.log(chosen[wanted != PAD]).mean())
