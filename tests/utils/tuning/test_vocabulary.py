"""A longer vocabulary: old ids and rows bit for bit, new rows the mean of their pieces."""

import numpy as np
import pytest
from keras import ops
from tokenizers import Tokenizer, models

from tests.support.tuning_toys import IDS, PIECES, new_encoder, outputs, tokenizer
from utils import wordpiece
from utils.tuning.lora import enable_lora
from utils.tuning.vocabulary import check_vocabulary_fits, extend_vocabulary, resize_embedding

SIZE = len(PIECES)


def test_old_texts_keep_their_ids_and_new_words_follow_the_last():
    old = tokenizer()
    new = extend_vocabulary(old, ["tokamak", "gustav"])
    assert new.encode("Ada sees tokamak.").ids == [2, 5, 14, SIZE, PIECES.index("."), 3]
    assert new.encode("gustav").ids == [2, SIZE + 1, 3]
    assert old.encode("tokamak").ids == [2, *map(PIECES.index, ["to", "##ka", "##mak"]), 3]  # the old one is as it was
    rng, words = np.random.default_rng(0), ["ada", "Ben", "un", "to", "toka", "unka", "x", "[SEP]", ".", "gus"]
    for _ in range(50):
        text = " ".join(rng.choice(words, rng.integers(1, 9)))
        assert new.encode(text).ids == old.encode(text).ids


def test_old_rows_and_all_other_weights_are_the_same_bit_for_bit_and_new_rows_are_means():
    old, encoder = tokenizer(), new_encoder()
    new = extend_vocabulary(old, ["tokamak", "unto"])
    longer = resize_embedding(encoder, old, new)
    table = ops.convert_to_numpy(encoder.embedding.table)
    resized = ops.convert_to_numpy(longer.embedding.table)
    assert resized.shape == (SIZE + 2, table.shape[1])
    assert longer.config.vocabulary_size == SIZE + 2
    np.testing.assert_array_equal(resized[:SIZE], table)
    pieces = [PIECES.index(piece) for piece in ("to", "##ka", "##mak")]
    np.testing.assert_allclose(resized[SIZE], table[pieces].sum(0) / 3, rtol=1e-6)
    np.testing.assert_allclose(  # "unto" fell into "un" and an unknown rest: [UNK] as a whole
        resized[SIZE + 1], table[PIECES.index("[UNK]")], rtol=1e-6
    )
    for one, other in zip(encoder.weights, longer.weights, strict=True):
        if one is not encoder.embedding.table:
            np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other), err_msg=one.path)
    np.testing.assert_array_equal(outputs(longer), outputs(encoder))


def test_a_table_with_rows_to_spare_is_filled_before_it_grows():
    old, encoder = tokenizer(), new_encoder(vocabulary_size=SIZE + 3)
    table = ops.convert_to_numpy(encoder.embedding.table)
    longer = resize_embedding(encoder, old, extend_vocabulary(old, ["toka"]))
    resized = ops.convert_to_numpy(longer.embedding.table)
    assert resized.shape == table.shape
    pieces = [PIECES.index(piece) for piece in ("to", "##ka")]
    np.testing.assert_allclose(resized[SIZE], table[pieces].mean(0), rtol=1e-6)
    others = [at for at in range(SIZE + 3) if at != SIZE]
    np.testing.assert_array_equal(resized[others], table[others])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ada"], "'ada' is known already"),
        (["[CLS]"], "is known already"),
        (["new", "new"], "'new' is known already"),
        (["Tokamak"], "it reads 'Tokamak' as .*'to', '##ka', '##mak'.*in lower case"),
        (["micro-plastic"], "it reads 'micro-plastic' as"),
        (["two words"], "it reads 'two words' as"),
        (["##ing"], "it reads '##ing' as"),
        (["naïve"], "it reads 'naïve' as"),
        ([""], "it reads '' as"),
        ("tokamak", "a list of words; received one string"),
    ],
)
def test_a_word_that_would_never_be_found_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        extend_vocabulary(tokenizer(), words)


def test_a_word_of_more_letters_than_the_tokenizer_reads_is_found_all_the_same():
    word = "a" * 140
    assert extend_vocabulary(tokenizer(), [word]).encode(word).tokens == ["[CLS]", word, "[SEP]"]


def test_another_kind_of_tokenizer_is_refused():
    with pytest.raises(ValueError, match="of the WordPiece kind; received WordLevel"):
        extend_vocabulary(Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")), ["new"])


def test_a_vocabulary_that_does_not_fit_the_table_is_refused():
    old, encoder = tokenizer(), new_encoder()
    new = extend_vocabulary(old, ["tokamak"])
    check_vocabulary_fits(old, encoder)
    with pytest.raises(ValueError, match=f"below {SIZE}.*'tokamak' the id {SIZE}.*resize_embedding"):
        check_vocabulary_fits(new, encoder)
    with pytest.raises(ValueError, match="resize_embedding"):
        resize_embedding(encoder, new, new)
    shuffled = wordpiece.build([*PIECES[:5], *reversed(PIECES[5:])])
    with pytest.raises(ValueError, match="keep every id of the old one; 'ada' had the id 5 and has"):
        resize_embedding(encoder, old, shuffled)
    with pytest.raises(ValueError, match=r"keep every id of the old one; .* has None"):
        resize_embedding(encoder, old, wordpiece.build(PIECES[:-1]))
    enable_lora(encoder, rank=2)
    with pytest.raises(ValueError, match=r"without adapters.*Call merge_lora first"):
        resize_embedding(encoder, old, new)


def test_a_tokenizer_that_means_another_id_by_padding_is_refused():
    moved = wordpiece.build([PIECES[5], *PIECES[:5], *PIECES[6:]])
    with pytest.raises(ValueError, match=r"\[PAD\] to have the id 0, .* gives it 1, and 'ada' would be hidden"):
        check_vocabulary_fits(moved, new_encoder())


def test_ids_of_the_plain_tokenizer_still_fit_what_the_resized_encoder_reads():
    old, encoder = tokenizer(), new_encoder()
    longer = resize_embedding(encoder, old, old)
    np.testing.assert_array_equal(outputs(longer, IDS), outputs(encoder, IDS))
