"""What `tools/bench/encoder.py` compares: one small text classifier, as five libraries build it.

Each has embeddings of tokens, positions and one type, a normalisation, post-norm layers with exact GELU, a dense layer
with tanh on a pooled vector, and a linear head: the same number of parameters, which is checked.
"""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Sizes(NamedTuple):
    """What is trained on: sizes of the model and of a batch."""

    length: int
    batch: int = 32
    vocabulary: int = 8000
    width: int = 128
    heads: int = 4
    intermediate: int = 512
    layers: int = 4
    classes: int = 2

    def parameters(self) -> int:
        """Count the parameters that every contestant must have."""
        width, wide = self.width, self.intermediate
        embedding = (self.vocabulary + self.length + 1) * width + 2 * width
        layer = 4 * (width * width + width) + 2 * width * wide + wide + width + 4 * width
        return embedding + self.layers * layer + width * width + width + width * self.classes + self.classes

    def products(self) -> list[tuple[int, int, int, int]]:
        """List the matrix products of one training step as (how many at once, rows, inner, columns)."""
        tokens, width, wide, length = self.batch * self.length, self.width, self.intermediate, self.length
        pairs, size = self.batch * self.heads, self.width // self.heads

        def linear(rows: int, taken: int, made: int) -> list[tuple[int, int, int, int]]:
            return [(1, rows, taken, made), (1, rows, made, taken), (1, taken, rows, made)]  # forward, inputs, weights

        attention = [(pairs, length, size, length), (pairs, length, length, size), (pairs, length, length, size)]
        layer = linear(tokens, width, 3 * width) + 2 * attention + linear(tokens, width, width)
        layer += linear(tokens, width, wide) + linear(tokens, wide, width)
        return self.layers * layer + linear(self.batch, width, width) + linear(self.batch, width, self.classes)


Step = Callable[[np.ndarray, np.ndarray], float]  # trains on ids (B, T) and labels (B,), returns the loss
LEARNING_RATE = 1e-4
EPSILON = 1e-12


def build_ours(sizes: Sizes, compiled: bool) -> tuple[Step, int]:
    """Return the training step of our classifier, and its number of parameters."""
    from utils.transformer import TextClassifier
    from utils.transformer.config import TransformerConfig

    config = TransformerConfig(
        **{"vocabulary_size": sizes.vocabulary, "d_model": sizes.width, "num_layers": sizes.layers},
        **{"num_heads": sizes.heads, "intermediate_dim": sizes.intermediate, "max_length": sizes.length},
        **{"positions": "learned", "num_token_types": 1, "embedding_norm": True, "scale_embedding": False},
        **{"activation": "gelu", "epsilon": EPSILON, "dropout": 0.0, "pad_id": None},
    )
    return _keras_step(TextClassifier(config, sizes.classes), compiled)


