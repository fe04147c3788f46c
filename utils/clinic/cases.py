"""The cases of the clinic: a mistake, its sound version, and the property that tells them apart.

On the inputs here, whose sizes are equal where that hides a mistake, a case passes a test of shapes and fails its
property; the sound version passes both. `tests/utils/clinic` tries all.
Reports are cited as `owner/repository#number`; articles and books by their key in the bibliography.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.clinic import attentions, blocks, heads, models
from utils.clinic.properties import BY_NAME, draw_inputs, draw_texts, largest

Measure = Callable[[Callable[..., Any]], float]
_FIVE = draw_inputs()  # five queries, five keys, keys as wide as values: where mistakes have the right shape
_RNG = np.random.default_rng(5)
_TEXTS = draw_texts()
_KERNELS = [_RNG.normal(size=(12, 3, 4)) / np.sqrt(12) for _ in range(3)] + [_RNG.normal(size=(3, 4, 12)) / 3.5]
_TABLE = _RNG.normal(size=(9, 12))
_LABELS = np.array([[2, 0, 1, 1, 0], [1, 2, 0, 0, 0]])
_WORDS = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]], dtype=bool)
_LOGITS = _RNG.normal(size=(2, 5, 3))


@dataclass(frozen=True)
class Case:
    """A mistake, as the clinic keeps it.

    Attributes:
        id: name, as in `examine`'s report and in the chapter.
        title: what is wrong, in a few words.
        sick: the function with the mistake.
        sound: the one without.
        property: what the sound one does and the sick one does not, in a few words.
        shape: from a function to the shape of what it returns.
        measure: from a function to a number that should be 0, or with `moves` should not be.
        moves: see there.
        mend: what to write instead.
        reports: where it was published or asked about; none where an article said it, or its words led to it.
    """

    id: str
    title: str
    sick: Callable[..., Any]
    sound: Callable[..., Any]
    property: str
    shape: Callable[[Callable[..., Any]], tuple[int, ...]]
    measure: Measure
    mend: str
    reports: tuple[str, ...]
    moves: bool = False

    def holds(self, function: Callable[..., Any]) -> bool:
        """Whether the property of this case holds of a function; a number below 1e-6 counts as 0."""
        number = self.measure(function)
        return number > 1e-3 if self.moves else number < 1e-6


def find_case(name: str) -> Case:
    """Return the case of this id.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if name not in CASES:
        raise ValueError(f"expected the id of a case, one of {', '.join(CASES)}; received {name!r}")
    return CASES[name]


def _attention(
    name: str, title: str, sick: Callable[..., Any], property_name: str, mend: str, *reports: str, moves: bool = False
) -> Case:
    """Make a case of attention, tested by a property of the kit in float64."""
    exact = _FIVE._replace(**{part: getattr(_FIVE, part).astype("float64") for part in ("query", "key", "value")})
    of = BY_NAME[property_name]
    return Case(
        id=name,
        title=title,
        sick=sick,
        sound=attentions.plain_attention,
        property=of.says,
        shape=lambda attend: attend(*exact[:3]).shape,
        measure=lambda attend: of.measure(attend, exact),
        mend=mend,
        reports=reports,
        moves=of.moves,
    )


def _heads(name: str, title: str, sick: Callable[..., Any], says: str, measure: Measure, mend: str, *reports: str):
    return Case(
        name,
        title,
        sick,
        heads.plain_heads,
        says,
        lambda layer: layer(_TEXTS, _KERNELS).shape,
        measure,
        mend,
        reports,
    )


def _shuffled_rows(layer: Callable[..., Any]) -> float:
    order = np.array([3, 0, 4, 1, 2])
    return largest(layer(_TEXTS[:, order], _KERNELS) - layer(_TEXTS, _KERNELS)[:, order])


def _zeros_beside(layer: Callable[..., Any]) -> float:
    wide = np.concatenate([_TEXTS, np.zeros_like(_TEXTS)], axis=-1)
    taller = [np.concatenate([kernel, kernel]) for kernel in _KERNELS[:3]]
    return largest(layer(wide, [*taller, _KERNELS[3]]) - layer(_TEXTS, _KERNELS))


