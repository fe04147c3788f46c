"""The grammar of the reviews: articles, plurals, capitals, marks; and word lists that mean what they say."""

import collections
import itertools
import random
import re

import pytest

from tests.utils.reviews.test_reviews import ROWS, tokens
from utils import reviews
from utils.reviews import words as reviews_words
from utils.reviews.grammar import SLOT, Scene, finish, pick, pick_by_rank, plural
from utils.reviews.words import LABELS, SUITS, adjectives, comparative, general, is_kept_for_test, table

KINDS = sorted({kind for domain in table("domains").values() for kind in (*domain["aspects"], domain["kind"][0])})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a awful film", "An awful film"),
        ("an good film", "A good film"),
        ("it is a useful app", "It is a useful app"),
        ("it is a unusable app", "It is an unusable app"),
        ("it is a [unimpressive] app", "It is an unimpressive app"),
        ("it is a user-friendly app", "It is a user-friendly app"),
        ("as a one and an hour", "As a one and an hour"),
        ('a "awful" film. "what?" nobody said.', 'An "awful" film. "What?" Nobody said.'),
        ("we saw a opera at a university", "We saw an opera at a university"),
    ],
)
def test_articles_and_capitals_are_set(before, after):
    assert finish([before])[0] == after


def test_marked_words_are_counted_over_sentences_and_inside_a_longer_mark():
    text, deciding = finish(["it was [fed up]", "or [not].", "[more good] [than] that"])
    assert text == "It was fed up or not. More good than that"
    assert deciding == (2, 3, 5, 6, 7, 8)


@pytest.mark.parametrize("letter", "aeiou")
def test_no_text_has_the_wrong_article_before_a_plain_vowel(letter):
    wrong = re.compile(rf"\b[Aa] (?={letter})(?!(?:one|once|us|uni[^nm]|eu))\w+", re.IGNORECASE)
    assert [match[0] for row in ROWS for match in [wrong.search(row.text)] if match] == []


def test_no_text_has_an_before_a_consonant():
    wrong = re.compile(r"\b[Aa]n (?=[^aeiouAEIOU])(?!(?:hour|honest|heir))\w+")
    assert [match[0] for row in ROWS for match in [wrong.search(row.text)] if match] == []


def test_no_slot_no_mark_and_no_double_space_is_left():
    for row in ROWS:
        assert not re.search(r"[{}\[\]_+]|  | [.,;:!?]|,,|\.\.", row.text), row.text
        assert row.text == row.text.strip()
        assert row.text[0].isupper() or row.text[0] == '"', row.text


def test_every_sentence_begins_with_a_capital():
    for row in ROWS:
        assert not re.search(r"[.!?]\"? [\"(]?[a-z]", row.text), row.text


def test_every_slot_of_every_frame_and_sentence_is_known_to_each_domain():
    sentences = [
        sentence
        for name in ("frames", "neutral", "domains")
        for sentence in strings(table(name))
        if SLOT.search(sentence)
    ]
    assert len(sentences) > 250
    for domain in table("domains").values():
        scene = Scene(random.Random(3), "positive")
        scene.domain, scene.kinds = domain, {0: domain["kind"][0]}
        for slot in {match[1] for sentence in sentences for match in SLOT.finditer(sentence)}:
            assert scene.word(slot)


def strings(value):
    """Yield every string below a table of lists."""
    for below in value.values() if isinstance(value, dict) else value:
        yield from (below,) if isinstance(below, str) else strings(below)


def test_unknown_slot_is_refused_with_its_name_and_place():
    with pytest.raises(ValueError, match=r"received \{colours\}. See data/reviews/frames.toml"):
        Scene(random.Random(0), "positive").fill("it has {colours}")


