"""A network of transformers seen from outside: the names of its weights, the inputs that it takes."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from utils.checkpoints import CheckpointError


def weight_name(variable: Any) -> str:
    """Return the name under which transformers saves a variable: without that of the model."""
    from transformers.modeling_tf_utils import strip_model_name_and_prefix

    return strip_model_name_and_prefix(variable.name)


def assign_weights(model: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Give each variable of the model its array, all of them and no others.

    Raises:
        CheckpointError: a weight is missing, unknown, or of another shape.
    """
    variables = {weight_name(variable): variable for variable in model.weights}
    if variables.keys() != weights.keys():
        differ = sorted(variables.keys() ^ weights.keys())
        raise CheckpointError(f"expected the weights of {type(model).__name__}; missing or unknown: {differ[:5]}")
    for name, variable in variables.items():
        if tuple(variable.shape) != weights[name].shape:
            raise CheckpointError(f"expected {name} of shape {tuple(variable.shape)}; received {weights[name].shape}")
        variable.assign(weights[name])


def input_names(model: Any, tokenizer: Any) -> tuple[str, ...]:
    """Return the names of the inputs that the tokenizer gives and the network takes.

    Some tokenizers give more than their network takes: BERT's gives segments, DistilBERT has none.
    """
    optional = ("token_type_ids",)
    taken = inspect.signature(model.call).parameters
    return (
        *("input_ids", "attention_mask"),
        *(name for name in optional if name in taken and name in tokenizer.model_input_names),
    )


def encode(tokenizer: Any, texts: Sequence[str], max_length: int, names: Sequence[str]) -> dict[str, list[list[int]]]:
    """Return the inputs of texts, each a list of rows of its own length, cut at max_length tokens."""
    wanted = {f"return_{name}": name in names for name in ("attention_mask", "token_type_ids")}
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length, **wanted)
    return {name: encoded[name] for name in names}


def check_classifies(model: Any, tokenizer: Any, text: str, max_length: int) -> None:
    """Let the network classify one text, so that what it cannot take is known before it is trained.

    Raises:
        ValueError: tokenizer and network do not go together.
    """
    import tensorflow as tf

    if tokenizer.pad_token_id is None:
        raise ValueError("expected a tokenizer with a padding token, to fill batches with; this one has none")
    names = input_names(model, tokenizer)
    inputs = {name: tf.constant(rows, tf.int32) for name, rows in encode(tokenizer, [text], max_length, names).items()}
    largest = max(len(tokenizer) - 1, int(tf.reduce_max(inputs["input_ids"])))
    if largest >= (size := getattr(model.config, "vocab_size", largest + 1)):
        raise ValueError(
            f"expected a tokenizer with ids below {size}, the rows of the encoder's vocabulary; its largest is "
            f"{largest}: take tokenizer and weights from one place"
        )
    try:
        model(inputs, training=False)
    except Exception as error:  # whatever the layers raise
        raise ValueError(
            f"expected a network that takes {', '.join(names)} from its tokenizer; it answers "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
