"""Twins of sentences: the same words with a *not* put in or taken out, so that a teacher's two answers differ by it.

Rules for the commonest forms of English, no parser: a twin may read oddly, but what it differs by is a negation.
"""

import re

NEGATED = re.compile(
    r"\b(is|are|was|were|am|has|have|had|can|could|will|would|should|must|may|might|do|does|did) not\b"
)
CONTRACTED = re.compile(r"\b(ca|wo|is|are|was|were|has|have|had|could|would|should|must|do|does|did)n['’]t\b", re.I)
IRREGULAR = {"ca": "can", "wo": "will"}
CANNOT = re.compile(r"\b([Cc]an)not\b")
NEVER = re.compile(r"\bnever ")
AUXILIARY = re.compile(
    r"(?<=\w )(is|are|was|were|am|can|could|will|would|should|must|(?:has|have|had)(?= been | \w+ed ))\b"
    r"(?! (?:not|never|no|nothing|hardly|rather)\b)"
)
SHORT = re.compile(r"\b((?:it|that|there|he|she|this|what)['’]s)(?= \w)(?! (?:not|never|no|nothing)\b)", re.I)
PRESENT = "love|like|enjoy|recommend|think|believe|know|want|care|understand|find|feel|remember|see|expect|hope"
PAST = {f"{verb}d": verb for verb in ("love", "like", "believe", "care", "hope")}
PAST |= {f"{verb}ed": verb for verb in ("enjoy", "recommend", "want", "remember", "expect")}
PAST |= {"thought": "think", "knew": "know", "found": "find", "felt": "feel", "saw": "see", "understood": "understand"}
VERB = re.compile(rf"\b(I|we|they|you|We|They|You) ({PRESENT}|{'|'.join(PAST)})\b")
ANY_NEGATION = re.compile(r"\b(?:no|not|none|nothing|nobody|never|neither|nor|without|hardly)\b|n['’]t\b", re.I)


def twin(sentence: str, contract: bool = False) -> str | None:
    """Return a sentence with its first *not* or *never* taken out, or with a *not* put in if it holds no negation.

    Args:
        sentence: as it stands in a text.
        contract: whether to write "wasn't" where it can stand for "was not".

    Returns:
        The twin, or None if no rule applies: then a negation of another kind is there, or no verb that the rules know.

    Example:
        >>> twin("The plot was thin, and I liked that."), twin("I don't think it is bad."), twin("Nobody laughed.")
        ('The plot was not thin, and I liked that.', 'I do think it is bad.', None)
    """
    taken_out = (
        (NEGATED, r"\1"),
        (CONTRACTED, lambda match: IRREGULAR.get(match[1].lower(), match[1])),
        (CANNOT, r"\1"),
        (NEVER, ""),
    )
    for pattern, replacement in taken_out:
        changed, count = pattern.subn(replacement, sentence, count=1)
        if count:
            return changed
    if ANY_NEGATION.search(sentence):
        return None
    put_in = (
        (SHORT, r"\1 not"),
        (VERB, lambda match: _deny(match, contract)),
        (AUXILIARY, lambda match: _negate(match[1], contract)),
    )
    found = [(match.start(), pattern, write) for pattern, write in put_in if (match := pattern.search(sentence))]
    if not found:
        return None
    _, pattern, write = min(found, key=lambda each: each[0])
    return pattern.sub(write, sentence, count=1)


def _negate(auxiliary: str, contract: bool) -> str:
    """Return an auxiliary with its *not*."""
    if auxiliary == "can":
        return "can't" if contract else "cannot"
    if not contract or auxiliary == "am":
        return f"{auxiliary} not"
    return "won't" if auxiliary == "will" else f"{auxiliary}n't"


def _deny(match: re.Match[str], contract: bool) -> str:
    """Return subject and verb with a form of *do* and the *not*."""
    subject, verb = match.groups()
    auxiliary = "did" if verb in PAST else "do"
    return f"{subject} {_negate(auxiliary, contract)} {PAST.get(verb, verb)}"
