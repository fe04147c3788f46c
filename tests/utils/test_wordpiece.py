"""WordPiece vocabularies: trained, cut down, saved, loaded; held to transformers' own BERT tokenizer."""

import json

import pytest
from tokenizers import BertWordPieceTokenizer

from utils import wordpiece

TEXTS = [
    "The play was played by players who play.",
    "A player plays; playing is what players do.",
    "Wonderful! Wonderfully played, wonderfully filmed.",
]
VOCABULARY = [
    *wordpiece.SPECIAL_TOKENS,
    *["a", "d", "e", "p", "y", "##a", "##d", "##e", "##l", "##r", "##s", "##y"],
    *["play", "player", "##ed", "##er", "##ing", "film", "dull"],
]


def test_trained_vocabulary_begins_with_the_special_tokens_and_keeps_to_its_size():
    pieces = wordpiece.pieces_of(wordpiece.train_wordpiece(TEXTS, 60))
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(pieces) == len(set(pieces)) == 60


def test_trained_vocabulary_holds_frequent_words_whole():
    tokens = wordpiece.train_wordpiece(TEXTS * 3, 90).encode("Players play wonderfully").tokens
    assert tokens == ["[CLS]", "players", "play", "wonderfully", "[SEP]"]


def test_training_reads_an_iterator_from_its_first_text_to_its_last():
    tokenizer = wordpiece.train_wordpiece(iter(["abab", *["c"] * 4000, "dede"]), 40)
    assert tokenizer.encode("abab dede").tokens == ["[CLS]", "abab", "dede", "[SEP]"]


def test_longest_piece_first_as_computed_by_hand():
    encoding = wordpiece.build(VOCABULARY).encode("Player playing PLAYED plaza")
    words = ["player", "play", "##ing", "play", "##ed"]  # plaza: p ##l ##a, then z, which no piece covers
    assert encoding.tokens == ["[CLS]", *words, "[UNK]", "[SEP]"]
    assert encoding.ids[1:3] == [VOCABULARY.index("player"), VOCABULARY.index("play")]


def test_pairs_get_type_ids_zero_and_one():
    encoding = wordpiece.build(VOCABULARY).encode("play", "film dull")
    assert encoding.tokens == ["[CLS]", "play", "[SEP]", "film", "dull", "[SEP]"]
    assert encoding.type_ids == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("text", ["Déjà   vu: the PLAYER's film!", "a\tplay\nplayed", "dull—dull…", "play [SEP] a", ""])
def test_encoding_agrees_with_the_librarys_own_bert_tokenizer(text):
    theirs = BertWordPieceTokenizer({piece: at for at, piece in enumerate(VOCABULARY)}, lowercase=True)
    assert wordpiece.build(VOCABULARY).encode(text).ids == theirs.encode(text).ids


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wordpiece.train_wordpiece(iter([]), 60), "expected texts to learn from; received none"),
        (lambda: wordpiece.train_wordpiece(TEXTS, 5), "expected vocabulary_size above 5; received 5"),
        (lambda: wordpiece.build([piece for piece in VOCABULARY if piece != "[SEP]"]), r"missing: \[SEP\]$"),
        (lambda: wordpiece.build([*VOCABULARY, "play"]), "received twice: play"),
        (lambda: wordpiece.cut_vocabulary(VOCABULARY, TEXTS, 16), "expected a size of at least 17.*received 16"),
    ],
)
def test_vocabularies_that_cannot_be_made_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_cut_vocabulary_keeps_special_tokens_characters_and_the_most_frequent_in_their_old_order():
    texts = ["dull dull dull", "player dull", "player film"]  # dull 4, player 2, film 1
    size = 5 + 12 + 2
    cut = wordpiece.cut_vocabulary(VOCABULARY, texts, size)
    assert cut == [*VOCABULARY[:17], "player", "dull"]


def test_cut_vocabulary_counts_across_blocks(monkeypatch):
    texts = ["dull dull"] + ["player"] * 3
    whole = wordpiece.cut_vocabulary(VOCABULARY, texts, 18)
    monkeypatch.setattr(wordpiece, "BLOCK", 2)
    assert wordpiece.cut_vocabulary(VOCABULARY, iter(texts), 18) == whole == [*VOCABULARY[:17], "player"]


def test_cut_vocabulary_is_smaller_where_the_texts_use_fewer_pieces():
    assert wordpiece.cut_vocabulary(VOCABULARY, ["film"], 24) == [*VOCABULARY[:17], "film"]


def test_words_that_lost_their_piece_fall_into_smaller_ones():
    cut = wordpiece.cut_vocabulary(VOCABULARY, ["film"], 18)
    assert wordpiece.build(cut).encode("played").tokens[1:-1] == ["p", "##l", "##a", "##y", "##e", "##d"]


