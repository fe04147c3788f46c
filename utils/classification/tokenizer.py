"""A tokenizer without transformers: the tokenizers library behind the few calls that this book makes."""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from utils.wordpiece import load_tokenizer

NO_LIMIT = 10**30  # what transformers says where a tokenizer names no longest text
FILES = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


class PlainTokenizer:
    """Token ids of texts, special tokens included, as transformers' tokenizer of the same folder gives them.

    Args:
        folder: as `utils.wordpiece.load_tokenizer` takes it. The bytes of its files are kept, to be saved again.

    Raises:
        FileNotFoundError, ValueError: as `load_tokenizer`.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.tokenizer: Tokenizer = load_tokenizer(folder)
        self.files = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
        settings = json.loads(self.files.get("tokenizer_config.json", b"{}"))
        self.model_max_length: int = settings.get("model_max_length") or NO_LIMIT
        self.unk_token_id = self.tokenizer.token_to_id("[UNK]")
        self.pad_token_id = self.tokenizer.token_to_id("[PAD]")
        self._copies: dict[int, tuple[int, Tokenizer]] = {}  # by length, with the size of the vocabulary

    def __call__(
        self,
        texts: Sequence[str],
        add_special_tokens: bool = True,
        truncation: bool = False,
        max_length: int | None = None,
        **_: object,
    ) -> dict[str, list[list[int]]]:
        """Return {"input_ids": rows}; with truncation, at most max_length tokens each, the special ones included."""
        tokenizer = self._truncating(max_length) if truncation and max_length else self.tokenizer
        encoded = tokenizer.encode_batch(list(texts), add_special_tokens=add_special_tokens)
        return {"input_ids": [encoding.ids for encoding in encoded]}

    def _truncating(self, max_length: int) -> Tokenizer:
        """Return a copy that cuts to a length, made once: to switch this in the tokenizer itself disturbs threads."""
        size = self.tokenizer.get_vocab_size()
        if max_length not in self._copies or self._copies[max_length][0] != size:
            copy = Tokenizer.from_str(self.tokenizer.to_str())
            copy.enable_truncation(max_length)
            self._copies[max_length] = size, copy
        return self._copies[max_length][1]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the files that were read, byte for byte."""
        for name, content in self.files.items():
            (Path(folder) / name).write_bytes(content)
