"""WordPiece vocabularies: train one, load one, cut one down to the pieces that a text needs.

The tokenizers library does the work; this file fixes the settings, which are those of BERT's uncased models.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"  # what a piece that does not begin a word begins with
BLOCK = 4096  # texts encoded at a time


def train_wordpiece(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Learn a WordPiece vocabulary from texts (Schuster and Nakajima, 2012; merges as in byte-pair encoding).

    Where two merges are equally frequent, the library takes either: a second training may differ in rare pieces.

    Args:
        texts: the texts to learn from; lower-cased and stripped of accents, as in BERT's uncased models.
        vocabulary_size: pieces to keep at most, the five special tokens among them.

    Returns:
        A tokenizer that splits text into the learnt pieces and wraps it in [CLS] … [SEP].

    Raises:
        ValueError: there is no text, or room for no more than the special tokens.

    Example:
        >>> tokenizer = train_wordpiece(["low lower lowest", "new newer newest"], 40)
        >>> tokenizer.encode("Lower!").tokens
        ['[CLS]', 'lower', '[UNK]', '[SEP]']
    """
    if vocabulary_size <= len(SPECIAL_TOKENS):
        raise ValueError(f"expected vocabulary_size above {len(SPECIAL_TOKENS)}; received {vocabulary_size}")
    remaining = iter(texts)
    if (first := next(remaining, None)) is None:
        raise ValueError("expected texts to learn from; received none")
    tokenizer = _tokenizer(models.WordPiece(unk_token="[UNK]"))
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        continuing_subword_prefix=CONTINUATION,
        show_progress=False,
    )
    tokenizer.train_from_iterator(itertools.chain([first], remaining), trainer)
    return build(pieces_of(tokenizer))


def build(pieces: Sequence[str]) -> Tokenizer:
    """Build the tokenizer of a vocabulary: piece number i gets the id i.

    Args:
        pieces: each once, the five special tokens among them.

    Raises:
        ValueError: a special token is missing, or a piece stands twice.

    Example:
        >>> build([*SPECIAL_TOKENS, "play", "##ing"]).encode("Playing").ids
        [2, 5, 6, 3]
    """
    if missing := [token for token in SPECIAL_TOKENS if token not in set(pieces)]:
        raise ValueError(f"expected the special tokens of BERT in the vocabulary; missing: {', '.join(missing)}")
    if twice := [piece for piece, count in Counter(pieces).items() if count > 1]:
        raise ValueError(f"expected each piece once; received twice: {', '.join(twice[:5])}")
    ids = {piece: at for at, piece in enumerate(pieces)}
    tokenizer = _tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _tokenizer(model: models.WordPiece) -> Tokenizer:
    """Return a tokenizer with the normalisation and the word boundaries of BERT's uncased models."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    return tokenizer


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Load the tokenizer of a model's folder: tokenizer.json, or else the pieces of vocab.txt.

    Padding and truncation, which some models store there, are switched off: the caller chooses them.

    Raises:
        FileNotFoundError: the folder holds neither.
    """
    folder = Path(folder)
    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
    if (folder / "vocab.txt").is_file():
        return build((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    raise FileNotFoundError(f"expected tokenizer.json or vocab.txt in {folder}; found neither")


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """Return a tokenizer's pieces in the order of their ids."""
    vocabulary: Mapping[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(vocabulary, key=vocabulary.__getitem__)


def cut_vocabulary(vocabulary: Sequence[str], texts: Iterable[str], size: int) -> list[str]:
    """Choose the pieces of a large vocabulary that texts use most, in their old order.

    A smaller vocabulary whose pieces all stem from a larger one lets a small model read what a large one reads, piece
    for piece. Kept are the special tokens, then the printable ASCII characters, at a word's beginning and inside it, so
    that an English word that lost its piece falls into smaller ones and never becomes [UNK]; then the most frequent.

    Args:
        vocabulary: the pieces of the larger vocabulary, in the order of their ids.
        texts: the texts that are encoded with it, to count.
        size: pieces to keep; fewer where the texts use fewer.

    Raises:
        ValueError: size leaves no room for special tokens and characters.
    """
    kept = {piece for piece in vocabulary if piece in SPECIAL_TOKENS or _is_character(piece)}
    if size < len(kept):
        raise ValueError(f"expected a size of at least {len(kept)}, the special tokens and characters; received {size}")
    tokenizer, counts = build(vocabulary), Counter()
    for block in _blocks(texts):
        for encoding in tokenizer.encode_batch_fast(block, add_special_tokens=False):
            counts.update(encoding.ids)
    ranked = sorted(counts, key=lambda at: (-counts[at], at))
    frequent = (vocabulary[at] for at in ranked if vocabulary[at] not in kept)
    kept |= set(itertools.islice(frequent, size - len(kept)))
    return [piece for piece in vocabulary if piece in kept]


def _is_character(piece: str) -> bool:
    """Return whether a piece is one printable ASCII character, at a word's beginning or inside it."""
    bare = piece.removeprefix(CONTINUATION) or piece
    return len(bare) == 1 and bare.isascii() and bare.isprintable()


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of at most BLOCK."""
    remaining = iter(texts)
    while block := list(itertools.islice(remaining, BLOCK)):
        yield block


def save(tokenizer: Tokenizer, folder: str | Path, max_length: int = 512) -> None:
    """Write a tokenizer where transformers' BERT tokenizer looks: tokenizer.json, vocab.txt, tokenizer_config.json.

    Args:
        tokenizer: as `build` returns it.
        folder: made if it is missing.
        max_length: the number of positions of the model that reads the tokens.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "vocab.txt").write_text("\n".join(pieces_of(tokenizer)) + "\n", encoding="utf-8")
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    about = dict(zip(names, SPECIAL_TOKENS, strict=True))
    about |= {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": max_length}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
