"""The grammar of the reviews: a list of tested constructions, and rules that every frame keeps with every noun."""

import collections
import itertools
import random
import re

import pytest

from tests.utils.reviews.test_reviews import ROWS, bare, tokens
from utils import reviews
from utils.reviews import words as reviews_words
from utils.reviews.grammar import (
    SLOT,
    Core,
    Group,
    Part,
    Setting,
    Writer,
    contract,
    expand,
    finish,
    groups,
    parts,
    pick,
)
from utils.reviews.words import LABELS, adjectives, comparative, others, split_words, table

NAMES = tuple(table("frames"))
DOMAINS = table("domains")
SOUP = Part("soup", "food", plural=False, person=False)
CHIPS = Part("chips", "fried", plural=True, person=False)
ADVICE = Part("advice", "lesson", plural=False, person=False)
WAITER = Part("waiter", "person", plural=False, person=True)
STAFF = Part("staff", "person", plural=True, person=False)


def group_of(frame):
    """Return the group that a frame belongs to."""
    return next(group for name in NAMES for group in groups(name) if frame in (*group.train, *group.test))


def writer(frame, group, domain="restaurant", part=SOUP, other=CHIPS, label="positive", turned=False, **choices):
    """Return a writer with a core and a setting that are known in every part."""
    core = Core(random.Random(1), domain, group, unseen=False)
    core.parts = {1: part, 2: other}
    core.words = {1: {"positive": "good", "negative": "bad"}, 2: {"positive": "great", "negative": "awful"}}
    core.feelings = {"positive": "happy", "negative": "unhappy"}
    core.likings = {"positive": "love/loved", "negative": "hate/hated"}
    core.nouns, core.support = ({"positive": p, "negative": n} for p, n in (("joy", "letdown"), ("treat", "failure")))
    core.general = {"positive": "excellent", "negative": "awful"}
    core.forms = {1: choices.pop("form", "adjective"), 2: "adjective"}
    setting = Setting(random.Random(1), domain, group, frame, opening=False, closing=False, support=False)
    setting.people, setting.fills, setting.tails = ["my aunt", "my dad"], ["", ""], ["", ""]
    setting.drawn |= {"strong": "<very> *", "mild": "fairly *", "asides": "the match on TV", "others": "people"}
    setting.drawn |= {"claims": "my dad says he'll pay"}
    setting.fact, setting.fact_first, setting.joiner = ("it rained", "it «didn't» rain"), True, ". "
    setting.alone, setting.contracted, setting.past, setting.thing = True, True, True, choices.pop("thing", "café")
    for name, value in choices.items():
        assert hasattr(setting, name), name
        setattr(setting, name, value)
    return Writer(core, setting, label, turned, swapped=False)


def written(frame, group=None, **choices):
    """Return what a frame becomes."""
    group = group or Group("clause", (frame,))
    return finish(writer(frame, group, **choices).write(group))[0]


