"""Low-rank adapters: tune a large matrix by adding the product of two small ones.

Source: Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685. A frozen kernel W with
N inputs and M outputs becomes W + (alpha / rank) A B, with A of N × rank and B of rank × M. B begins with zeros, so
that the model begins as it was.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer, positive_number
from utils.files import safetensors_fault, write_whole
from utils.transformer import Encoder
from utils.tuning.projections import PROJECTIONS, check_encoder, count_input_axes, place_of

FORMAT = "executable-transformer-lora"


class LoraProjection(keras.Layer):
    """A frozen projection with a low-rank adapter beside it: x W + (alpha / rank) (x A) B.

    Args:
        projection: a built Dense or EinsumDense without activation.
        rank: columns of A and rows of B.
        alpha: the adapter is weighted by alpha / rank.
        **kwargs: name, dtype of `keras.Layer`.

    Raises:
        ValueError: the projection is something else, or has an activation.
    """

    def __init__(self, projection: keras.Layer, rank: int, alpha: float, **kwargs: Any):
        super().__init__(dtype=projection.dtype_policy, **kwargs)
        if getattr(projection, "activation", None) not in (None, keras.activations.linear):
            raise ValueError(f"expected a projection without activation; {projection.name} has {projection.activation}")
        self.projection, self.rank, self.scale = projection, rank, alpha / rank
        self.supports_masking = True
        axes, shape = count_input_axes(projection), tuple(projection.kernel.shape)
        inputs, outputs = shape[:axes], shape[axes:]
        normal = keras.initializers.RandomNormal(stddev=1 / math.sqrt(math.prod(inputs)))
        self.lora_a = self.add_weight((*inputs, rank), normal, name="lora_a")
        self.lora_b = self.add_weight((rank, *outputs), "zeros", name="lora_b")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return what the projection returns, plus what the adapter adds."""
        return self.projection(inputs) + self.scale * self.low_rank_product(inputs)

    def low_rank_product(self, inputs: Any) -> Any:
        """Return (x A) B, through `rank` numbers for each token."""
        if isinstance(self.projection, keras.layers.Dense):
            small = ops.matmul(inputs, self.lora_a)  # (..., N) to (..., rank)
            return ops.matmul(small, self.lora_b)  # (..., rank) to (..., M)
        # "btm,mhk->bthk" becomes "btm,mr->btr" and "btr,rhk->bthk": the letter r counts columns of A, rows of B.
        before, output = self.projection.equation.split("->")
        tokens, kernel = before.split(",")
        axes = count_input_axes(self.projection)
        kept = "".join(letter for letter in output if letter not in kernel)  # b and t
        rank = next(letter for letter in "rzyxw" if letter not in before + output)
        small = ops.einsum(f"{tokens},{kernel[:axes]}{rank}->{kept}{rank}", inputs, self.lora_a)
        return ops.einsum(f"{kept}{rank},{rank}{kernel[axes:]}->{output}", small, self.lora_b)

    def merged_kernel(self) -> Any:
        """Return W + (alpha / rank) A B, in the shape of W."""
        return self.projection.kernel + self.scale * ops.tensordot(self.lora_a, self.lora_b, axes=1)