def test_missing_vocabulary_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(reviews_words, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected the vocabulary in .*verbs\.toml; fetch"):
        table("verbs")


@pytest.mark.parametrize("kind", [*KINDS, "any"])
@pytest.mark.parametrize("strength", ["strong", "gradable", ""])
def test_every_kind_of_noun_has_words_of_both_polarities_for_training_and_for_the_test(kind, strength):
    for label in LABELS:
        known, kept = (set(adjectives(label, kind, strength, unseen)) for unseen in (False, True))
        assert len(known) >= 10
        assert len(kept) >= 3
        assert not known & kept


def test_adjectives_of_a_kind_are_those_of_its_lists():
    lists = table("words")["negative"]
    found = {word for unseen in (False, True) for word in adjectives("negative", "dish", "strong", unseen)}
    assert found == {word for name in SUITS["dish"] for word in lists[name]["strong"]}
    assert "delicious" not in {
        word for unseen in (False, True) for word in adjectives("positive", "people", "", unseen)
    }


@pytest.mark.parametrize("letter", "fvwnm")
def test_general_words_are_there_for_training_and_for_the_test(letter):
    for label in LABELS:
        assert len(general(label, letter, False)) >= 5
        assert len(general(label, letter, True)) >= 1


def test_no_word_is_positive_and_negative():
    polarity = reviews_words.opinion_words()
    assert not polarity["positive"] & polarity["negative"]
    assert min(map(len, polarity.values())) >= 350


def test_no_neutral_word_is_an_opinion():
    opinions = set().union(*reviews_words.opinion_words().values())
    neutral = {
        token
        for name in ("domains", "neutral", "frames")
        for sentence in strings(table(name))
        for token in tokens(SLOT.sub(" ", sentence))
    }
    assert neutral & opinions == set()


def test_every_comparative_belongs_to_a_gradable_adjective():
    words = table("words")
    gradable = {word for label in LABELS for lists in words[label].values() for word in lists["gradable"]}
    assert set(words["comparatives"]) <= gradable
    assert comparative("funny") == "funnier"
    assert comparative("gripping") == "more gripping"


def test_families_are_kept_for_the_test_together_and_are_one_in_five():
    families = collections.defaultdict(set)
    for word in itertools.chain(*reviews_words.opinion_words().values()):
        families[word[:5]].add(is_kept_for_test(word))
    assert all(len(kept) == 1 for kept in families.values())
    assert 0.15 < sum(kept == {True} for kept in families.values()) / len(families) < 0.25


def test_every_aspect_belongs_to_one_kind_in_its_domain_and_no_domain_is_short_of_them():
    for name, domain in table("domains").items():
        nouns = [noun.rstrip("+") for words in domain["aspects"].values() for noun in words]
        assert len(nouns) == len(set(nouns)) >= 8, name


def test_every_thing_has_a_plural_by_the_rule():
    plurals = {thing: plural(thing) for domain in table("domains").values() for thing in domain["things"]}
    assert plurals["gallery"] == "galleries"
    assert plurals["sports centre"] == "sports centres"
    assert all(word.endswith("s") for word in plurals.values())
    assert [thing for thing, word in plurals.items() if word == thing] == ["series"]


def test_common_words_are_drawn_more_often_and_others_alike():
    rng = random.Random(2)
    ranked = collections.Counter(pick_by_rank(rng, range(100)) for _ in range(20_000))
    alike = collections.Counter(pick(rng, range(10)) for _ in range(20_000))
    assert sum(ranked[place] for place in range(10)) / 20_000 == pytest.approx(0.1**0.5, abs=0.02)
    assert set(alike) == set(range(10))
    assert all(count / 20_000 == pytest.approx(0.1, abs=0.01) for count in alike.values())


def test_verb_agrees_with_its_noun():
    nouns = {
        noun.rstrip("+"): noun.endswith("+")
        for domain in table("domains").values()
        for words in domain["aspects"].values()
        for noun in words
    }
    checked = 0
    for row in ROWS:
        for noun, verb in re.findall(r"(?<!about )\b[Tt]he ([a-z]+) (was|were|is|are)\b", row.text):
            if noun in nouns:
                checked += 1
                assert (verb in ("were", "are")) == nouns[noun], row.text
    assert checked > 2000


def test_examples_of_the_phenomena_are_of_the_length_of_reviews():
    assert len({phenomenon.name for phenomenon in reviews.PHENOMENA}) == 10
    assert all(phenomenon.example.endswith(".") for phenomenon in reviews.PHENOMENA)