def _values_turned(layer: Callable[..., Any]) -> float:
    w_q, w_k, w_v, w_o = _KERNELS
    return largest(layer(_TEXTS, [w_q, w_k, -w_v, w_o]) + layer(_TEXTS, _KERNELS))


def _nothing_added(join: Callable[..., Any]) -> float:
    return largest(join(_TEXTS, np.zeros_like) - _TEXTS)


def _mean_square(norm: Callable[..., Any]) -> float:
    return largest(np.square(norm(_TEXTS, 0.0)).mean(axis=-1) - 1)


def _neighbours(norm: Callable[..., Any]) -> float:
    other = _TEXTS.copy()
    other[:, -1] += 1
    return largest((norm(other) - norm(_TEXTS))[:, :-1])


def _sees_itself(rows: Callable[..., Any]) -> float:
    """Return the least move of a row when its own token is changed, or 0 if a row notices a later one."""
    text, least = _TEXTS[0].astype("float64"), np.inf
    for place in range(len(text)):
        other = text.copy()
        other[place] += 1
        moved = np.abs(rows(other) - rows(text)).max(axis=-1)
        least = np.minimum(least, moved[place]) if (moved[:place] < 1e-9).all() else 0.0
    return float(least)


def _dropped(drop: Callable[..., Any]) -> float:
    """Return by how much two calls differ, or ones from what comes back: a fixed seed drops the same in each call."""
    return max(largest(drop(_TEXTS) - drop(_TEXTS)), largest(drop(np.ones_like(_TEXTS)) - 1))


def _places_told(add: Callable[..., Any]) -> float:
    same = np.broadcast_to(_TEXTS[:, :1], _TEXTS.shape)
    rows = add(same, _TABLE)
    return float(min(np.abs(rows[:, a] - rows[:, b]).max() for a in range(5) for b in range(a)))


def _off_the_line(embed: Callable[..., Any]) -> float:
    """Return how far the vector of id 2 is from halfway between those of ids 1 and 3."""
    one, two, three = embed(np.array([[1, 2, 3]]), _TABLE)[0]
    return largest(two - (one + three) / 2)


def _longer_padding(read: Callable[..., Any]) -> float:
    padded = np.concatenate([_TEXTS, np.full_like(_TEXTS[:, :2], 9)], axis=1)
    return largest(read(padded, np.pad(_WORDS, ((0, 0), (0, 2)))) - read(_TEXTS, _WORDS))


def _labels_count(loss: Callable[..., Any]) -> float:
    return abs(loss(_LOGITS, (_LABELS + 1) % 3, _WORDS) - loss(_LOGITS, _LABELS, _WORDS))


def _sure_and_right(loss: Callable[..., Any]) -> float:
    return float(loss(100.0 * np.eye(3)[_LABELS], _LABELS, _WORDS))


def _source_padding(read: Callable[..., Any]) -> float:
    target, source = _TEXTS, _TEXTS[::-1].astype("float64")
    of_target, of_source = _WORDS, _WORDS[::-1]
    other = np.where(of_source[..., None], source, 9)
    return largest(read(target, other, of_target, of_source) - read(target, source, of_target, of_source))


def _own_answer(inputs_of: Callable[..., Any]) -> float:
    """Count the places whose inputs up to there change when the word that is asked for there does."""
    targets, told = _LABELS + 3, 0
    for place in range(targets.shape[1]):
        other = targets.copy()
        other[:, place] += 1
        told += int((inputs_of(other) != inputs_of(targets))[:, : place + 1].any())
    return float(told)


def _of_texts(function: Callable[..., Any]) -> tuple[int, ...]:
    return np.shape(function(_TEXTS))


