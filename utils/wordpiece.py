"""WordPiece vocabularies: train one, load one, cut one down to the pieces that a text needs.

The tokenizers library does the work; this file fixes the settings. Those of a new tokenizer are of BERT's uncased
models; those of a loaded one are what the files of its model say.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"  # what a piece that does not begin a word begins with
BLOCK = 4096  # texts encoded at a time

# Switches of tokenizer_config.json: as the tokenizers library calls them, and what a BERT without them has.
SWITCHES = {
    "do_lower_case": ("lowercase", True),
    "strip_accents": ("strip_accents", None),  # None: where letters are lower-cased
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
}
NAMED_TOKENS = dict(
    zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True)
)
OTHER_TOKENS = ("bos_token", "eos_token", "additional_special_tokens", "extra_special_tokens")
BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast")
FLAGS = ("lstrip", "rstrip", "single_word", "normalized")  # of an added token
ANY_CLASS = "PreTrainedTokenizerFast"  # whatever tokenizer.json says


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


def build(pieces: Sequence[str], **switches: bool | None) -> Tokenizer:
    """Build the tokenizer of a vocabulary: piece number i gets the id i.

    Args:
        pieces: each once, the five special tokens among them.
        **switches: lowercase, strip_accents or handle_chinese_chars of `tokenizers.normalizers.BertNormalizer`; those
            of BERT's uncased models when omitted.

    Raises:
        ValueError: a special token is missing, or a piece stands twice.

    Example:
        >>> build([*SPECIAL_TOKENS, "play", "##ing"]).encode("Playing").ids
        [2, 5, 6, 3]
    """
    tokenizer = _tokenizer_of(pieces, **switches)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def _tokenizer_of(pieces: Sequence[str], **switches: bool | None) -> Tokenizer:
    """Return the tokenizer of `build` before its special tokens are told from the words of a text."""
    if missing := [token for token in SPECIAL_TOKENS if token not in set(pieces)]:
        raise ValueError(f"expected the special tokens of BERT in the vocabulary; missing: {', '.join(missing)}")
    if twice := [piece for piece, count in Counter(pieces).items() if count > 1]:
        raise ValueError(f"expected each piece once; received twice: {', '.join(twice[:5])}")
    ids = {piece: at for at, piece in enumerate(pieces)}
    tokenizer = _tokenizer(models.WordPiece(ids, unk_token="[UNK]"), **switches)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _tokenizer(model: models.WordPiece, **switches: bool | None) -> Tokenizer:
    """Return a tokenizer with the normalisation and the word boundaries of BERT, by default of its uncased models."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(**switches)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    return tokenizer


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Load the tokenizer of a BERT's folder: tokenizer.json, or else the pieces of vocab.txt, and the settings beside.

    Ids are those of `transformers.AutoTokenizer`, which lets tokenizer_config.json overrule tokenizer.json. Padding and
    truncation, which some models store, are switched off: the caller chooses them.

    Args:
        folder: also read are tokenizer_config.json, special_tokens_map.json, added_tokens.json and the
            `tokenizer_class` of config.json, where they are there.

    Raises:
        FileNotFoundError: the folder holds neither tokenizer.json nor vocab.txt.
        ValueError: a file is broken, files contradict each other, or they ask for what this loader does not do.
    """
    folder = Path(folder)
    settings = _tokenizer_settings(folder)
    if (folder / "tokenizer.json").is_file():
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing more precise
            expected = f"a tokenizer of the tokenizers library in {folder / 'tokenizer.json'}"
            raise ValueError(f"expected {expected}: {error}") from error
    elif (folder / "vocab.txt").is_file():
        _check_vocabulary_suffices(settings, folder)
        tokenizer = _tokenizer_of(
            _read_pieces(folder / "vocab.txt"),
            **{theirs: settings.get(ours, usual) for ours, (theirs, usual) in SWITCHES.items()},
        )
    else:
        raise FileNotFoundError(f"expected tokenizer.json or vocab.txt in {folder}; found neither")
    _add_tokens(tokenizer, settings, folder)
    if settings["tokenizer_class"] != ANY_CLASS:
        _set_switches(tokenizer, settings, folder)  # last, as there: added tokens are normalised as tokenizer.json says
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        ValueError: the file holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON in {path}: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in {path}; received {type(value).__name__}")
    return value


def _tokenizer_settings(folder: Path) -> dict[str, Any]:
    """Return what the files beside a tokenizer say of it, refusing what `load_tokenizer` does not do."""
    found = {}
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        found[name] = read_json_object(folder / name) if (folder / name).is_file() else {}
    settings = found["tokenizer_config.json"]
    path = folder / "tokenizer_config.json"
    kind = settings.get("tokenizer_class") or found["config.json"].get("tokenizer_class") or BERT_CLASSES[0]
    if kind not in (*BERT_CLASSES, ANY_CLASS):
        raise ValueError(
            f"expected tokenizer_class to be one of {', '.join((*BERT_CLASSES, ANY_CLASS))}; {folder} has {kind!r}. "
            "Load and run that tokenizer with its own library, and give the encoder its ids."
        )
    for name in SWITCHES.keys() & settings.keys():
        value = settings[name]
        if not isinstance(value, bool) and not (value is None and name == "strip_accents"):
            raise ValueError(f"expected {name} to be true or false in {path}; received {value!r}")
    if settings.get("do_basic_tokenize") is False or settings.get("never_split"):
        raise ValueError(
            f"expected no do_basic_tokenize=false and no never_split in {path}, which the libraries' fast and slow "
            "tokenizers take differently. Save the one that is meant as tokenizer.json, and take them out."
        )
    settings = settings | {"tokenizer_class": kind}
    if "added_tokens_decoder" not in settings:  # the library's older way of saving
        more = found["special_tokens_map.json"]
        lists = [part.get("additional_special_tokens") for part in (settings, more)]
        settings |= more
        if all(isinstance(tokens, list) for tokens in lists):
            settings["additional_special_tokens"] = [*lists[0], *(token for token in lists[1] if token not in lists[0])]
        special = {_content(token) for token in _special_tokens(settings, path)}
        settings["added_tokens_decoder"] = {
            at: {"content": token, "special": token in special, "normalized": token not in special}
            for token, at in found["added_tokens.json"].items()
        }
    return settings


def _set_switches(tokenizer: Tokenizer, settings: Mapping[str, Any], folder: Path) -> None:
    """Let the switches of tokenizer_config.json overrule those of tokenizer.json."""
    stored = json.loads(tokenizer.normalizer.__getstate__()) if tokenizer.normalizer else {}
    if stored.get("type") != "BertNormalizer":  # it has no such switches
        return
    stated = {theirs: settings[ours] for ours, (theirs, _) in SWITCHES.items() if ours in settings}
    usual = {theirs: default for theirs, default in SWITCHES.values()}
    if _effect(usual | stated) == _effect(stored):
        return
    if _effect(stored | stated) != _effect(usual | stated):
        raise ValueError(
            f"expected {', '.join(SWITCHES)} in {folder / 'tokenizer_config.json'}, since tokenizer.json has other "
            f"switches than the usual ones of BERT: {_effect(stored)}. Write there what is meant."
        )
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=stored["clean_text"], **(usual | stated))


def _effect(switches: Mapping[str, bool | None]) -> dict[str, bool]:
    """Return what switches do, whether accents are stripped spelt out."""
    effect = {name: switches[name] for name, _ in SWITCHES.values()}
    if effect["strip_accents"] is None:
        effect["strip_accents"] = effect["lowercase"]
    return effect


def _check_vocabulary_suffices(settings: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError where vocab.txt alone does not tell what the tokenizer does."""
    others = {name: _content(settings[name]) for name in NAMED_TOKENS if settings.get(name)}
    if settings["tokenizer_class"] == ANY_CLASS or any(NAMED_TOKENS[name] != token for name, token in others.items()):
        raise ValueError(
            f"expected tokenizer.json in {folder}: vocab.txt alone is read with the special tokens of BERT, and this "
            "tokenizer has others. Save its fast tokenizer there with save_pretrained."
        )


