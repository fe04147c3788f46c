"""Wrong answers to the exercises of chapter 6 that are right on short pieces, or where no token is drawn twice."""

import numpy as np
import pytest

from tests.support.pretrained_solutions import cut_word
from utils.exercises import check


def cut_with_pieces_of_at_most(most, word, pieces):
    """Cut as the book does, but try longer pieces only where they are the whole word."""
    kept = [piece for piece in pieces if piece == word or len(piece.removeprefix("##")) <= most]
    return cut_word(word, kept)


@pytest.mark.parametrize("most", range(1, 20))
def test_a_cutter_that_tries_no_long_pieces_fails(most):
    assert not check("pretrained-cut-word", lambda word, pieces: cut_with_pieces_of_at_most(most, word, pieces))


def test_a_cutter_that_takes_long_pieces_first_and_short_ones_behind_fails():
    def answer(word, pieces):
        return cut_word(word, [piece for piece in pieces if not piece.startswith("##") or len(piece) <= 6])

    assert not check("pretrained-cut-word", answer)


def test_a_cutter_whose_pieces_never_reach_the_end_but_as_one_letter_or_the_whole_word_fails():
    def answer(word, pieces):
        ends = {"##" + word[start:] for start in range(1, len(word) - 1)}
        inside = {"##" + word[start:end] for start in range(len(word)) for end in range(start + 1, len(word))}
        return cut_word(word, [piece for piece in pieces if piece not in ends or piece in inside])

    assert not check("pretrained-cut-word", answer)


@pytest.mark.parametrize("most", [14, 24, 40, 59])
def test_a_cutter_with_a_limit_fails(most):
    def shorter(word, pieces):
        return cut_word(word, [piece for piece in pieces if len(piece.removeprefix("##")) <= most])

    assert not check("pretrained-cut-word", shorter)
    assert not check(
        "pretrained-cut-word", lambda word, pieces: cut_word(word, pieces) if len(word) <= most else "[UNK]"
    )


@pytest.mark.parametrize("most", [700, 1000, 5000, 8000])
def test_a_loss_with_a_limit_fails(most):
    def answer(logits, ids, hidden):
        scores = logits - logits.max(axis=-1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
        return np.minimum(-log_p[np.arange(len(ids)), ids], most)[hidden].mean()

    assert not check("pretrained-hidden-loss", answer)


def test_a_token_that_is_replaced_by_itself_counts():
    def hide_tokens(ids, chosen, way, others):
        masked, replaced = chosen & (way < 0.8), chosen & (way >= 0.8) & (way < 0.9)
        read = np.where(masked, 4, np.where(replaced, others, ids))
        return read, np.where((read != ids) | (chosen & (way >= 0.9)), ids, 0)

    verdict = check("pretrained-bug-hiding", (7, hide_tokens))
    assert not verdict
    assert "the drawn one happens to be the same" in verdict.message
