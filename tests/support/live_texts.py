"""Texts that a tokenizer may stumble over: all planes of Unicode, emoji, Chinese, accents, controls, long words."""

import numpy as np

PIECES = (
    *("👍🏽", "👩‍👩‍👧", "🏳️‍🌈", "🇫🇷", "😀", "❤️", "1️⃣", "電影很好看", "映画", "영화", "ﷺ", "ﬁlm", "Ⅷ", "½", "№", "™"),
    *(
        "crème",
        "brûlée",
        "naïve",
        "ÅNGSTRÖM",
        "Straße",
        "İstanbul",
        "ΣΊΣΥΦΟΣ",
        "e\u0301\u0323",
        "a\u0308b",
        "Tiếng Việt",
    ),
    *("\u0000", "\u0007", "\u000b", "\u000c", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u200d", "\u202e", "\u2028"),
    *(
        "\u3000",
        "\ufeff",
        "\ufffd",
        "\ue000",
        "\u0378",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[cls]",
        "[MASK",
        "[[PAD]]",
        "[UNK]",
    ),
    *(
        "don't",
        "well-made",
        "...",
        "!?",
        "¿qué?",
        "«bon»",
        "“so”",
        "—",
        "$9.99",
        "a_b",
        "x@y.z",
        "http://a.b/c?d=e",
        "#1",
    ),
    *("a" * 99, "a" * 100, "a" * 101, "ab" * 300, "é" * 100, "é" * 101, "superbly" * 9, "##ing", "##", "un" * 60),
)
PLANES = (
    *((0x20, 0x250), (0x250, 0x3000), (0x3000, 0xD800), (0xE000, 0x10000)),  # surrogates are no characters
    *((0x10000, 0x20000), (0x20000, 0x110000)),
)


def awkward_texts(count, seed):
    """Return texts made of such pieces, of random characters, of words, and of spaces of all kinds."""
    draws = np.random.default_rng(seed)
    words = ["the", "room", "was", "clean", "nobody", "could", "call", "it", "unputdownable", "Great", "SERVICE"]
    spaces = ["", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "."]
    return [
        "".join(one_of(draws, words) + spaces[draws.integers(len(spaces))] for _ in range(draws.integers(1, 14)))
        for _ in range(count)
    ]


def one_of(draws, words):
    """Return a word, an awkward piece, or up to eight random characters of any plane."""
    kind = draws.integers(0, 3)
    if kind == 0:
        return words[draws.integers(len(words))]
    if kind == 1:
        return PIECES[draws.integers(len(PIECES))]
    start, end = PLANES[draws.integers(len(PLANES))]
    return "".join(map(chr, draws.integers(start, end, draws.integers(1, 9))))