def enable_lora(
    encoder: Encoder, rank: int = 8, alpha: float | None = None, targets: Sequence[str] = ("query", "value")
) -> list[LoraProjection]:
    """Freeze an encoder and put an adapter beside projections of every layer; only the adapters learn then.

    A head on top of the encoder learns as before. Compile the model afterwards: what was compiled before would go on to
    train what it trained. Merge before you save the whole model with Keras.

    Args:
        encoder: changed in place. Its outputs are the same as before, until the adapters are trained.
        rank: of the adapters.
        alpha: weight of the adapters, times rank; rank when omitted.
        targets: names among query, key, value, attention_output, intermediate, output. The paper adapts the first and
            the third.

    Returns:
        The adapters, layer by layer.

    Raises:
        TypeError, ValueError: it is no encoder of ours or has adapters already, a target is unknown, or rank is not
            a positive integer below both sizes of each matrix.

    Example:
        >>> from utils.transformer import TransformerConfig
        >>> sizes = {"vocabulary_size": 10, "d_model": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16}
        >>> encoder = Encoder(TransformerConfig(**sizes))
        >>> before = count_parameters(encoder)
        >>> adapters = enable_lora(encoder, rank=2)
        >>> before, count_parameters(encoder)  # (trainable, all)
        ((1280, 1280), (128, 1408))
    """
    rank = positive_integer("rank", rank)
    alpha = positive_number("alpha", rank if alpha is None else alpha)
    if lora_adapters(check_encoder(encoder)):
        raise ValueError("expected an encoder without adapters; received one that has some. Call merge_lora first.")
    unknown = [name for name in targets if name not in PROJECTIONS]
    if isinstance(targets, str) or unknown or not targets or len(set(targets)) < len(targets):
        raise ValueError(f"expected targets as a list of some of {', '.join(PROJECTIONS)}, each once; got {targets!r}")
    for name in targets:
        owner, attribute = place_of(encoder.blocks[0], name)
        projection = getattr(owner, attribute)
        axes, shape = count_input_axes(projection), projection.kernel.shape
        smaller = min(math.prod(shape[:axes]), math.prod(shape[axes:]))
        if rank >= smaller:
            raise ValueError(f"expected a rank below {smaller}, the smaller size of the {name} matrix; received {rank}")
    for variable in encoder.variables:
        variable.trainable = False
    adapters = []
    for block in encoder.blocks:
        for name in targets:
            owner, attribute = place_of(block, name)
            adapter = LoraProjection(getattr(owner, attribute), rank, alpha, name=f"lora_{name}")
            _put(owner, attribute, adapter)
            adapters.append(adapter)
    return adapters


def merge_lora(encoder: Encoder) -> None:
    """Add each adapter to the kernel beside it and take the adapter out: no cost is left when the encoder is used.

    All of the encoder's weights can be trained again. Compile a model that holds the encoder afterwards.

    Raises:
        TypeError, ValueError: it is no encoder of ours, or has no adapters.
    """
    if not lora_adapters(check_encoder(encoder)):
        raise ValueError(
            "expected an encoder with adapters; received one without. Call enable_lora or load_lora first."
        )
    for block in encoder.blocks:
        for name in PROJECTIONS:
            owner, attribute = place_of(block, name)
            adapter = getattr(owner, attribute)
            if isinstance(adapter, LoraProjection):
                adapter.projection.kernel.assign(adapter.merged_kernel())
                owner._tracker.untrack(adapter)
                _put(owner, attribute, adapter.projection)
    for layer in encoder._flatten_layers():
        for variable in layer._trainable_variables:
            variable.trainable = True


def lora_adapters(encoder: Encoder) -> dict[str, LoraProjection]:
    """Return {"0.query": adapter, ...}, where 0 is the number of the layer."""
    found = {}
    for at, block in enumerate(encoder.blocks):
        for name in PROJECTIONS:
            adapter = getattr(*place_of(block, name))
            if isinstance(adapter, LoraProjection):
                found[f"{at}.{name}"] = adapter
    return found


def count_parameters(model: keras.Model) -> tuple[int, int]:
    """Return how many numbers of a model are trained, and how many it has."""
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_weights)
    return trainable, sum(math.prod(variable.shape) for variable in model.weights)


def save_lora(encoder: Encoder, path: str | Path) -> Path:
    """Write the adapters alone, in safetensors format, with a digest of the encoder that they belong to.

    Args:
        encoder: with adapters.
        path: of the file; a file that stands there is replaced only by a whole one.

    Raises:
        TypeError, ValueError: it is no encoder of ours, or has no adapters.
    """
    from safetensors.numpy import save

    adapters = lora_adapters(check_encoder(encoder))
    if not adapters:
        raise ValueError(
            "expected an encoder with adapters; received one without. Call enable_lora or load_lora first."
        )
    first = next(iter(adapters.values()))
    targets = list(dict.fromkeys(name.partition(".")[2] for name in adapters))
    about = {"rank": first.rank, "alpha": first.scale * first.rank, "targets": targets, "base": base_digest(encoder)}
    metadata = {"format": FORMAT, "lora": json.dumps(about)}
    return write_whole(Path(path), save(_arrays(adapters), metadata))


