"""Teach an encoder new words: ids after the last one, and rows for them that begin as the mean of the old pieces."""

import dataclasses
import json
from collections.abc import Iterable

import numpy as np
from keras import ops
from tokenizers import Tokenizer

from utils.transformer import Encoder
from utils.tuning.projections import check_encoder


def extend_vocabulary(tokenizer: Tokenizer, words: Iterable[str]) -> Tokenizer:
    """Return a tokenizer that knows more words. All ids of before stay, and the new ones follow the last.

    A text in which no word begins with a new one gets the ids that it had.

    Args:
        tokenizer: of the WordPiece kind, such as `load_bert` returns; not changed.
        words: each as the tokenizer sees it: one word, in lower case where the tokenizer lowers case.

    Raises:
        ValueError: the tokenizer is of another kind, or a word is known, given twice, or could never be found because
            the tokenizer cuts or rewrites it.

    Example:
        >>> from utils import wordpiece
        >>> tokenizer = wordpiece.build([*wordpiece.SPECIAL_TOKENS, "to", "##ka", "##mak"])
        >>> extend_vocabulary(tokenizer, ["tokamak"]).encode("Tokamak to").tokens
        ['[CLS]', 'tokamak', 'to', '[SEP]']
    """
    if isinstance(words, str):
        raise ValueError(f"expected a list of words; received one string, {words!r}: put it into a list")
    state, known = json.loads(tokenizer.to_str()), tokenizer.get_vocab(with_added_tokens=True)
    if state["model"].get("type") != "WordPiece":
        raise ValueError(f"expected a tokenizer of the WordPiece kind; received {state['model'].get('type')}")
    words, first = list(words), max(known.values()) + 1
    for at, word in enumerate(words):
        if word in known or word in words[:at]:
            raise ValueError(f"expected new words, each once; {word!r} is known already. Leave it out.")
        state["model"]["vocab"][word] = first + at
    longest = max(map(len, words), default=0)
    state["model"]["max_input_chars_per_word"] = max(state["model"]["max_input_chars_per_word"], longest)
    extended = Tokenizer.from_str(json.dumps(state))
    for word in words:
        found = extended.encode(word, add_special_tokens=False).tokens
        if found != [word]:
            raise ValueError(
                f"expected words as the tokenizer sees them; it reads {word!r} as {found}, so that the new row would "
                "never be used. Give one word without punctuation, in lower case where the tokenizer lowers case."
            )
    return extended


def resize_embedding(encoder: Encoder, old: Tokenizer, new: Tokenizer) -> Encoder:
    """Return an encoder with a row for each token of a longer vocabulary. All other weights are copied, bit for bit.

    A new word begins as the mean of the rows of the pieces that it fell into before (other starts, such as random ones,
    would first have to be trained away).

    Args:
        encoder: whose table fits the old vocabulary; not changed.
        old: its tokenizer.
        new: what `extend_vocabulary` made of it.

    Raises:
        TypeError: the encoder is not of ours.
        ValueError: the old tokenizer does not fit the encoder, the new one gives an old piece another id, or the
            encoder has adapters.
    """
    check_vocabulary_fits(old, check_encoder(encoder))
    before, after = (tokenizer.get_vocab(with_added_tokens=True) for tokenizer in (old, new))
    for piece, at in sorted(before.items(), key=lambda item: item[1]):
        if after.get(piece) != at:
            raise ValueError(
                f"expected the new vocabulary to keep every id of the old one; {piece!r} had the id {at} and has "
                f"{after.get(piece)}. Make it with extend_vocabulary."
            )
    config = encoder.config
    size = max(config.vocabulary_size, max(after.values()) + 1)
    table = np.array(ops.convert_to_numpy(encoder.embedding.table))
    rows = np.concatenate([table, np.zeros((size - len(table), config.d_model), table.dtype)])
    for word in after.keys() - before.keys():
        pieces = old.encode(word, add_special_tokens=False).ids
        rows[after[word]] = table[pieces].mean(axis=0)
    longer = Encoder(dataclasses.replace(config, vocabulary_size=size), name=encoder.name, dtype=encoder.dtype_policy)
    if len(longer.weights) != len(encoder.weights):
        raise ValueError("expected an encoder without adapters; received one that has some. Call merge_lora first.")
    for target, source in zip(longer.weights, encoder.weights, strict=True):
        target.assign(rows if source is encoder.embedding.table else source)
    return longer


def check_vocabulary_fits(tokenizer: Tokenizer, encoder: Encoder) -> None:
    """Raise ValueError unless the encoder has a row for every id of the tokenizer, and both mean one id by padding."""
    piece, largest = max(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    rows = encoder.config.vocabulary_size
    if largest >= rows:
        raise ValueError(
            f"expected token ids below {rows}, the rows of the encoder's table; the tokenizer gives {piece!r} the id "
            f"{largest}. Use the tokenizer of this encoder, or make room with resize_embedding."
        )
    pad, hidden = tokenizer.token_to_id("[PAD]"), encoder.config.pad_id
    if None not in (pad, hidden) and pad != hidden:
        raise ValueError(
            f"expected [PAD] to have the id {hidden}, the pad_id of the encoder, which it never reads; the tokenizer "
            f"gives it {pad}, and {tokenizer.id_to_token(hidden)!r} would be hidden. Use the tokenizer of this encoder."
        )
