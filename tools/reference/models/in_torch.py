"""The encoder–decoder of appendix A in PyTorch, by hand and by nn.Transformer.

The page shows this file, and tools/reference/sets/three-frameworks.py runs it.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

PAD = 0


class EncoderLayer(nn.Module):
    """A layer by hand; names as in `nn.TransformerEncoderLayer`."""

    def __init__(self, width, heads, inner, rate=0.1, epsilon=1e-5):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(
            width, heads, dropout=rate, batch_first=True
        )
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(rate)

    def forward(self, x, is_padding):
        """Take x (B, S, width); is_padding (B, S) is True at padding."""
        attended, _ = self.self_attn(x, x, x, key_padding_mask=is_padding)
        x = self.norm1(x + self.dropout(attended))
        narrow = self.linear2(torch.relu(self.linear1(x)))
        return self.norm2(x + self.dropout(narrow))


class DecoderLayer(EncoderLayer):
    """A layer by hand; names as in `nn.TransformerDecoderLayer`."""

    def __init__(self, width, heads, inner, rate=0.1, epsilon=1e-5):
        super().__init__(width, heads, inner, rate, epsilon)
        self.multihead_attn = nn.MultiheadAttention(
            width, heads, dropout=rate, batch_first=True
        )
        self.norm3 = nn.LayerNorm(width, eps=epsilon)

    def forward(self, x, memory, is_padding, is_source_padding):
        """Take x (B, T, width) and memory (B, S, width)."""
        attended, _ = self.self_attn(
            x, x, x, attn_mask=later(x.shape[1]), key_padding_mask=is_padding
        )
        x = self.norm1(x + self.dropout(attended))
        found, _ = self.multihead_attn(
            x, memory, memory, key_padding_mask=is_source_padding
        )
        x = self.norm2(x + self.dropout(found))
        narrow = self.linear2(torch.relu(self.linear1(x)))
        return self.norm3(x + self.dropout(narrow))


def later(length):
    """Return True where a row may not see a column: it comes later."""
    return torch.ones(length, length, dtype=torch.bool).triu(1)


class Translator(nn.Module):
    """`nn.Transformer`, and what it lacks: embedding, positions, scores."""

    def __init__(self, vocabulary, width, heads, inner, layers, rate=0.1):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.transformer = nn.Transformer(
            d_model=width,
            nhead=heads,
            num_encoder_layers=layers,
            num_decoder_layers=layers,
            dim_feedforward=inner,
            dropout=rate,
            batch_first=True,
        )

    def embed(self, ids):
        """Return vectors (B, T, width) of token ids (B, T)."""
        vectors = self.embedding(ids)  # (B, T, width)
        length, width = vectors.shape[1:]
        like = {"dtype": vectors.dtype, "device": vectors.device}
        rates = 10_000 ** (-torch.arange(0, width, 2, **like) / width)
        angles = torch.arange(length, **like)[:, None] * rates
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1)
        return vectors * math.sqrt(width) + waves.reshape(length, width)

    def forward(self, source, target):
        """Return scores (B, T, V) for source (B, S) and target (B, T)."""
        states = self.transformer(
            self.embed(source),
            self.embed(target),
            tgt_mask=later(target.shape[1]),
            src_key_padding_mask=source == PAD,
            tgt_key_padding_mask=target == PAD,
            memory_key_padding_mask=source == PAD,
        )
        return states @ self.embedding.weight.T


def next_token_loss(model, source, target):
    """Return the mean loss over the tokens to write, padding left out."""
    scores = model(source, target[:, :-1])  # reads all but the last
    wanted = target[:, 1:]  # is asked for all but the first
    return F.cross_entropy(
        scores.flatten(0, 1), wanted.flatten(), ignore_index=PAD
    )
