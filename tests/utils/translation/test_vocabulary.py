"""One vocabulary for both languages: text comes back, what is unknown is known to be so, other files are refused."""

import unicodedata

import pytest
from tokenizers import Tokenizer, models

from tests.utils.translation.small import PAIRS, vocabulary
from utils.translation.vocabulary import Vocabulary


def test_text_comes_back_from_its_ids():
    words = vocabulary()
    for text in [*PAIRS.source, *PAIRS.target]:
        assert words.decode(words.encode(text)) == text
        assert not {0, 1, 2, 3} & set(words.encode(text))


def test_composed_and_decomposed_letters_are_one():
    words = vocabulary()
    assert words.encode(unicodedata.normalize("NFD", "Männer")) == words.encode("Männer")


def test_decoding_ends_at_the_end_and_leaves_special_tokens_out():
    words = vocabulary()
    ids = words.encode("A dog")
    assert words.decode([1, *ids, 0, 2, *ids]) == "A dog"


def test_size_is_kept_to_and_grows_pieces():
    small, large = vocabulary(50), vocabulary(70)
    assert len(small) <= 50 < len(large) <= 70
    assert len(large.encode(PAIRS.source[1])) < len(small.encode(PAIRS.source[1]))


def test_unknown_characters_get_the_unknown_token_and_are_told():
    words = vocabulary()
    assert words.unknown_id in words.encode("A 犬 dog")
    assert words.unknown_characters("A 犬 dog Ж") == {"犬", "Ж"}
    assert words.unknown_characters(PAIRS.target[0]) == set()


def test_written_and_read_again_it_is_the_same(tmp_path):
    words, path = vocabulary(), tmp_path / "vocabulary.json"
    path.write_text(words.to_json(), encoding="utf-8")
    again = Vocabulary.load(path)
    assert again.digest() == words.digest() != vocabulary(50).digest()
    assert again.encode(PAIRS.target[2]) == words.encode(PAIRS.target[2])


@pytest.mark.parametrize("content", ["", "{}", "[1, 2", Tokenizer(models.BPE()).to_str()])
def test_a_file_that_is_no_vocabulary_of_a_training_is_refused_by_name(content, tmp_path):
    path = tmp_path / "vocabulary.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocabulary\.json: expected a vocabulary"):
        Vocabulary.load(path)
