"""The sizes and choices of a Transformer in one place, so that two models differ in what is named and nothing else.

Source: Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3 and table 3; what BERT does
otherwise is from Devlin et al. (2019), arXiv:1810.04805.
"""

import dataclasses
import operator
from typing import Any

from utils.checks import head_size, positive_integer

POSITIONS = ("sinusoidal", "learned", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes and choices; the defaults are those of the paper's base model. `dataclasses.replace` changes one of them.

    Args:
        vocabulary_size: number of token ids, 0 to vocabulary_size - 1.
        d_model: width of a token's vector.
        num_layers: layers of the encoder, and of the decoder.
        num_heads: heads of each attention, a divisor of d_model.
        intermediate_dim: width inside the feed-forward networks.
        dropout: share dropped of embeddings and of each sublayer's output, in training.
        attention_dropout: share dropped of the attention weights, in training.
        activation: of the feed-forward networks; "relu", "gelu" (exact), "gelu_tanh" or another name that Keras knows.
        epsilon: added to the variance inside the root of each layer normalisation; the paper gives none.
        norm_first: pre-norm instead of the paper's post-norm.
        final_norm: a normalisation after the last layer; None gives one to pre-norm alone, which needs it.
        positions: "sinusoidal", "learned", or None for tokens without order.
        max_length: rows of the table of learned positions, in tokens; sinusoids have no end.
        scale_embedding: multiply token vectors by √d_model (section 3.4).
        embedding_norm: normalise the sum of token, type and position, as BERT does.
        num_token_types: kinds of segments that BERT tells apart; 0 for none.
        tie_output: score the next token with the table of embeddings (section 3.4) instead of a matrix of its own.
        pad_id: id that fills up rows; no token attends to it where a model builds its own masks. None for no such id.
        start_id: id that every target begins with, checked by `Transformer`; None for no check.

    Raises:
        ValueError: a size is not a positive integer, the heads cannot share d_model, positions are unknown, or pad_id
            or start_id is not a token id.

    Example:
        >>> TransformerConfig(vocabulary_size=100, d_model=16, num_heads=2).layer_options()["num_heads"]
        2
    """

    vocabulary_size: int
    d_model: int = 512
    num_layers: int = 6
    num_heads: int = 8
    intermediate_dim: int = 2048
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation: str = "relu"
    epsilon: float = 1e-5
    norm_first: bool = False
    final_norm: bool | None = None
    positions: str | None = "sinusoidal"
    max_length: int = 512
    scale_embedding: bool = True
    embedding_norm: bool = False
    num_token_types: int = 0
    tie_output: bool = True
    pad_id: int | None = 0
    start_id: int | None = None

    def __post_init__(self):
        for name in ("vocabulary_size", "d_model", "num_layers", "num_heads", "intermediate_dim", "max_length"):
            positive_integer(name, getattr(self, name))
        if self.num_token_types != 0:
            positive_integer("num_token_types", self.num_token_types)
        head_size(self.d_model, self.num_heads)
        if self.positions not in POSITIONS:
            raise ValueError(f"expected positions to be one of {POSITIONS}; received {self.positions!r}")
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(
                f"expected d_model to be even, as each frequency of sinusoidal positions fills a sine and a cosine; "
                f"received {self.d_model}. Use {self.d_model + 1}, or learned positions."
            )
        for name in ("pad_id", "start_id"):
            check_token_id(name, getattr(self, name), self.vocabulary_size)

    @property
    def ends_with_norm(self) -> bool:
        """Whether a normalisation follows the last layer."""
        return self.norm_first if self.final_norm is None else self.final_norm

    def layer_options(self) -> dict[str, Any]:
        """Return the arguments of an `EncoderLayer` or `DecoderLayer`."""
        names = ("num_heads", "intermediate_dim", "dropout", "activation", "epsilon", "norm_first", "attention_dropout")
        return {name: getattr(self, name) for name in names}


def check_token_id(name: str, value: Any, vocabulary_size: int) -> None:
    """Raise ValueError unless value is an integer from 0 to vocabulary_size - 1, or None for no such token."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(0 if value is None else value)
    except TypeError:
        number = -1
    if not 0 <= number < vocabulary_size:
        raise ValueError(
            f"expected {name} to be a token id from 0 to {vocabulary_size - 1}, or None; received {value!r}"
        )


def paper_config(size: str = "base", vocabulary_size: int = 37_000, **changes: Any) -> TransformerConfig:
    """Return the configuration of a row of table 3 of the paper.

    Args:
        size: "base" or "big".
        vocabulary_size: about 37,000 for English and German together (section 5.1).
        **changes: other fields of `TransformerConfig`.

    Raises:
        ValueError: the size is unknown.

    Example:
        >>> paper_config("big").d_model
        1024
    """
    sizes = {
        "base": {"d_model": 512, "num_heads": 8, "intermediate_dim": 2048, "dropout": 0.1},
        "big": {"d_model": 1024, "num_heads": 16, "intermediate_dim": 4096, "dropout": 0.3},
    }
    if size not in sizes:
        raise ValueError(f'expected size to be "base" or "big", the rows of table 3; received {size!r}')
    fields = {"vocabulary_size": vocabulary_size, "num_layers": 6} | sizes[size]
    return TransformerConfig(**(fields | changes))