@pytest.mark.parametrize("dropped", [None, "tokenizer.json"])
def test_saved_tokenizer_loads_from_either_file(tmp_path, dropped):
    tokenizer = wordpiece.build(VOCABULARY)
    wordpiece.save(tokenizer, tmp_path / "new", max_length=77)
    if dropped:
        (tmp_path / "new" / dropped).unlink()
    loaded = wordpiece.load_tokenizer(tmp_path / "new")
    assert wordpiece.pieces_of(loaded) == VOCABULARY
    assert loaded.encode("Played [MASK] dull").ids == tokenizer.encode("Played [MASK] dull").ids
    assert tokenizer.token_to_id("[MASK]") in loaded.encode("Played [MASK] dull").ids


def test_loading_switches_stored_padding_and_truncation_off(tmp_path):
    tokenizer = wordpiece.build(VOCABULARY)
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(3)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert wordpiece.load_tokenizer(tmp_path).encode("play film").tokens == ["[CLS]", "play", "film", "[SEP]"]


def test_loading_from_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected tokenizer.json or vocab.txt in .*found neither"):
        wordpiece.load_tokenizer(tmp_path)


def test_transformers_reads_the_saved_folder_as_a_lower_casing_bert_tokenizer(tmp_path):
    transformers = pytest.importorskip("transformers")
    wordpiece.save(wordpiece.build(VOCABULARY), tmp_path, max_length=77)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["do_lower_case"] is True
    theirs = transformers.BertTokenizerFast.from_pretrained(tmp_path, local_files_only=True)
    assert theirs("PLAYED film")["input_ids"] == wordpiece.load_tokenizer(tmp_path).encode("played film").ids
    assert (theirs.model_max_length, theirs.mask_token, theirs.pad_token_id) == (77, "[MASK]", 0)


MIXED = [
    *wordpiece.SPECIAL_TOKENS,
    *["play", "##ing", "Play", "deja", "d", "##e", "##j", "##a", "##à", "déjà", "中", "文", "中文", "e", "é", "É", "E"],
    *["\u2028", "x\u0085y", "a\x0bb", "[NEW]", "new", "##tok", "i", "##ı", "fi", "ﬁ", "ss", "ß", "."],
]
SENTENCES = [
    "Playing déjà vu 中文 É!",
    "E\u0301 e\u0301 é",  # the same letters, composed and not
    "\x00play\x07ing a\tb\u2028c\u0085d\u200be",
    "İı ﬁ ß play [SEP] [sep] [MASK] [NEW] newtok Newtok",
    "play[MASK]",
]
ADDED = dict.fromkeys(("lstrip", "rstrip", "special"), False) | {
    "content": "newtok",
    "single_word": True,
    "normalized": True,
}
SETTINGS = {
    "nothing beside": {},
    "cased": {"do_lower_case": False},
    "lower-cased with accents": {"strip_accents": False},
    "cased without accents": {"do_lower_case": False, "strip_accents": True},
    "Chinese words whole": {"tokenize_chinese_chars": False},
    "a longest length": {"model_max_length": 5, "padding_side": "left", "truncation_side": "left"},
    "a special token of its own": {"additional_special_tokens": ["[NEW]"]},
    "an added token": {"added_tokens_decoder": {str(len(MIXED)): ADDED}},
    "an added token that is a piece": {
        "added_tokens_decoder": {str(MIXED.index("[NEW]")): {**ADDED, "content": "[NEW]", "special": True}}
    },
    "flags of the mask": {
        "mask_token": {"__type": "AddedToken", **ADDED, "content": "[MASK]", "lstrip": True, "special": True}
    },
    "basic words asked for": {"do_basic_tokenize": True, "never_split": None},
}


