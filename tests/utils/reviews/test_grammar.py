"""The grammar of the reviews: a list of tested constructions, and rules that every frame keeps with every noun."""

import collections
import itertools
import random
import re

import pytest

from tests.utils.reviews.test_reviews import ROWS, tokens
from utils import reviews
from utils.reviews import words as reviews_words
from utils.reviews.grammar import (
    NEED,
    SLOT,
    Core,
    Group,
    Part,
    Setting,
    Writer,
    all_frames,
    expand,
    finish,
    groups,
    parts,
    pick,
)
from utils.reviews.words import ANY, LABELS, bound, comparative, kinds, likings, pairs, table

NAMES = tuple(table("frames"))
DOMAINS = table("domains")
SOUP = Part("soup", "dish", "a ", "it")
EGGS = Part("eggs", "dish", "", "they")
ADVICE = Part("advice", "lesson", "", "it")
WAITER = Part("waiter", "person", "a ", "he")
WAITRESS = Part("waitress", "person", "a ", "she")
STAFF = Part("staff", "person", "", "they")
PUBLIC = ("sound", "case", "design")  # parts of what is worn that other things have too
PAIR = {"positive": "good", "negative": "bad"}
OTHER = {"positive": "great", "negative": "awful"}


def writer(frame, domain="restaurant", part=SOUP, other=EGGS, label="positive", turned=False, **choices):
    """Return a writer with a core and a setting that are known in every part."""
    core = Core(random.Random(1), domain, Group("own"), unseen=False)
    core.parts, core.words = {1: part, 2: other}, {1: PAIR, 2: OTHER}
    core.general, core.liking = {"positive": "excellent", "negative": "awful"}, (("hate", "hated"), ("love", "loved"))
    if choices.pop("same", False):
        core.words[2] = PAIR
    setting = Setting(random.Random(1), domain, opening=False, support=False)
    setting.who, setting.aside, setting.thing, setting.deny = "my dad", "the film", "café", "we «hadn't» booked."
    setting.strong, setting.mild, setting.far = "<very> *", "fairly *", "far"
    setting.contracted, setting.past, setting.closer, setting.plural = True, True, False, False
    for name, value in choices.items():
        assert hasattr(setting, name), name
        setattr(setting, name, value)
    return Writer(core, setting, frame, label, turned)


def written(frame, **choices):
    """Return what a frame becomes."""
    return finish(writer(frame, **choices).write())[0]


