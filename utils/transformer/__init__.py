"""Whole models: encoder, encoder-decoder, decoder-only, and a classifier on top of the first."""

from utils.transformer.config import TransformerConfig, paper_config
from utils.transformer.embedding import TokenEmbedding
from utils.transformer.models import CausalLanguageModel, Decoder, Encoder, TextClassifier, Transformer

__all__ = [
    "CausalLanguageModel",
    "Decoder",
    "Encoder",
    "TextClassifier",
    "TokenEmbedding",
    "Transformer",
    "TransformerConfig",
    "paper_config",
]
