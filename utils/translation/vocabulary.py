"""One vocabulary of pieces for both languages, learnt by byte-pair encoding.

Source: Sennrich et al. (2016), arXiv:1508.07909, section 3.2, as `tokenizers` implements it; section 5.1 of Vaswani et
al. (2017), arXiv:1706.03762, shares one such vocabulary between source and target.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

PAD, START, END, UNKNOWN = SPECIAL = ("[PAD]", "[START]", "[END]", "[UNK]")  # ids 0, 1, 2, 3


class Vocabulary:
    """Text to token ids and back.

    Words keep the space before them, as a mark on their first piece, and punctuation is cut off, so that `decode` gives
    back what `encode` read, but for spaces in a row and unknown characters.

    Args:
        tokenizer: as `train` and `load` make it.
    """

    pad_id, start_id, end_id, unknown_id = range(4)

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        found = [tokenizer.token_to_id(token) for token in SPECIAL]
        if found != [0, 1, 2, 3]:
            raise ValueError(
                f"expected a vocabulary whose first tokens are {', '.join(SPECIAL)}; found them at {found}"
            )

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> "Vocabulary":
        """Return a vocabulary of at most `size` tokens, learnt from texts of both languages.

        Example:
            >>> vocabulary = Vocabulary.train(["low lower lowest", "new newer newest"], 30)
            >>> vocabulary.decode(vocabulary.encode("newer, lower"))
            'newer lower'
        """
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])
        split = [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation(behavior="isolated")]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL), show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Return the vocabulary of a file that holds what `to_json` returned.

        Raises:
            ValueError: the file is no such vocabulary; the message names it.
            OSError: the file cannot be read.
        """
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except OSError:
            raise
        except Exception as error:  # tokenizers raises nothing narrower
            raise ValueError(
                f"{path}: expected a vocabulary that training wrote; {error}. Train in a new folder"
            ) from error

    def to_json(self) -> str:
        """Return the whole vocabulary as JSON text, in the form of Hugging Face's tokenizer.json."""
        return self.tokenizer.to_str(pretty=False)

    def digest(self) -> str:
        """Return the SHA-256 of the vocabulary, which tells it from any other."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without start and end."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def row(self, text: str) -> list[int]:
        """Return the ids of a text and the end: what an encoder reads, and what a decoder is to write.

        Example:
            >>> Vocabulary.train(["a b"], 9).row("a")[-1] == Vocabulary.end_id
            True
        """
        return [*self.encode(text), self.end_id]

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a text."""
        return self.tokenizer.encode(text, add_special_tokens=False).tokens

    def unknown_characters(self, text: str) -> set[str]:
        """Return the characters of a text that no piece holds, so that `encode` gives the unknown token for them."""
        known = self.tokenizer.get_vocab()
        return {letter for letter in unicodedata.normalize("NFC", text) if not letter.isspace() and letter not in known}

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, up to the end token and without the special ones."""
        kept = []
        for token_id in map(int, ids):
            if token_id == self.end_id:
                break
            kept.append(token_id)
        return self.tokenizer.decode(kept, skip_special_tokens=True).strip()