@pytest.mark.parametrize(
    ("frame", "choices", "text"),
    [
        # singular, plural, uncountable, persons; past and present
        ("{n1} {be1} [{s1}].", {}, "The soup was good."),
        ("{n1} {be1} [{s1}].", {"past": False}, "The soup is good."),
        ("{n1} {be1} [{s1}].", {"part": EGGS}, "The eggs were good."),
        ("{n1} {be1} [{s1}].", {"part": EGGS, "past": False}, "The eggs are good."),
        ("{n1} {be1} [{s1}].", {"part": ADVICE}, "The advice was good."),
        ("{n1} {be1} [{s1}].", {"part": STAFF, "past": False}, "The staff are good."),
        ("{n1} {was1} [{s1}].", {"part": STAFF, "past": False}, "The staff were good."),
        ("{n1} {nt1} [{s1}].", {}, "The soup wasn't good."),
        ("{n1} {nt1} [{s1}].", {"contracted": False}, "The soup was not good."),
        ("{n1} {nt1} [{s1}].", {"part": EGGS, "past": False}, "The eggs aren't good."),
        ("I {find} {n1} [{s1}].", {"past": False}, "I find the soup good."),
        ("I {find} {n1} [{s1}].", {}, "I found the soup good."),
        ("I <{dont}> think {n1} {be1} [{s1}].", {"past": False}, "I don't think the soup is good."),
        ("I <{dont}> think {n1} {be1} [{s1}].", {"contracted": False}, "I did not think the soup was good."),
        ("I <can't> say I {find} {n1} [{s1}].", {"contracted": False}, "I cannot say I found the soup good."),
        ("why «didn't» anyone tell me {n1} {be1} so [{s1}]?", {"contracted": False}, None),
        ("I [{like}] {n1}.", {}, "I loved the soup."),
        ("I [{like}] {n1}.", {"past": False, "label": "negative"}, "I hate the soup."),
        # articles: "a" for what can be counted, none for the plural and for what cannot
        ("what {a1}[{s1}] {N1}!", {}, "What a good soup!"),
        ("what {a1}[{s1}] {N1}!", {"part": EGGS}, "What good eggs!"),
        ("what {a1}[{s1}] {N1}!", {"part": ADVICE}, "What good advice!"),
        ("what {a1}[{s2}] {N1}!", {"label": "negative"}, "What an awful soup!"),
        ("I expected {a1}[{c1}] {N1}.", {}, "I expected a better soup."),
        ("I expected {a1}[{c1}] {N1}.", {"part": ADVICE, "label": "negative"}, "I expected less good advice."),
        (
            "[{g}] {thing} with {a1}[{s1}] {N1} and {a2}[{s2}] {N2}.",
            {},
            "Excellent café with a good soup and great eggs.",
        ),
        # pronouns
        (
            "I thought {n1} would be {o1}, <but> {it1} {be1} [{s1}].",
            {},
            "I thought the soup would be bad, but it was good.",
        ),
        (
            "I thought {n1} would be {o1}, <but> {it1} {be1} [{s1}].",
            {"part": WAITRESS},
            "I thought the waitress would be bad, but she was good.",
        ),
        ("I'd call {them1} [{s1}].", {"part": WAITER}, "I'd call him good."),
        ("I'd call {them1} [{s1}].", {"part": STAFF}, "I'd call them good."),
        ("as for the {thing} {itself}, ", {"plural": True, "thing": "boots"}, "As for the boots themselves,"),
        # what stands around
        ("{deny} {n1} {be1} [{w1}].", {}, "We hadn't booked. The soup was good."),
        ("{deny} {n1} {be1} [{w1}].", {"contracted": False}, "We had not booked. The soup was good."),
        ("{n1} {be1} [{s1}].", {"opening": "we sat outside."}, "We sat outside. The soup was good."),
        ("{deny} {n1} {be1} [{s1}].", {"opening": "we sat outside."}, "We hadn't booked. The soup was good."),
        (
            "{aside} was {o2}. As for the {kind} {itself}, {n1} {be1} [{s1}].",
            {"opening": "we sat outside."},
            "The film was awful. As for the restaurant itself, the soup was good.",
        ),
        (
            "{n1} {be1} [{s1}].",
            {"supported": True, "support": {"positive": "⟨five stars⟩."}},
            "The soup was good. Five stars.",
        ),
        (
            "{n1} {be1} [{s1}].",
            {"supported": True, "support": {"positive": "{love} {this_thing}."}, "thing": "boots", "plural": True},
            "The soup was good. Loved these boots.",
        ),
        (
            "[{g}] {thing}. {n1} {be1} [{s1}].",
            {"supported": True, "support": {"positive": "{love} {this_thing}."}},
            "Excellent café. The soup was good. Loved it.",
        ),
    ],
)
def test_list_of_constructions(frame, choices, text):
    found = written(frame, **choices).strip()
    assert found == (text or "Why didn't anyone tell me the soup was so good?")


