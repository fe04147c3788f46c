"""A corpus of our own and a translator small enough to train in a second."""

from utils.translation.fitting import Fitting, Settings
from utils.translation.pairs import Pairs
from utils.translation.translator import Translator
from utils.translation.vocabulary import Vocabulary

WHO = {"A dog": "Ein Hund", "The old woman": "Die alte Frau", "Two men": "Zwei Männer", "A child": "Ein Kind"}
DOES = {"sleeps": "schläft", "plays in the grass": "spielt im Gras", "reads": "liest", "runs": "läuft"}
PAIRS = Pairs(
    [f"{who} {does}." for who in WHO for does in DOES],
    [f"{wer} {tut}." for wer in WHO.values() for tut in DOES.values()],
)
SMALL = Settings(
    vocabulary_size=70,
    d_model=8,
    num_layers=1,
    num_heads=2,
    intermediate_dim=16,
    batch_tokens=128,
    peak=0.01,
    warmup_steps=4,
)


class EagerFitting(Fitting):
    """A training whose steps are not compiled, since a few steps of so small a model cost less than compiling one."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.model.run_eagerly = True

    def _trace(self):
        pass


def vocabulary(size=70):
    """Return the vocabulary of the corpus."""
    return Vocabulary.train([*PAIRS.source, *PAIRS.target], size)


def translator(size=70):
    """Return a translator that has learnt nothing."""
    words = vocabulary(size)
    return Translator(SMALL.model(words), words)
