"""The student: a small BERT encoder with its pooler, and the heads that only pre-training needs."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import BertConfig, BertModel

from tools.pretraining.teacher import middle_layer

START_DEVIATION = 0.1  # of the word vectors that the student starts from


@dataclass(frozen=True)
class Batch:
    """What the student reads and what it should say, as tensors.

    Attributes:
        ids: (B, T), some pieces hidden behind [MASK].
        mask: (B, T), True for a piece.
        hidden: (B, T), True where a piece is hidden or replaced.
        originals: (pieces hidden,), the ids that stood there.
        sentences: (B, W), the teacher's sentence vectors, standardised.
        contexts: (B, C), the mean vector of the rest of the document, on principal axes.
        has_context: (B,), whether there is a rest.
        last: (pieces, A), the teacher's last hidden states.
        middle: (pieces, M), its middle ones.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    hidden: torch.Tensor
    originals: torch.Tensor
    sentences: torch.Tensor
    contexts: torch.Tensor
    has_context: torch.Tensor
    last: torch.Tensor
    middle: torch.Tensor


def student_config(vocabulary_size: int, layers: int = 4, width: int = 128, heads: int = 4) -> BertConfig:
    """Return the student's configuration; pieces 0 to 4 are the special tokens."""
    return BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=512,
        pad_token_id=0,
        architectures=["BertModel"],
    )


class Student(nn.Module):
    """A BERT encoder and five small heads.

    Two heads read the pooled vector, because that is what a classifier reads later: the teacher's sentence vector and
    the mean vector of the rest of the document. Three read hidden states: the teacher's last ones, its middle ones, and
    the pieces that were hidden.
    """

    def __init__(self, config: BertConfig, widths: dict[str, int]) -> None:
        """Build it with random weights, and without dropout: so few passes over so much text need none.

        Args:
            config: of the encoder, with the dropout that fine-tuning is to use.
            widths: of the targets "sentences", "contexts", "last" and "middle".
        """
        super().__init__()
        self.config = config
        without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        self.encoder = BertModel(BertConfig(**config.to_dict() | without))
        width = config.hidden_size
        self.heads = nn.ModuleDict({name: nn.Linear(width, size) for name, size in widths.items()})
        self.guess = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.guess_bias = nn.Parameter(torch.zeros(config.vocab_size))

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the mean squared errors of the four targets, near 1 at first, and the cross-entropy in nats."""
        output = self.encoder(batch.ids, attention_mask=batch.mask.long(), output_hidden_states=True)
        last, middle = output.last_hidden_state, output.hidden_states[middle_layer(self.encoder)]
        pooled = output.pooler_output
        contexts = ((self.heads["contexts"](pooled) - batch.contexts) ** 2).mean(-1)[batch.has_context]
        found = {
            "sentences": ((self.heads["sentences"](pooled) - batch.sentences) ** 2).mean(),
            "contexts": contexts.sum() / max(1, len(contexts)),
            "last": ((self.heads["last"](last[batch.mask]) - batch.last) ** 2).mean(),
            "middle": ((self.heads["middle"](middle[batch.mask]) - batch.middle) ** 2).mean(),
        }
        words = self.encoder.embeddings.word_embeddings.weight
        scores = self.guess(last[batch.hidden]) @ words.T + self.guess_bias  # (pieces hidden, V)
        guesses = nn.functional.cross_entropy(scores, batch.originals, reduction="sum")
        return found | {"masked": guesses / max(1, len(batch.originals))}


@torch.no_grad()
def start_from_teacher(student: Student, teacher: BertModel, teacher_ids: np.ndarray) -> None:
    """Set the student's word and position vectors to the principal components of the teacher's.

    Args:
        student: changed in place.
        teacher: its word vectors are (teacher's V, W), its position vectors (positions, W).
        teacher_ids: (V,), the teacher's id of each of the student's pieces.
    """
    source, own = teacher.embeddings, student.encoder.embeddings
    words = source.word_embeddings.weight.float()[torch.from_numpy(teacher_ids)]
    words = words - words.mean(0)
    positions = source.position_embeddings.weight.float()
    positions = (positions - positions.mean(0))[: own.position_embeddings.num_embeddings]
    _, _, axes = torch.linalg.svd(words, full_matrices=False)
    axes = axes[: own.word_embeddings.embedding_dim].T  # (W, width)
    scale = START_DEVIATION / (words @ axes).std()
    own.word_embeddings.weight[:] = words @ axes * scale
    own.position_embeddings.weight[: len(positions)] = positions @ axes * scale
    own.word_embeddings.weight[own.word_embeddings.padding_idx] = 0.0