@pytest.mark.parametrize(
    ("frame", "choices", "text"),
    [
        # singular, plural, uncountable; past and present; I and we
        ("the {a1} {was1} [{s1}].", {}, "The soup was good."),
        ("the {a1} {was1} [{s1}].", {"past": False}, "The soup is good."),
        ("the {a1} {was1} [{s1}].", {"part": CHIPS}, "The chips were good."),
        ("the {a1} {was1} [{s1}].", {"part": CHIPS, "past": False}, "The chips are good."),
        ("the {a1} {was1} [{s1}].", {"part": ADVICE}, "The advice was good."),
        ("the {a1} {was1} [{s1}].", {"part": STAFF, "past": False}, "The staff are good."),
        ("the {a1} {wasnt1} [{s1}].", {}, "The soup wasn't good."),
        ("the {a1} {wasnt1} [{s1}].", {"contracted": False}, "The soup was not good."),
        ("the {a1} {wasnt1} [{s1}].", {"part": CHIPS, "past": False}, "The chips aren't good."),
        ("the {a1} {werent1} [{s1}].", {"part": CHIPS, "past": False}, "The chips weren't good."),
        ("{S1}.", {"form": "liking"}, "I loved the soup."),
        ("{S1}.", {"form": "liking", "past": False, "alone": False}, "We love the soup."),
        ("{S1}.", {"form": "liking", "label": "negative"}, "I hated the soup."),
        ("{S1}.", {"form": "feeling"}, "I was happy with the soup."),
        ("{S1}.", {"form": "feeling", "alone": False}, "We were happy with the soup."),
        ("{S1}.", {"form": "feeling", "past": False}, "I'm happy with the soup."),
        ("{S1}.", {"form": "feeling", "past": False, "contracted": False}, "I am happy with the soup."),
        ("{S1}.", {"form": "feeling", "past": False, "alone": False}, "We're happy with the soup."),
        ("{S1}.", {"form": "think", "part": CHIPS}, "I thought the chips were good."),
        ("{S1}.", {"form": "think", "past": False}, "I think the soup is good."),
        ("{S1}.", {"form": "find", "past": False, "alone": False}, "We find the soup good."),
        ("{S1}.", {"tails": [", if you ask {me}", ""], "alone": False}, "The soup was good, if you ask us."),
        ("{I} {amnt} [{f1}] with the {a1}.", {"past": False}, "I'm not happy with the soup."),
        ("{I} {amnt} [{f1}] with the {a1}.", {"past": False, "alone": False}, "We aren't happy with the soup."),
        ("{I} {amnt} [{f1}] with the {a1}.", {}, "I wasn't happy with the soup."),
        ("{I} <{dont}> find it.", {"past": False}, "I don't find it."),
        ("{I} <{dont}> find it.", {"contracted": False}, "I did not find it."),
        # one thing, and things that are always several
        ("{this} {are} a [{n}].", {}, "This café was a joy."),
        ("{this} {are} a [{n}].", {"plural": True, "thing": "boots"}, "These boots were a joy."),
        ("{it} {are} {a} [{g}] {thing}.", {"past": False}, "It is an excellent café."),
        ("{it} {are} {a} [{g}] {thing}.", {"plural": True, "thing": "boots"}, "They were excellent boots."),
        ("what {a} [{g}] {thing}!", {}, "What an excellent café!"),
        ("what {a} [{g}] {thing}!", {"plural": True, "thing": "boots"}, "What excellent boots!"),
        ("{a} [{g}] {thing}, all in all.", {"plural": True, "thing": "boots"}, "Excellent boots, all in all."),
        ("a [{n}], from start to finish.", {"label": "negative"}, "A letdown, from start to finish."),
        # pronouns of parts: a person is named again
        (
            "{other} called the {a1} {o1}. {I} thought {it1} {was1} [{s1}].",
            {},
            "My dad called the soup bad. I thought it was good.",
        ),
        (
            "to {other} the {a1} {was1} {o1}, to <{me}> {it1} {was1} [{s1}].",
            {"part": CHIPS},
            "To my dad the chips were bad, to me they were good.",
        ),
        ("{I} find {them1} [{s1}].", {"part": CHIPS}, "I find them good."),
        ("{I} find {them1} [{s1}].", {"part": WAITER}, "I find the waiter good."),
        # facts: negated with a literal opinion, affirmed with one that is turned
        ("opinion", {"turned": True}, "It rained. The soup wasn't bad."),
        ("opinion", {}, "It didn't rain. The soup was good."),
        ("opinion", {"contracted": False, "joiner": " and "}, "It did not rain and the soup was good."),
        ("opinion", {"fact_first": False, "joiner": ", and "}, "The soup was good, and it didn't rain."),
    ],
)
def test_list_of_constructions(frame, choices, text):
    group = None
    if frame == "opinion":
        frame = "the {a1} {wasnt1} [{w1}] | the {a1} {was1} [{w1}]"
        group = Group("adjective", (frame,), fact="literal")
    assert written(frame, group, **choices) == text