def write_tokenizer(folder, form, settings, **switches):
    """Write a tokenizer as one file or the other, and its settings."""
    folder.mkdir()
    if form == "vocab.txt":
        (folder / "vocab.txt").write_bytes("\n".join([*MIXED, ""]).encode())
    else:
        wordpiece.build(MIXED, **switches).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text('{"model_type": "bert"}')
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("form", ["vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_ids_are_those_of_transformers_whatever_the_settings_say(tmp_path, form, settings):
    transformers = pytest.importorskip("transformers")
    folder = write_tokenizer(tmp_path / "bert", form, settings)
    theirs = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ours = wordpiece.load_tokenizer(folder)
    assert [ours.encode(text).ids for text in SENTENCES] == theirs(SENTENCES)["input_ids"]


def test_the_settings_that_ids_are_compared_under_change_the_ids(tmp_path):
    found = {}
    for at, (name, settings) in enumerate(SETTINGS.items()):
        tokenizer = wordpiece.load_tokenizer(write_tokenizer(tmp_path / str(at), "vocab.txt", settings))
        found[name] = str([tokenizer.encode(text).ids for text in SENTENCES])
    same = ("nothing beside", "a longest length", "basic words asked for")
    assert len({found[name] for name in same}) == 1
    assert len(set(found.values())) == len(SETTINGS) - len(same) + 1 - 1  # the two ways to add [NEW] are one


def test_tokens_that_older_files_name_are_added(tmp_path):
    folder = write_tokenizer(tmp_path / "bert", "tokenizer.json", {"additional_special_tokens": ["[NEW]"]})
    (folder / "special_tokens_map.json").write_text('{"additional_special_tokens": ["play"]}')
    (folder / "added_tokens.json").write_text(json.dumps({"newtok": len(MIXED)}))
    tokens = wordpiece.load_tokenizer(folder).encode("newtok[NEW]xplay").tokens
    assert tokens == ["[CLS]", "newtok", "[NEW]", "[UNK]", "play", "[SEP]"]
    (folder / "added_tokens.json").write_text(json.dumps({"newtok": len(MIXED) + 1}))
    with pytest.raises(ValueError, match=r"expected the added token 'newtok' to have id 36, .* it has 35"):
        wordpiece.load_tokenizer(folder)


def test_switches_of_the_settings_overrule_those_of_tokenizer_json(tmp_path):
    folder = write_tokenizer(tmp_path / "a", "tokenizer.json", {"do_lower_case": False}, lowercase=True)
    assert wordpiece.load_tokenizer(folder).encode("Play É").tokens == ["[CLS]", "Play", "É", "[SEP]"]
    folder = write_tokenizer(tmp_path / "b", "tokenizer.json", {"do_lower_case": True}, lowercase=False)
    assert wordpiece.load_tokenizer(folder).encode("Play É").tokens == ["[CLS]", "play", "e", "[SEP]"]
    folder = write_tokenizer(
        tmp_path / "c", "tokenizer.json", {"tokenizer_class": "PreTrainedTokenizerFast"}, lowercase=False
    )
    assert wordpiece.load_tokenizer(folder).encode("Play É").tokens == ["[CLS]", "Play", "É", "[SEP]"]


@pytest.mark.parametrize("switches", [{"lowercase": False}, {"strip_accents": False}, {"handle_chinese_chars": False}])
def test_unusual_switches_of_tokenizer_json_that_the_settings_do_not_state_are_refused(tmp_path, switches):
    folder = write_tokenizer(tmp_path / "bert", "tokenizer.json", {}, **switches)
    with pytest.raises(ValueError, match=r"expected do_lower_case, strip_accents, .* Write there what is meant"):
        wordpiece.load_tokenizer(folder)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_lines_of_a_vocabulary_end_at_a_line_feed_alone(tmp_path, ending, last):
    (tmp_path / "vocab.txt").write_bytes((ending.join(MIXED) + (ending if last else "")).encode())
    assert wordpiece.pieces_of(wordpiece.load_tokenizer(tmp_path)) == MIXED


REFUSED = {
    "a bare carriage return": ("vocab.txt", b"[PAD]\r[UNK]", r"found a bare \\r\. Save it with"),
    "another encoding": ("vocab.txt", "[PAD]\né".encode("latin-1"), r"expected UTF-8 in .*vocab\.txt"),
    "no tokenizer": ("tokenizer.json", b"{}", r"a tokenizer of the tokenizers library in .*tokenizer\.json"),
    "settings that are no JSON": ("tokenizer_config.json", b"{", r"expected JSON in .*tokenizer_config\.json"),
    "settings that are a list": ("tokenizer_config.json", b"[]", "expected a JSON object in .*; received list"),
    "a switch as text": (
        "tokenizer_config.json",
        b'{"do_lower_case": "false"}',
        "to be true or false .*; received 'fal",
    ),
    "a switch as null": ("tokenizer_config.json", b'{"do_lower_case": null}', "to be true or false .*; received None"),
    "no basic words": ("tokenizer_config.json", b'{"do_basic_tokenize": false}', "no do_basic_tokenize=false and no"),
    "words never split": (
        "tokenizer_config.json",
        b'{"never_split": ["a"]}',
        "no do_basic_tokenize=false and no never",
    ),
    "another class": ("tokenizer_config.json", b'{"tokenizer_class": "RobertaTokenizer"}', "has 'RobertaTokenizer'"),
    "another class in config.json": ("config.json", b'{"tokenizer_class": "BertJapaneseTokenizer"}', "BertJapaneseTok"),
    "another start": ("tokenizer_config.json", b'{"cls_token": "<s>"}', "vocab.txt alone is read with the special tok"),
    "another end, elsewhere": ("special_tokens_map.json", b'{"sep_token": "</s>"}', "vocab.txt alone is read with"),
    "any class": (
        "tokenizer_config.json",
        b'{"tokenizer_class": "PreTrainedTokenizerFast"}',
        "expected tokenizer.json",
    ),
    "added tokens in a list": ("tokenizer_config.json", b'{"added_tokens_decoder": [1]}', "expected added tokens as"),
    "an added token that is a number": ("added_tokens.json", b'{"x": "y"}', "expected added tokens as"),
    "special tokens as a number": ("tokenizer_config.json", b'{"additional_special_tokens": 3}', "to name tokens; rec"),
}


@pytest.mark.parametrize(("name", "content", "told"), REFUSED.values(), ids=REFUSED)
def test_files_that_cannot_be_honoured_are_refused(tmp_path, name, content, told):
    folder = write_tokenizer(tmp_path / "bert", "vocab.txt", {})
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=told):
        wordpiece.load_tokenizer(folder)
