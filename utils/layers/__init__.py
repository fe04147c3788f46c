"""The layers of a Transformer: multi-head attention, feed-forward, encoder layer, decoder layer."""

from utils.layers.blocks import DecoderLayer, EncoderLayer, FeedForward
from utils.layers.multi_head_attention import MultiHeadAttention

__all__ = ["DecoderLayer", "EncoderLayer", "FeedForward", "MultiHeadAttention"]