@pytest.mark.parametrize(
    ("frame", "positive"),
    [
        ("{O1}, <but> {S2}.", "The soup was bad, but the chips were great."),
        ("{O1}. <But> {S2}.", "The soup was bad. But the chips were great."),
        ("{S2}, <although> {O1}.", "The chips were great, although the soup was bad."),
        ("<even though> {O1}, {S2}.", "Even though the soup was bad, the chips were great."),
        ("<despite> the {o1} {a1}, the {a2} {was2} [{s2}].", "Despite the bad soup, the chips were great."),
        (
            "the {a1} {was1} {mild1} and the {a2} {was2} {strong2}.",
            "The soup was fairly bad and the chips were very great.",
        ),
        (
            "the {a1} {was1} <less> [{w1}] than {inside} {last}."
            " | the {a1} {inside} {last} {were1} <less> [{w1}] than {inside} {this}.",
            "The soup at the last café I tried was less good than at this café.",
        ),
        (
            "{other} said the {a1} {was1} [{w1}]. {I} <disagree>. | {other} said the {a1} {was1} [{w1}]. {I} <agree>.",
            "My dad said the soup was good. I agree.",
        ),
        (
            "the {a1} {was1} [{w1}] (<as if>!). {claim}. | {claim} («as if»!). The {a1} {was1} [{w1}].",
            "My dad says he'll pay (as if!). The soup was good.",
        ),
        (
            "that {aside} was {fill1}{o2} is beside the point. The <{a1}> {was1} {fill2}[{s1}].",
            "That the match on TV was awful is beside the point. The soup was good.",
        ),
    ],
)
def test_sentences_of_the_phenomena_are_what_one_would_write(frame, positive):
    group = group_of(frame)
    assert written(frame, group) == positive


def test_turned_side_of_a_frame_says_the_opposite_word():
    frame = "{other} said the {a1} {was1} [{w1}]. {I} <disagree>. | {other} said the {a1} {was1} [{w1}]. {I} <agree>."
    assert written(frame, group_of(frame), turned=True) == "My dad said the soup was bad. I disagree."
    assert (
        written(frame, group_of(frame), turned=True, label="negative") == "My dad said the soup was good. I disagree."
    )


ALL_FRAMES = [(name, group, frame) for name in NAMES for group in groups(name) for frame in (*group.train, *group.test)]
WRONG = {
    "a verb that does not agree with its noun": re.compile(
        r"\b(I (is|are|were|aren't|weren't)|[Ww]e (is|am|was|isn't|wasn't)|[Tt]hey (is|was|isn't|wasn't)"
        r"|[Ii]t (are|were|aren't|weren't)|(soup|advice|waiter) (are|were|aren't|weren't)"
        r"|(chips|staff) (is|was|isn't|wasn't)|(?<!at )(?<!on )(?<!with )[Tt]hese boots (is|was|isn't|wasn't))\b"
    ),
    "a determiner that does not agree": re.compile(
        r"\b([Tt]hese café|[Tt]his boots|[Aa]n? (excellent |awful )?boots)\b"
    ),
    "the wrong article": re.compile(r"\b([Aa] [aeiou](?!ne\b)|[Aa]n [^aeiou])"),
    "a small i": re.compile(r"\bi\b"),
    "a slot, a mark or a double space": re.compile(r"[{}\[\]<>«»⟨⟩_|+*]|  "),
    "a space before a mark": re.compile(r" [.,;:!?)]|\( "),
    "two marks": re.compile(r"[.,;:][.,;:!?]|[!?][.,;:]"),
    "a small letter after a full stop": re.compile(r"[.!?]\"? [\"(]?[a-z]"),
    "a contraction that is none": re.compile(r"\b(amn't|willn't|cann't|it is (been|got))\b"),
}


