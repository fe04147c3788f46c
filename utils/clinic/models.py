"""What stands at the two ends of a model: positions, word vectors, the row that is read, targets and losses.

Each mistake stands below its sound version. Letters in shapes: B texts of T tokens of width d, V words or classes.
"""

import numpy as np

from utils.clinic.attentions import plain_attention, row_softmax


def with_positions(x, table):
    """Add to the token at place t the row t of a table (longest, d); x is (B, T, d)."""
    return x + table[: x.shape[1]]


def with_one_position(x, table):
    """Add one row, a parameter of shape (1, d), to every token."""
    return x + table[:1]


def with_positions_of_the_batch(x, table):
    """Count along the first axis, which is the batch."""
    return x + table[: len(x), None]


def looked_up(ids, table):
    """Return the rows of a table (V, d) that the ids (B, T) name."""
    return table[ids]


def multiplied(ids, table):
    """Send each id through a linear layer, as if it were a quantity."""
    kernel, bias = table[:1], table[1]
    return ids[..., None] * kernel + bias


def last_word(states, mask):
    """Return the state of the last word of each text: states (B, T, d), mask (B, T), True for words, one at least."""
    places = np.arange(mask.shape[1])
    last = np.max(np.where(mask, places, 0), axis=1)
    return states[np.arange(len(states)), last]


def last_place(states, mask):
    """Return the state at the last place of each row."""
    return states[:, -1]


def label_loss(logits, labels, mask):
    """Return the mean of −ln p(label) over words: logits (B, T, V), labels (B, T) integers, mask (B, T)."""
    chances = np.take_along_axis(row_softmax(logits), labels[..., None], axis=-1)[..., 0]
    return np.log(1 / chances)[mask].mean()


def loss_of_the_mask(logits, labels, mask):
    """Hand the mask over in the place of the labels."""
    return label_loss(logits, mask.astype(int), mask)


def loss_of_probabilities(logits, labels, mask):
    """Apply the softmax in the model, although the loss applies it, too."""
    return label_loss(row_softmax(logits), labels, mask)


def read_source(target, source, target_mask, source_mask):
    """Let each word of the target attend to the words of the source: (B, T, d), (B, S, d), (B, T), (B, S)."""
    return plain_attention(target, source, source, source_mask[:, None, :])


def read_source_through_target_mask(target, source, target_mask, source_mask):
    """Hide places of the source where the target has no word."""
    return plain_attention(target, source, source, target_mask[:, None, :])


def shifted_inputs(targets, start=0):
    """Return what a decoder gets while it learns targets (B, T): a start mark, then all but the last."""
    return np.concatenate([np.full_like(targets[:, :1], start), targets[:, :-1]], axis=1)


def unshifted_inputs(targets, start=0):
    """Return the targets themselves."""
    return targets