def _read_pieces(path: Path) -> list[str]:
    """Return the lines of a vocabulary, which end at a line feed alone: pieces may hold other line separators."""
    try:
        lines = path.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8 in {path}: {error}") from error
    if any("\r" in line for line in lines):
        raise ValueError(f"expected lines that end in \\n or \\r\\n in {path}; found a bare \\r. Save it with \\n.")
    return lines[:-1] if lines[-1] == "" else lines


def _add_tokens(tokenizer: Tokenizer, settings: Mapping[str, Any], folder: Path) -> None:
    """Add the tokens that the settings name to those of the tokenizer, as transformers does."""
    path = folder / "tokenizer_config.json"
    special = {_content(token): token for token in _special_tokens(settings, path)}
    present = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    listed = _listed_tokens(settings, path)
    tokens = []
    for _, details in listed:
        details = details if details["content"] not in special else {**details, "special": True}
        tokens.append(AddedToken(**{name: value for name, value in details.items() if name != "__type"}))
    present |= {details["content"] for _, details in listed}
    for content, details in special.items():
        if content not in present:
            flags = dict(details) if isinstance(details, dict) else {}
            flags = {name: flags[name] for name in flags.keys() & set(FLAGS)}
            tokens.append(AddedToken(content, special=True, **flags))
    tokenizer.add_tokens(tokens)
    for number, details in listed:
        if (found := tokenizer.token_to_id(details["content"])) != number:
            raise ValueError(
                f"expected the added token {details['content']!r} to have id {number}, as the files beside the "
                f"tokenizer in {folder} say; it has {found}. Save the tokenizer again with save_pretrained."
            )


def _listed_tokens(settings: Mapping[str, Any], path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return (id, flags and content) of the added tokens with an id, in the order of their ids."""
    listed = settings["added_tokens_decoder"]
    try:
        pairs = sorted((int(number), dict(details)) for number, details in listed.items())
        for _, details in pairs:
            AddedToken(**{name: value for name, value in details.items() if name != "__type"})
            str.encode(details["content"])
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise ValueError(f"expected added tokens as {{id: {{content, special, …}}}} in {path}: {error}") from error
    return pairs


def _special_tokens(settings: Mapping[str, Any], path: Path) -> list[str | dict[str, Any]]:
    """Return the special tokens that the settings name, and those that each BERT has."""
    usual = {} if settings["tokenizer_class"] == ANY_CLASS else NAMED_TOKENS
    named = usual | {name: settings[name] for name in (*NAMED_TOKENS, *OTHER_TOKENS) if settings.get(name)}
    tokens = []
    for name, value in named.items():
        if name in NAMED_TOKENS or name in ("bos_token", "eos_token"):
            value = [value]
        values = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(values, list) or not all(isinstance(_content(token), str) for token in values):
            raise ValueError(f"expected {name} in {path} to name tokens; received {value!r}")
        tokens += values
    return tokens


def _content(token: Any) -> Any:
    """Return the text of a token that is given as text or as an object with its flags."""
    return token.get("content") if isinstance(token, dict) else token


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
    about = NAMED_TOKENS | {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": max_length}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