@pytest.mark.parametrize(("name", "group", "frame"), ALL_FRAMES, ids=[frame for _, _, frame in ALL_FRAMES])
def test_every_frame_agrees_with_every_kind_of_noun(name, group, frame):
    kinds = ((SOUP, CHIPS), (CHIPS, SOUP), (ADVICE, STAFF), (WAITER, ADVICE), (STAFF, WAITER))
    for pair, alone, past, contracted, plural, turned in itertools.product(kinds, *[(True, False)] * 5):
        choices = {"alone": alone, "past": past, "contracted": contracted, "plural": plural, "turned": turned}
        text = written(frame, group, part=pair[0], other=pair[1], thing="boots" if plural else "café", **choices)
        assert text[0].isupper() or (text[0] == '"' and text[1].isupper()), text
        assert text[-1] in ".!?", text
        assert text.count('"') % 2 == 0, text
        assert text.count("(") == text.count(")"), text
        for what, pattern in WRONG.items():
            assert not pattern.search(text), (what, text)


@pytest.mark.parametrize("what", WRONG)
def test_no_stored_review_breaks_a_rule(what):
    pattern = WRONG[what]
    if what == "the wrong article":
        pattern = re.compile(r"\b([Aa] [aeiou](?!ne\b|ni|se)|[Aa]n [^aeiouh])")
    found = [row.text for row in ROWS if pattern.search(row.text)]
    assert found == []


def test_verb_agrees_with_its_noun_in_every_stored_review():
    plural = {part.noun: part.plural for domain in DOMAINS.values() for part in parts(domain)}
    checked = 0
    for row in ROWS:
        for noun, verb in re.findall(r"\b[Tt]he ([a-z-]+) (was|were|is|are|wasn't|weren't|isn't|aren't)\b", row.text):
            if noun in plural:
                checked += 1
                assert verb.startswith(("were", "are")) == plural[noun], row.text
    assert checked > 5000


def test_no_noun_is_singular_in_one_domain_and_plural_in_another():
    numbers = collections.defaultdict(set)
    for domain in DOMAINS.values():
        for part in parts(domain):
            numbers[part.noun].add((part.plural, part.person))
    assert all(len(each) == 1 for each in numbers.values())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a awful film", "An awful film"),
        ("an good film", "A good film"),
        ("it is a useful app", "It is a useful app"),
        ("it is a [unimpressive] app", "It is an unimpressive app"),
        ("it is a user-friendly app", "It is a user-friendly app"),
        ("as a one and an hour", "As a one and an hour"),
        ('a "awful" film. "what?" nobody said.', 'An "awful" film. "What?" Nobody said.'),
        ("it was dull (<as if>!). my dad paid.", "It was dull (as if!). My dad paid."),
        ("all in all, a ⟨awful⟩ end.", "All in all, an awful end."),
    ],
)
def test_articles_and_capitals_are_set(before, after):
    assert finish(before)[0] == after


def test_marked_words_are_counted_over_sentences_and_inside_a_longer_mark():
    text, deciding, distance = finish("it was [fed up] or <not>. [more good] than that, a ⟨joy⟩.")
    assert text == "It was fed up or not. More good than that, a joy."
    assert (deciding, distance) == ((2, 3, 5, 6, 7, 11), 0)


def test_contractions_and_full_forms():
    assert (
        contract("I am sure we are late. We are, and there is time.") == "I'm sure we're late. We're, and there's time."
    )
    full = expand("<wasn't> «can't» won't don't I'd she'll we're it's that's there's")
    assert full == "was <not> «cannot» will not do not I would she will we are it is that is there is"


def test_unknown_slot_is_refused_with_its_name_and_place():
    with pytest.raises(ValueError, match=r"received \{colours\}. See data/reviews/frames.toml"):
        written("it has {colours}")