@pytest.mark.parametrize(
    ("frame", "choices", "text"),
    [
        ("{n1} {nt1} [{w1}] at all.", {"turned": True}, "The soup wasn't bad at all."),
        ("<nobody> could call {n1} [{w1}].", {"turned": True, "label": "negative"}, "Nobody could call the soup good."),
        ("I'd be <lying> if I said {n1} {nt1} [{w1}].", {}, "I'd be lying if I said the soup wasn't good."),
        ("{deny} {n1} {nt1} [{w1}].", {"turned": True}, "We hadn't booked. The soup wasn't bad."),
        (
            "{n1} {be1} {o1}, <but> {n2} {be2} [{s2}], and that's what counts.",
            {},
            "The soup was bad, but the eggs were great, and that's what counts.",
        ),
        (
            "@slow @own {n1} seemed {o1} at first <but> turned out to be [{s1}].",
            {"same": True},
            "The soup seemed bad at first but turned out to be good.",
        ),
        (
            "@own <although> I'd expected {n1} to be {o1}, {it1} {be1} [{s1}].",
            {},
            "Although I'd expected the soup to be bad, it was good.",
        ),
        (
            "@thing I'd been told {n1} {was1} {o1}. <In reality>, {it1} {be1} [{s1}].",
            {"label": "negative"},
            "I'd been told the soup was good. In reality, it was bad.",
        ),
        ("{n1} {be1} {mild1}, but {n2} {be2} {strong2}.", {}, "The soup was fairly bad, but the eggs were very great."),
        (
            "{old} had {a1}{far} [{c1}] {N1} <than> {this}.",
            {"turned": True},
            "The last restaurant I tried had a far less good soup than this one.",
        ),
        (
            "{old} had {a1}{far} [{c1}] {N1} <than> {this}.",
            {"turned": True, "label": "negative"},
            "The last restaurant I tried had a far better soup than this one.",
        ),
        (
            "{old} had {a1}{far} [{c1}] {N1} <than> {this}.",
            {"turned": True, "plural": True, "domain": "shoes", "part": EGGS},
            "My old pair had far less good eggs than these.",
        ),
        (
            "{these} {thing} {has} {a1}{far} [{c1}] {N1} <than> {old}.",
            {},
            "This café had a far better soup than the last restaurant I tried.",
        ),
        (
            "{these} {thing} {has} {a1}{far} [{c1}] {N1} <than> most.",
            {"plural": True, "thing": "boots", "past": False},
            "These boots have a far better soup than most.",
        ),
        (
            "<{most}> have {a1}{far} [{c1}] {N1} <than> {this}.",
            {"turned": True, "label": "negative"},
            "Most restaurants have a far better soup than this one.",
        ),
        (
            "compared with {old}, {this} {has} {a1}[{w1}] {N1}.",
            {"past": False},
            "Compared with the last restaurant I tried, this one has a good soup.",
        ),
        (
            "{n1} {be1} {far} [{c1}] <than> {in_old}.",
            {"label": "negative"},
            "The soup was far less good than at the last restaurant I tried.",
        ),
        (
            "compared with {this}, {old} had {a1}[{w1}] {N1}.",
            {"turned": True},
            "Compared with this one, the last restaurant I tried had a bad soup.",
        ),
        (
            "{n1} {nt1} <half as> [{w1}] as I'd {feared}.",
            {"turned": True},
            "The soup wasn't half as bad as I'd feared.",
        ),
        (
            "{n1} {nt1} <half as> [{w1}] as I'd {feared}.",
            {"turned": True, "label": "negative"},
            "The soup wasn't half as good as I'd hoped.",
        ),
        ("{n1} {be1} <just as> [{w1}] as I'd {feared}.", {}, "The soup was just as good as I'd hoped."),
        ("{who} said {n1} {be1} [{w1}]. I <disagree>.", {"turned": True}, "My dad said the soup was bad. I disagree."),
        ("{who} said {n1} {be1} [{w1}]. I <agree>.", {}, "My dad said the soup was good. I agree."),
        (
            "[{w1}] {N1}, they said. <Yeah, right>.",
            {"turned": True, "label": "negative"},
            "Good soup, they said. Yeah, right.",
        ),
        ("[{w1}] {N1}, they said. «Too right».", {}, "Good soup, they said. Too right."),
        (
            "some reviews speak of {a1}[{w1}] {N1}. «And it's true».",
            {},
            "Some reviews speak of a good soup. And it's true.",
        ),
        (
            "what stays in the mind is how [{s1}] {n1} {be1}.",
            {"part": EGGS},
            "What stays in the mind is how good the eggs were.",
        ),
        (
            "I <can't> imagine anyone <not> finding {n1} [{w1}].",
            {},
            "I can't imagine anyone not finding the soup good.",
        ),
        (
            "I «can't» be the only one who <{doesnt}> find {n1} [{w1}].",
            {"turned": True, "label": "negative"},
            "I can't be the only one who didn't find the soup good.",
        ),
        (
            "I'm not reviewing {aside}, which was {o2}. <{n1}> {be1} [{s1}].",
            {},
            "I'm not reviewing the film, which was awful. The soup was good.",
        ),
    ],
)
def test_sentences_of_the_phenomena_are_what_one_would_write(frame, choices, text):
    assert frame in {known for _, _, known, _ in all_frames()}
    assert written(frame, **choices) == text


def test_swapped_parts_change_places_with_their_words():
    swapped = writer("{n1} {be1} {o1}, <but> {n2} {be2} [{s2}].")
    swapped.swapped = True
    assert finish(swapped.write())[0] == "The eggs were awful, but the soup was good."


