"""Whole models: encoder, encoder-decoder, decoder-only, and two heads on the first: for hidden pieces, for classes."""

from utils.transformer.config import TransformerConfig, paper_config
from utils.transformer.embedding import TokenEmbedding
from utils.transformer.models import (
    CausalLanguageModel,
    Decoder,
    Encoder,
    MaskedLanguageModel,
    TextClassifier,
    Transformer,
)

__all__ = [
    "CausalLanguageModel",
    "Decoder",
    "Encoder",
    "MaskedLanguageModel",
    "TextClassifier",
    "TokenEmbedding",
    "Transformer",
    "TransformerConfig",
    "paper_config",
]