def test_missing_vocabulary_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(reviews_words, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected the vocabulary in .*verbs\.toml; fetch"):
        table("verbs")


@pytest.mark.parametrize("name", DOMAINS)
def test_every_part_has_words_of_both_polarities_for_training_and_for_the_test(name):
    for part in parts(DOMAINS[name]):
        for label, gradable, unseen in itertools.product(LABELS, (True, False), (True, False)):
            own, general = adjectives(label, part.kind, gradable, unseen)
            assert len({*own, *general}) >= 2, (part, label, gradable, unseen)


def test_adjectives_of_a_kind_are_those_of_its_lists():
    own, general = adjectives("negative", "baked", gradable=True, unseen=False)
    assert own == ("stale", "dry", "soggy")
    assert "bad" in general
    assert "poor" not in adjectives("negative", "person", gradable=True, unseen=False)[1]
    assert "great" not in adjectives("positive", "story", gradable=True, unseen=False)[1]
    assert "great" in adjectives("positive", "story", gradable=False, unseen=False)[1]


@pytest.mark.parametrize("name", reviews_words.OTHERS)
def test_other_words_are_there_for_training_and_for_the_test(name):
    for label in LABELS:
        known, kept = (set(others(label, name, unseen)) for unseen in (False, True))
        assert len(known) >= 2
        assert len(kept) >= 2
        assert not known & kept


def test_no_word_is_positive_and_negative():
    polarity = reviews_words.opinion_words()
    assert not polarity["positive"] & polarity["negative"]
    assert min(map(len, polarity.values())) >= 180


def test_no_neutral_word_is_an_opinion():
    opinions = set().union(*reviews_words.opinion_words().values())
    neutral = {
        token
        for name in ("domains", "neutral", "frames")
        for sentence in strings(table(name))
        for token in tokens(SLOT.sub(" ", sentence))
    }
    assert neutral & opinions == set()


def strings(value):
    """Yield every string below a table of lists."""
    if isinstance(value, str):
        yield value
    elif not isinstance(value, bool):
        for below in value.values() if isinstance(value, dict) else value:
            yield from strings(below)


def test_every_comparative_belongs_to_a_gradable_adjective():
    lists = table("words")["adjectives"].values()
    gradable = {
        w
        for each in lists
        for name in ("gradable", "unseen")
        for words in each[name].values()
        for w in split_words(words)
    }
    assert set(table("words")["comparatives"]) <= gradable
    assert comparative("silly") == "sillier"
    assert comparative("gripping") == "more gripping"
    for word in gradable:
        short = len(re.findall(r"[aeiouy]+", word.removesuffix("e"))) == 1
        assert not short or comparative(word) != f"more {word}" or word in ("drab", "brittle", "prompt"), word


def test_every_fact_has_a_side_without_and_one_with_a_negator():
    facts = [fact for domain in DOMAINS.values() for fact in domain["facts"]]
    facts += table("neutral")["facts"] + table("neutral")["outings"]
    negator = re.compile(r"«(\{wasnt_i\}|[a-z]+n't|no|nobody|none|neither|never)»")
    assert len(facts) > 60
    for fact in facts:
        affirmed, negated = fact.split(" | ")
        assert "«" not in affirmed
        assert not re.search(r"n't|\b(not|no|never|nobody|none)\b", affirmed), fact
        assert len(negator.findall(negated)) == 1, fact


def test_ten_domains_that_a_reader_knows():
    products = {"phone", "headphones", "shoes", "app"}
    assert set(DOMAINS) == products | {"film", "book", "restaurant", "hotel", "course", "museum"}


def test_items_are_drawn_alike():
    rng = random.Random(2)
    alike = collections.Counter(pick(rng, range(10)) for _ in range(20_000))
    assert set(alike) == set(range(10))
    assert all(count / 20_000 == pytest.approx(0.1, abs=0.01) for count in alike.values())


def test_examples_of_the_phenomena_hold_words_of_the_grammar():
    assert len({phenomenon.name for phenomenon in reviews.PHENOMENA}) == 10
    opinions = set().union(*reviews_words.opinion_words().values())
    for phenomenon in reviews.PHENOMENA:
        assert phenomenon.example.endswith(".")
        assert opinions & {bare(word) for word in phenomenon.example.split()}, phenomenon.example