def test_needs_of_a_frame_are_met_or_it_is_refused():
    assert writer("@thing {n1} {be1} [{s1}].").suits()
    assert not writer("@thing {n1} {be1} [{s1}].", part=WAITER).suits()
    assert not writer("@slow {n1} {be1} [{s1}].").suits()
    assert writer("@slow {n1} {be1} [{s1}].", part=WAITER).suits()
    assert writer("@major {n1} {be1} [{s1}].").suits()
    assert not writer("@major {n1} {be1} [{s1}].", part=Part("bread", "bread", "", "it", weight=0)).suits()
    own = writer("@own {n1} {be1} [{s1}].")
    assert not own.suits()  # "good" suits everything
    own.core.words = {1: {"negative": "bland", "positive": "tasty"}, 2: OTHER}
    assert own.suits()
    own.core.words = {1: {"negative": "disgusting", "positive": "delicious"}, 2: OTHER}
    assert not own.suits()
    assert written("@thing {n1} {be1} [{s1}].") == "The soup was good."


def test_nobody_else_judges_what_the_writer_wears():
    frame = "{who} said {n1} {be1} [{w1}]. I <disagree>."
    assert writer(frame).suits()
    assert not writer(frame, domain="shoes").suits()
    assert writer("{n1} {be1} [{w1}].", domain="shoes").suits()
    worn = "|".join(part.noun for name in ("shoes", "headphones") for part in parts(name) if part.noun not in PUBLIC)
    other = re.compile(rf"\b({'|'.join(table('neutral')['who'])})\b.*\b({worn})\b", re.IGNORECASE)
    for row in ROWS:
        assert not other.search(row.text), row.text


def test_parts_that_are_weighed_are_of_two_kinds_that_weigh_alike():
    weighed = 0
    for group in (group for name in NAMES for group in groups(name) if group.core):
        for seed, name in enumerate(group.domains() * 5):
            core = Core(random.Random(seed), name, group, unseen=False)
            assert min(part.weight for part in core.parts.values()) >= (2 if group.weighs() else 1)
            if group.weighs():
                assert core.parts[1].kind != core.parts[2].kind
                weighed += 1
    assert weighed > 50


def test_nobody_calls_a_thing_good():
    assert not writer("I'd call {n1} [{s1}].").suits()
    other = writer("I'd call {n1} [{s1}].")
    other.core.words = {1: OTHER, 2: OTHER}
    assert other.suits()


# What a reader could not follow, or took for the other label, in an earlier edition.
MISREAD = {
    "another thing, and nothing that says that it is another": re.compile(
        r"^(?!.*\b(than|[Cc]ompared|[Nn]ext to)\b).*\b[Tt]he last \w+ I \w+"
    ),
    "an answer without a subject": re.compile(r"\? Sure (is|are|was|were)\."),
    "a singular verb before a plural": re.compile(r"\b[Ww]hat I remember most is the\b"),
    "a clause that may be of either noun": re.compile(r"\b(it|the (road|canteen|train)), which\b"),
    "a pronoun for what was only expected": re.compile(
        r"\b(expect(ed|ing)?|told to expect) (?!the )[^.,]*\w(, (but no: )?|\. Instead, | but )(it|they)"
        r" (is|are|was|were)\b"
    ),
    "a soft bed, which some like and some do not": re.compile(
        r"\b(bed|mattress|pillows)\b.* soft|\bsoft(er)? (bed|mattress|pillows)\b"
    ),
    "praise or blame, as one takes it": re.compile(
        r"\b(staff|waiter|waitress|receptionist|owner|tutor|teacher|assistants)\b.* unforgettable\b"
        r"|\b(unbreakable|indestructible)\b"
    ),
    "surprise, which cuts both ways": re.compile(r"\bI was surprised\b"),
    "a grave fault toned down": re.compile(r"\bsort of\b|\bpizza (is|was)( \S+)* stale\b|\bstale pizza\b"),
    "a soup weighed against a meal": re.compile(
        r"\bsoup (is|was) (fairly|somewhat|sort of)\b|\b(fairly|somewhat|sort of) [\w-]+, but the soup\b"
    ),
}
WRONG = {
    "a verb that does not agree with its noun": re.compile(
        r"\b(I (is|are|were|aren't|weren't)|[Ww]e (is|am|was|isn't|wasn't)|[Tt]hey (is|was|isn't|wasn't)"
        r"|(?<!if )[Ii]t (are|were|aren't|weren't)|(soup|advice|waiter) (are|were|aren't|weren't)"
        r"|(eggs|staff) (is|was|isn't|wasn't))\b"
    ),
    "a determiner that does not agree": re.compile(r"\b[Aa]n? (\w+ )?(eggs|staff|advice)\b"),
    "the wrong article": re.compile(r"\b([Aa] [aeiou](?!ne\b|se)|[Aa]n [^aeiou])"),
    "a small i": re.compile(r"\bi\b"),
    "a slot, a mark or a double space": re.compile(r"[{}\[\]<>«»⟨⟩_|+*@~]|  "),
    "a space before a mark": re.compile(r" [.,;:!?)]|\( "),
    "two marks": re.compile(r"[.,;:][.,;:!?]|[!?][.,;:]"),
    "a small letter after a full stop": re.compile(r"[.!?]\"? [\"(]?[a-z]"),
    "a contraction that is none": re.compile(r"\b(amn't|willn't|cann't)\b"),
    "a word said twice": re.compile(r"\b(?!really)(\w+),? \1\b", re.IGNORECASE),
}