def load_lora(encoder: Encoder, path: str | Path) -> list[LoraProjection]:
    """Give an encoder the adapters of a file; those that it has already are replaced.

    Args:
        encoder: the one that the adapters were trained on, without them or with others of the same kind.
        path: as `save_lora` wrote it.

    Returns:
        The adapters.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else, was cut short, belongs to another encoder, or its arrays do not fit.
    """
    arrays, about = _read(Path(path))
    if about["base"] != base_digest(check_encoder(encoder)):
        raise ValueError(
            f"expected the encoder that the adapters of {path} were trained on; its weights differ from the one "
            "received. Load that encoder, or train adapters for this one."
        )
    adapters = lora_adapters(encoder)
    are_new = not adapters
    if are_new:
        enable_lora(encoder, about["rank"], about["alpha"], about["targets"])
        adapters = lora_adapters(encoder)
    expected = {name: array.shape for name, array in _arrays(adapters).items()}
    received = {name: array.shape for name, array in arrays.items()}
    if expected != received or any(each.scale != about["alpha"] / about["rank"] for each in adapters.values()):
        if are_new:
            merge_lora(encoder)  # they are zero still: the encoder is as it was
        raise ValueError(
            f"expected adapters in {path} for the same projections, rank and alpha as the encoder has; received "
            f"rank {about['rank']}, alpha {about['alpha']:g} for {', '.join(about['targets'])}. Call merge_lora first, "
            "or load the encoder anew."
        )
    for name, adapter in adapters.items():
        adapter.lora_a.assign(arrays[f"{name}.lora_a"])
        adapter.lora_b.assign(arrays[f"{name}.lora_b"])
    return list(adapters.values())


def base_digest(encoder: Encoder) -> str:
    """Return the SHA-256 of an encoder's own weights, those of its adapters left out."""
    of_adapters = {id(part) for each in lora_adapters(encoder).values() for part in (each.lora_a, each.lora_b)}
    digest = hashlib.sha256()
    for variable in encoder.weights:
        if id(variable) not in of_adapters:
            digest.update(np.ascontiguousarray(ops.convert_to_numpy(variable), "<f4").tobytes())
    return digest.hexdigest()


def _put(owner: keras.Layer, attribute: str, layer: keras.Layer) -> None:
    """Set a sublayer of a built layer. Keras locks the list of its parts then; its own enable_lora unlocks it too."""
    owner._tracker.unlock()
    setattr(owner, attribute, layer)
    owner._tracker.lock()


def _arrays(adapters: dict[str, LoraProjection]) -> dict[str, np.ndarray]:
    """Return the arrays of adapters by name."""
    arrays = {}
    for name, adapter in adapters.items():
        for part in ("lora_a", "lora_b"):
            arrays[f"{name}.{part}"] = np.ascontiguousarray(ops.convert_to_numpy(getattr(adapter, part)), "float32")
    return arrays


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays of finite numbers, and what the file says about them."""
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file

    if not path.is_file():
        raise FileNotFoundError(f"expected adapters at {path}; there is no such file. Write them with save_lora.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        arrays = load_file(path)
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected adapters in safetensors format in {path}: {safetensors_fault(path, error)}"
        ) from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"expected adapters that save_lora wrote in {path}; it holds other weights. Check the path.")
    for name, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(
                f"expected finite float32 numbers in {path}; {name} holds others. Train the adapters anew."
            )
    try:
        about = json.loads(metadata["lora"])
        return arrays, {name: about[name] for name in ("rank", "alpha", "targets", "base")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"expected rank, alpha, targets and base in the header of {path}; it lacks {error}. Train them anew."
        ) from error