def build_keras_blocks(sizes: Sizes, compiled: bool) -> tuple[Step, int]:
    """Return the same for a functional model of Keras's own layers."""
    import keras
    from keras import layers, ops

    def norm() -> layers.Layer:
        return layers.LayerNormalization(epsilon=EPSILON)

    class PositionsAndType(layers.Layer):
        def build(self, shape: Any) -> None:
            self.position = self.add_weight(shape=(sizes.length, sizes.width))
            self.type = self.add_weight(shape=(1, sizes.width))

        def call(self, x: Any) -> Any:
            return x + self.position + self.type

    ids = keras.Input((sizes.length,), dtype="int32")
    x = PositionsAndType()(layers.Embedding(sizes.vocabulary, sizes.width)(ids))
    x = norm()(x)
    for _ in range(sizes.layers):
        x = norm()(x + layers.MultiHeadAttention(sizes.heads, sizes.width // sizes.heads)(x, x))
        wide = layers.Dense(sizes.intermediate, activation="gelu")(x)
        x = norm()(x + layers.Dense(sizes.width)(wide))
    pooled = layers.Dense(sizes.width, activation="tanh")(ops.mean(x, axis=1))
    return _keras_step(keras.Model(ids, layers.Dense(sizes.classes)(pooled)), compiled)


def _keras_step(model: Any, compiled: bool) -> tuple[Step, int]:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=compiled)
    return (lambda ids, labels: float(model.train_on_batch(ids, labels))), model.count_params()


def build_tensorflow_bert(sizes: Sizes, compiled: bool) -> tuple[Step, int]:
    """Return the same for Hugging Face's TensorFlow BERT under Keras 2, as ktrain trains it."""
    import tf_keras
    from transformers import BertConfig, TFBertForSequenceClassification

    config = BertConfig(
        **{"vocab_size": sizes.vocabulary, "hidden_size": sizes.width, "num_hidden_layers": sizes.layers},
        **{"num_attention_heads": sizes.heads, "intermediate_size": sizes.intermediate, "hidden_act": "gelu"},
        **{"max_position_embeddings": sizes.length, "type_vocab_size": 1, "num_labels": sizes.classes},
        **{"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "layer_norm_eps": EPSILON},
    )
    model = TFBertForSequenceClassification(config)
    model.build()
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=compiled)
    return (lambda ids, labels: float(model.train_on_batch({"input_ids": ids}, labels))), model.count_params()


def build_torch_encoder(sizes: Sizes, compiled: bool) -> tuple[Step, int]:
    """Return the same for `torch.nn.TransformerEncoder`."""
    import torch
    from torch import nn

    width = sizes.width
    options = {"dropout": 0.0, "activation": "gelu", "layer_norm_eps": EPSILON, "batch_first": True}
    layer = nn.TransformerEncoderLayer(width, sizes.heads, sizes.intermediate, **options)
    tables = [nn.Embedding(rows, width) for rows in (sizes.vocabulary, sizes.length, 1)]
    for table in tables:
        nn.init.normal_(table.weight, std=0.02)
    norm, encoder = nn.LayerNorm(width, EPSILON), nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
    head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, sizes.classes))
    parts = nn.ModuleList([*tables, norm, encoder, head]).train()
    optimizer = torch.optim.Adam(parts.parameters(), lr=LEARNING_RATE)

    def step(ids: np.ndarray, labels: np.ndarray) -> float:
        vectors = tables[0](torch.from_numpy(ids).long()) + tables[1].weight + tables[2].weight
        scores = head(encoder(norm(vectors)).mean(1))
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels).long())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, sum(parameter.numel() for parameter in parts.parameters())


def build_products(sizes: Sizes, library: str) -> tuple[Step, int]:
    """Return the matrix products of one training step alone, into memory that is there already: the machine's bound."""
    rng, made = np.random.default_rng(0), {}
    for many, rows, inner, columns in sizes.products():
        lead = (many,) if many > 1 else ()
        shapes = (*lead, rows, inner), (*lead, inner, columns), (*lead, rows, columns)
        made[many, rows, inner, columns] = [rng.standard_normal(shape, dtype="float32") for shape in shapes]
    multiply = np.matmul
    if library == "torch":
        import torch

        multiply = torch.matmul
        made = {key: [torch.from_numpy(array) for array in arrays] for key, arrays in made.items()}
    operands = [made[key] for key in sizes.products()]

    def step(ids: np.ndarray, labels: np.ndarray) -> float:
        for left, right, out in operands:
            multiply(left, right, out=out)
        return 0.0

    return step, sizes.parameters()


BUILDERS = {
    "ours": build_ours,
    "Keras layers": build_keras_blocks,
    "TFBert": build_tensorflow_bert,
    "torch.nn.TransformerEncoder": build_torch_encoder,
    "matrix products": build_products,
}


def draw_batch(sizes: Sizes, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw token ids (B, T) and labels (B,)."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, sizes.vocabulary, (sizes.batch, sizes.length)).astype("int32")
    return ids, rng.integers(0, sizes.classes, sizes.batch).astype("int32")


@functools.cache
def prepare_row(model: str, option: Any, sizes: Sizes, warm_up: int) -> Step:
    """Build a contestant and train it a little on one batch.

    Raises:
        RuntimeError: it has another number of parameters than the others, or does not learn that batch: a race with it
            would mean nothing.
    """
    step, parameters = BUILDERS[model](sizes, option)
    if parameters != sizes.parameters():
        raise RuntimeError(f"expected {model} to have {sizes.parameters()} parameters; it has {parameters}")
    losses = [step(*draw_batch(sizes, 0)) for _ in range(warm_up)]
    if model != "matrix products" and not losses[-1] < losses[0]:
        raise RuntimeError(f"expected {model} to learn one batch; its loss went from {losses[0]} to {losses[-1]}")
    return step


def timed_steps(model: str, option: Any, sizes: Sizes, warm_up: int, steps: int, seed: int) -> list[float]:
    """Return the seconds of each training step of a contestant, each on a batch of its own."""
    step, seconds = prepare_row(model, option, sizes, warm_up), []
    for at in range(steps):
        batch = draw_batch(sizes, seed + at)
        start = time.perf_counter()
        step(*batch)
        seconds.append(time.perf_counter() - start)
    return seconds