@pytest.mark.parametrize(
    ("phenomenon", "group", "frame", "turned"), all_frames(), ids=[frame for _, _, frame, _ in all_frames()]
)
def test_every_frame_agrees_with_every_kind_of_noun(phenomenon, group, frame, turned):
    nouns = (SOUP, EGGS, ADVICE, WAITER, STAFF)
    for part, other, past, label in itertools.product(nouns, nouns, (True, False), LABELS):
        if part.noun != other.noun:
            text = written(frame, part=part, other=other, past=past, label=label, turned=turned, same=group.same)
            for what, pattern in WRONG.items():
                assert not pattern.search(text), (what, phenomenon, text)
            assert text[0].isupper() or text[0] == '"'
            assert text[-1] in ".!?)"


@pytest.mark.parametrize("what", WRONG)
def test_no_stored_review_breaks_a_rule(what):
    for row in ROWS:
        assert not WRONG[what].search(row.text), row.text


@pytest.mark.parametrize("what", MISREAD)
def test_no_stored_review_can_be_misread_as_earlier_ones_were(what):
    for row in ROWS:
        assert not MISREAD[what].search(row.text), row.text


def test_a_side_matter_is_one_noun_so_that_which_can_mean_no_other():
    for domain in DOMAINS.values():
        assert len(domain["asides"]) >= 3
        for aside in domain["asides"]:
            assert not re.search(r"\b(in|on|at|of|across|where|with|to)\b", aside), aside


def test_verb_agrees_with_its_noun_in_every_stored_review():
    known = {part.noun: part for name in DOMAINS for part in parts(name)}
    verb = re.compile(
        rf"\b[Tt]he ({'|'.join(sorted(known, key=len, reverse=True))}) (is|are|was|were|isn't|aren't|wasn't|weren't)\b"
    )
    checked = 0
    for row in ROWS:
        for noun, found in verb.findall(row.text):
            assert found.removesuffix("n't") in (("is", "was"), ("are", "were"))[known[noun].plural], row.text
            checked += 1
    assert checked > 5000


def test_a_noun_is_the_same_in_each_domain():
    known = collections.defaultdict(set)
    for name in DOMAINS:
        for part in parts(name):
            known[part.noun].add((part.article, part.pronoun))
    assert all(len(forms) == 1 for forms in known.values()), known


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a [awful] soup.", "An awful soup."),
        ("a <[honest]> waiter.", "An honest waiter."),
        ("a useful tour. an [unclear] label.", "A useful tour. An unclear label."),
        ('"[good] soup", says my dad. i left.', '"Good soup", says my dad. I left.'),
        ("it ended. (the film was bad.)", "It ended. (The film was bad.)"),
    ],
)
def test_articles_and_capitals_are_set(before, after):
    assert finish(before)[0] == after


def test_marked_words_are_counted_over_sentences_and_inside_a_longer_mark():
    text, deciding, distance = finish("the soup was <far from> [hot]. we «did not» book.")
    assert (text, deciding, distance) == ("The soup was far from hot. We did not book.", (3, 4, 5), 0)
    assert finish("we «hadn't» booked. the soup was [hot].")[1:] == ((6,), 4)


