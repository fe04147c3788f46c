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


def test_training_on_nothing_is_refused():
    with pytest.raises(ValueError, match="expected texts to learn from; received none"):
        wordpiece.train_wordpiece(iter([]), 60)


def test_training_without_room_is_refused():
    with pytest.raises(ValueError, match="expected vocabulary_size above 5; received 5"):
        wordpiece.train_wordpiece(TEXTS, 5)


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


def test_vocabulary_without_special_tokens_is_refused():
    with pytest.raises(ValueError, match=r"missing: \[SEP\]$"):
        wordpiece.build([piece for piece in VOCABULARY if piece != "[SEP]"])


def test_vocabulary_with_a_piece_twice_is_refused():
    with pytest.raises(ValueError, match="received twice: play"):
        wordpiece.build([*VOCABULARY, "play"])


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


def test_cut_below_the_characters_is_refused():
    with pytest.raises(ValueError, match=r"expected a size of at least 17.*received 16"):
        wordpiece.cut_vocabulary(VOCABULARY, TEXTS, 16)


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
