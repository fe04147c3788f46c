"""Ask whether the translator's attention finds the words that it translates, on sentences of the book's own.

The sentences stand in data/translation/own-pairs.toml with the English words that each German word was made from. The
decoder reads the German sentence, as in training; where it is about to write the first piece of a word, the attention
to the source is summed over the pieces of each English word. The share of German words whose largest sum lies on a
right word is written to data/results/translation-attention.json, by layer, for the mean of the heads and for each head.
Beside it stand the sums, mean of the heads, of the layer that finds the most words. For this run, and for
the one beside it (`tools/measure/translation.py --norm-last` trains it), it writes what the translator makes of each
sentence, and how alike the encoder makes the tokens of a sentence: the mean cosine of their vectors.
"""

import argparse
import itertools
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import PACKAGES, RESULTS, ROOT, command_line, write_result
from tools.measure.translation import BEAM, FOLDER, NORM_LAST_FOLDER, PENALTY, written

OWN_PAIRS = ROOT / "data" / "translation" / "own-pairs.toml"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the run (default: _build/translation)")
    parser.add_argument(
        "--beside",
        type=Path,
        default=NORM_LAST_FOLDER,
        help="folder of another run (default: _build/translation-norm-last, where there is one)",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the figures (default: data/results)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when that is done, 1 for what a reader can mend."""
    chosen = parse(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from utils.translation.fitting import TrainingError, read_run

    try:
        state, translator = read_run(chosen.folder)
        pairs = read_pairs()
        weights = [word_weights(translator, pair["english"], pair["german"]) for pair in pairs]
        runs = [about_run(state, translator, pairs)]
        if chosen.beside.exists() or chosen.beside != NORM_LAST_FOLDER:
            runs.append(about_run(*read_run(chosen.beside), pairs))
    except (TrainingError, ValueError, OSError) as error:
        print(f"translation_attention: {error}", file=sys.stderr)
        return 1
    rows = count_hits(pairs, weights)
    best = max((row for row in rows if row["head"] == "mean"), key=lambda row: row["right"])["layer"]
    typed = sys.argv[1:] if arguments is None else arguments
    seed = state["about"]["settings"]["seed"]
    path = write_result(
        "translation-attention",
        rows,
        command_line("tools/measure/translation_attention.py", written(typed)),
        seed,
        packages=(*PACKAGES, "tokenizers"),
        folder=chosen.results,
        epochs=len(state["curve"]),
        beam=BEAM,
        length_penalty=PENALTY,
        best_layer=best,
        runs=runs,
        sentences=[
            {
                "english": " ".join(pair["english"]),
                "german": " ".join(pair["german"]),
                "weights": found[best - 1].mean(axis=0).astype(float).round(3).tolist(),
            }
            for pair, found in zip(pairs, weights, strict=True)
        ],
    )
    print(f"wrote {path}")
    return 0


def read_pairs(path: Path = OWN_PAIRS) -> list[dict[str, Any]]:
    """Return the sentences, cut into words, with the numbers of the English words for each German word.

    Raises:
        ValueError: a sentence has not as many links as German words, or a link leads to no English word.
    """
    pairs = []
    for pair in tomllib.loads(path.read_text(encoding="utf-8"))["pairs"]:
        english, german = pair["english"].split(), pair["german"].split()
        links = [[] if link == "-" else [int(n) for n in link.split("+")] for link in pair["links"].split()]
        if len(links) != len(german) or max(itertools.chain(*links)) >= len(english):
            raise ValueError(f"{path}: expected a link for each German word of {pair['german']!r}")
        pairs.append({"english": english, "german": german, "links": links})
    return pairs


def count_hits(pairs: Sequence[dict[str, Any]], weights: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Return a row for each rule that names an English word: layers and heads, and the word at the same place.

    Each row has the share of right words among all that have a link, and among those that are not at the same place.

    Args:
        pairs: as `read_pairs` returns them.
        weights: for each pair as `word_weights` returns them.
    """
    guesses: dict[tuple[Any, Any], list[int]] = {}
    right = []
    for pair, sums in zip(pairs, weights, strict=True):
        for word, links in enumerate(pair["links"]):
            if not links:
                continue
            right.append(links)
            here = sums[:, :, word]
            for layer, heads in enumerate(here, 1):
                guesses.setdefault((layer, "mean"), []).append(int(heads.mean(axis=0).argmax()))
                for head, of_head in enumerate(heads, 1):
                    guesses.setdefault((layer, head), []).append(int(of_head.argmax()))
            same = round(word * (len(pair["english"]) - 1) / (len(pair["german"]) - 1))
            guesses.setdefault((None, "same place"), []).append(same)
    hits = {
        rule: np.array([one in links for one, links in zip(found, right, strict=True)])
        for rule, found in guesses.items()
    }
    moved = ~hits[None, "same place"]
    return [
        {
            "layer": layer,
            "head": head,
            "words": len(found),
            "right": round(float(found.mean()), 4),
            "words_moved": int(moved.sum()),
            "right_of_moved": round(float(found[moved].mean()), 4),
        }
        for (layer, head), found in hits.items()
    ]


def about_run(state: dict[str, Any], translator: Any, pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return settings, curve and translations of a run, and how alike its encoder makes the tokens of a sentence.

    Returns:
        A dictionary with "settings", "curve", "translations", and "likeness": the mean cosine between the vectors of
        two tokens of a sentence, of the embedding and after each layer; 1 where all have one direction.
    """
    from keras import ops

    likeness = []
    for pair in pairs:
        vocabulary, encoder = translator.vocabulary, translator.model.encoder
        x = encoder.embedding(np.array([[*vocabulary.encode(" ".join(pair["english"])), vocabulary.end_id]]))
        stages = [x]
        for block in encoder.blocks:
            stages.append(x := block(x))
        likeness.append([mean_cosine(ops.convert_to_numpy(stage)[0]) for stage in stages])
    return {
        "settings": state["about"]["settings"],
        "curve": state["curve"],
        "translations": translator.translate(
            [" ".join(pair["english"]) for pair in pairs], beam_size=BEAM, penalty=PENALTY
        ),
        "likeness": np.mean(likeness, axis=0, dtype=float).round(3).tolist(),
    }


def mean_cosine(vectors: np.ndarray) -> float:
    """Return the mean cosine of the angles between two of several vectors, (N, width).

    Example:
        >>> float(mean_cosine(np.array([[1.0, 0], [0, 2], [0, 3]])).round(3))
        0.333
    """
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    cosines = unit @ unit.T
    return (cosines.sum() - np.trace(cosines)) / (len(unit) * (len(unit) - 1))


def word_weights(translator: Any, english: Sequence[str], german: Sequence[str]) -> np.ndarray:
    """Return attention to each English word where each German word is about to be written.

    Returns:
        (layers, heads, German words, English words): weights summed over the pieces of an English word; the end token
        of the source is left out.
    """
    vocabulary = translator.vocabulary
    cuts = [[vocabulary.encode(word) for word in words] for words in (english, german)]
    source, target = ([*itertools.chain(*cut), vocabulary.end_id] for cut in cuts)
    if source[:-1] != vocabulary.encode(" ".join(english)):
        raise ValueError(f"expected {english} to be cut into the same pieces word by word and together")
    weights = memory_weights(translator.model, np.array([source]), np.array([[vocabulary.start_id, *target[:-1]]]))
    of_source = np.repeat(np.arange(len(english)), [len(pieces) for pieces in cuts[0]])
    starts = np.cumsum([0, *(len(pieces) for pieces in cuts[1])])[:-1]
    belongs = of_source[:, None] == np.arange(len(english))  # (S, English words)
    return weights[:, 0][:, :, starts, : len(of_source)] @ belongs


def memory_weights(model: Any, source: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the decoder's attention weights to the source, (layers, B, heads, T, S), for texts without padding.

    Raises:
        ValueError: the layers taken apart do not give the scores of the model.
    """
    from keras import ops

    memory, _ = model.encode(source)
    x, found = model.decoder.embedding(shown), []
    for block in model.decoder.blocks:
        attended = block.residual(
            x, block.attention_norm, lambda y, b=block: b.attention(y, y, use_causal_mask=True), training=False
        )
        query = block.memory_norm(attended) if block.norm_first else attended
        found.append(block.memory_attention(query, memory, return_attention_scores=True)[1])
        x = block(x, memory)
    if model.decoder.final_norm:
        x = model.decoder.final_norm(x)
    scores, whole = (ops.convert_to_numpy(one) for one in (model.logits(x), model((source, shown))))
    if not np.allclose(scores, whole, atol=1e-4):
        raise ValueError("expected the layers, one by one, to give the scores of the model")
    return np.stack([ops.convert_to_numpy(one) for one in found])


if __name__ == "__main__":
    sys.exit(main())