def test_full_forms_stand_after_their_subject_only():
    assert expand("the soup <isn't> hot.") == "the soup is <not> hot."
    assert expand("I <wouldn't> say so. I «can't» say why.") == "I would <not> say so. I «cannot» say why."
    assert expand("«didn't» book. why «didn't» we?") == "«didn't» book. why «didn't» we?"


def test_unknown_slot_is_refused_with_its_name_and_place():
    with pytest.raises(ValueError, match=r"knows; received \{colour\}. See data/reviews/frames.toml"):
        written("{n1} {be1} {colour}.")


def test_missing_vocabulary_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(reviews_words, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected the vocabulary in .*none.toml"):
        table("none")


@pytest.mark.parametrize("name", DOMAINS)
def test_every_part_has_words_of_its_own_for_training_and_for_the_test(name):
    own = {part.kind for part in parts(name)}
    assert len(own) >= 2  # two parts that need not be judged by the same words
    for kind in own:
        assert len(pairs(kind, "mild")) >= 3
        assert len(pairs(kind, "unseen")) >= 2
        assert len(pairs(kind, "strong")) >= 3
        assert all(len(words) >= 2 for words in bound(kind).values()), kind


def test_no_word_is_positive_and_negative():
    found = reviews_words.opinion_words()
    assert not found["positive"] & found["negative"]


def test_no_neutral_word_is_an_opinion():
    opinions = set().union(*reviews_words.opinion_words().values())
    neutral = table("neutral")
    texts = [*neutral["who"]]
    for domain in DOMAINS.values():
        texts += [*domain["facts"], *domain["asides"], domain["things"], domain["in_most"]]
    for text in texts:
        assert not opinions & set(tokens(text)), text
    for _, _, frame, _ in all_frames():
        said = set(tokens(SLOT.sub("", NEED.sub("", frame))))
        assert not (opinions & said), frame


def test_every_comparative_belongs_to_a_gradable_adjective():
    gradable = {good for kind in kinds() for name in ("mild", "unseen") for _, good in pairs(kind, name)}
    assert set(table("words")["comparatives"]) <= gradable
    assert comparative("clean") == "cleaner"
    assert comparative("gripping") == "more gripping"
    long = ("washed-out", "chic", "brittle", "cramped", "dire", "meagre", "first-rate", "subtle", "stable")
    for word in gradable - {*long}:
        if len(re.findall(r"[aeiouy]+", word.removesuffix("e"))) == 1:
            assert not comparative(word).startswith("more"), word


def test_every_fact_has_a_side_without_and_one_with_a_negator():
    negator = re.compile(r"«(\w+n't|[Nn]ever)»")
    for domain in DOMAINS.values():
        assert len(domain["facts"]) >= 6
        for fact in domain["facts"]:
            affirmed, denied = fact.split(" | ")
            assert not re.search(r"n't|never|\bno\b|\bnot\b", affirmed), fact
            assert len(negator.findall(denied)) == 1, fact
            assert affirmed.endswith(".")
            assert denied.endswith(".")


def test_ten_domains_that_a_reader_knows():
    assert list(DOMAINS) == [
        "film", "book", "restaurant", "hotel", "phone", "headphones", "shoes", "course", "museum", "app",
    ]  # fmt: skip


def test_items_are_drawn_alike():
    rng = random.Random(3)
    counts = collections.Counter(pick(rng, "abcde") for _ in range(5000))
    assert min(counts.values()) > 900
    assert sorted(counts) == list("abcde")


def test_groups_have_frames_of_both_kinds_or_of_one():
    for name in NAMES:
        for group in groups(name):
            assert bool(group.both) != bool(group.turned and group.literal), name
            for turned in (True, False):
                assert group.frames(turned), name
                assert group.frames(turned, structure=True), name


def test_pairs_are_read_as_negative_and_positive():
    assert ("dirty", "clean") in pairs("room", "mild")
    assert ("bad", "good") in pairs(ANY, "mild")
    assert bound("room")["positive"][0] == "spotless"
    assert likings(unseen=True) == ((("loathe", "loathed"), ("adore", "adored")),)


def test_examples_of_the_phenomena_hold_words_of_the_grammar():
    opinions = set().union(*reviews_words.opinion_words().values())
    for phenomenon in reviews.PHENOMENA:
        assert opinions & set(tokens(phenomenon.example)), phenomenon.example