_LIST = (
    _attention(
        "keys-as-values",
        "keys are mixed, not values",
        attentions.keys_as_values,
        "values count",
        "weights @ value",
        "fchollet/deep-learning-with-python-notebooks#261",
    ),
    _attention(
        "softmax-axis",
        "the softmax runs over the queries",
        attentions.softmax_over_queries,
        "average of values",
        "softmax along the last axis, that of the keys",
        "labmlai/annotated_deep_learning_paper_implementations#146",
        "nerminnuraydogan/vision-transformer#1",
        "facebookresearch/detr#247",
    ),
    _attention(
        "no-scale",
        "no division by √d_k",
        attentions.unscaled_attention,
        "doubled features",
        "divide the scores by √d_k",
        "PAIR-code/tiny-transformers#71",
        "mlc-ai/mlc-llm#3426",
    ),
    _attention(
        "scale-after",
        "the weights are divided, not the scores",
        attentions.scaled_after_softmax,
        "average of values",
        "divide before the softmax",
        "FrancescoSaverioZuppichini/ViT#2",
    ),
    _attention(
        "zero-scores",
        "hidden scores are 0",
        attentions.hidden_scores_zero,
        "hidden is removed",
        "where(mask, scores, -1e9)",
        "georg-wolflein/good-features#1",
        "awslabs/gluonts#1401",
    ),
    _attention(
        "mask-after",
        "the weights are multiplied by the mask",
        attentions.weights_times_mask,
        "average of values",
        "mask the scores",
        "huggingface/pytorch-image-models#2236",
    ),
    _attention(
        "mask-inverted",
        "the mask is turned round",
        attentions.mask_inverted,
        "hidden is silent",
        "say beside each mask what True means",
        "tensorflow/text#894",
        "tensorflow/text#938",
    ),
    _attention(
        "mirrored",
        "the scores are made symmetric",
        attentions.mirrored_scores,
        "queries apart",
        "compute all T × S scores",
    ),
    _attention(
        "point-wise",
        "a product entry by entry",
        attentions.pointwise_attention,
        "values count",
        "query @ key.T, weights @ value",
    ),
    _heads(
        "no-transpose",
        "heads are merged by a reshape alone",
        heads.merged_without_transpose,
        "shuffled tokens give the same rows, shuffled",
        _shuffled_rows,
        "bring the heads behind the tokens first",
        "jsbaan/transformer-from-scratch#6",
        "649453932/Chinese-Text-Classification-Pytorch#10",
    ),
    _heads(
        "width-scale",
        "the scale is that of the whole width",
        heads.scaled_by_width,
        "features that are always 0 change nothing",
        _zeros_beside,
        "√ of the width of one head",
        "Graylab/DL4Proteins-notebooks#12",
        "FrancescoSaverioZuppichini/ViT#1",
    ),
    _heads(
        "three-attentions",
        "Q, K and V each attend to themselves",
        heads.three_attentions,
        "values of the other sign give an output of the other sign",
        _values_turned,
        "one attention: queries ask, keys answer, values go out",
    ),
    Case(
        "doubled-output",
        "the output is added to itself",
        blocks.doubled_output,
        blocks.residual_sum,
        "a sublayer that returns 0 leaves the input as it is",
        lambda join: join(_TEXTS, np.tanh).shape,
        _nothing_added,
        "x + sublayer(x), with x kept",
        ("kyegomez/BitNet#32", "strutive07/transformer-tensorflow2.0#14"),
    ),
    Case(
        "sample-deviation",
        "the deviation has d − 1 below",
        blocks.normalised_by_sample_deviation,
        blocks.normalised,
        "the mean square of a row is 1",
        _of_texts,
        _mean_square,
        "divide by d",
        ("harvardnlp/annotated-transformer#119", "harvardnlp/annotated-transformer#122"),
    ),
    Case(
        "norm-over-tokens",
        "the normalisation takes in the other tokens",
        blocks.normalised_with_neighbours,
        blocks.normalised,
        "a token does not notice the later ones",
        _of_texts,
        _neighbours,
        "normalise over the last axis alone",
        ("MorvanZhou/NLP-Tutorials#10",),
    ),
    Case(
        "hidden-diagonal",
        "the causal mask hides the token itself",
        blocks.strictly_causal_rows,
        blocks.causal_rows,
        "each row moves with its own token, and not with a later one",
        lambda rows: rows(_TEXTS[0]).shape,
        _sees_itself,
        "keep the diagonal: np.tri(T)",
        ("pbloem/former#10",),
        moves=True,
    ),
    Case(
        "dropout-on",
        "dropout goes on after training",
        blocks.AlwaysDropping(),
        blocks.Dropping(),
        "two calls give the same, and ones come back as ones",
        _of_texts,
        _dropped,
        "switch it off for answers: training=False, model.eval()",
        ("d2l-ai/d2l-en#1528", "ipolharvard/ethos-ares#20"),
    ),
    Case(
        "one-position",
        "one vector for all places",
        models.with_one_position,
        models.with_positions,
        "one word at two places gives two vectors",
        lambda add: add(_TEXTS, _TABLE).shape,
        _places_told,
        "a row for each place: (longest, d)",
        (),
        moves=True,
    ),
    Case(
        "batch-positions",
        "places are counted along the batch",
        models.with_positions_of_the_batch,
        models.with_positions,
        "one word at two places gives two vectors",
        lambda add: add(_TEXTS, _TABLE).shape,
        _places_told,
        "x.shape[1], if the batch comes first",
        ("AkiRusProd/numpy-transformer#1", "songyangco/GETNext#2"),
        moves=True,
    ),
    Case(
        "ids-as-numbers",
        "ids are taken for quantities",
        models.multiplied,
        models.looked_up,
        "word 2 is not halfway between words 1 and 3",
        lambda embed: embed(np.array([[1, 2, 3]]), _TABLE).shape,
        _off_the_line,
        "look the row up in a table",
        (),
        moves=True,
    ),
    Case(
        "last-place",
        "the row that is read is padding",
        models.last_place,
        models.last_word,
        "more padding changes nothing",
        lambda read: read(_TEXTS, _WORDS).shape,
        _longer_padding,
        "read at the last place where the mask is True",
        ("datawhalechina/happy-llm#170",),
    ),
    Case(
        "mask-as-labels",
        "the mask stands where labels belong",
        models.loss_of_the_mask,
        models.label_loss,
        "other labels give another loss",
        lambda loss: np.shape(loss(_LOGITS, _LABELS, _WORDS)),
        _labels_count,
        "pass arguments by name",
        ("datawhalechina/happy-llm#170",),
        moves=True,
    ),
    Case(
        "softmax-twice",
        "the loss gets probabilities for logits",
        models.loss_of_probabilities,
        models.label_loss,
        "an answer that is sure and right costs nothing",
        lambda loss: np.shape(loss(_LOGITS, _LABELS, _WORDS)),
        _sure_and_right,
        "one softmax: in the loss",
        ("MicrosoftDocs/ml-basics#48", "lansinuote/Huggingface_Toturials#6"),
    ),
    Case(
        "target-mask",
        "the source is read through the target's mask",
        models.read_source_through_target_mask,
        models.read_source,
        "what stands in the padding of the source does not matter",
        lambda read: read(_TEXTS, _TEXTS, _WORDS, _WORDS).shape,
        _source_padding,
        "the mask of the keys: that of the source",
        ("keras-team/keras-io#1046", "Kamichanw/SeekDeeper#3"),
    ),
    Case(
        "no-shift",
        "the decoder is fed its answers",
        models.unshifted_inputs,
        models.shifted_inputs,
        "no place is told the word that it is asked for",
        lambda inputs_of: inputs_of(_LABELS).shape,
        _own_answer,
        "start mark first, last word left out",
        ("datawhalechina/happy-llm#109", "datawhalechina/happy-llm#134", "datawhalechina/tiny-universe#30"),
    ),
)
CASES: dict[str, Case] = {case.id: case for case in _LIST}
