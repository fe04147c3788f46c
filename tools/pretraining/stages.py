"""The stages of pre-training, each of which finds on disk what an interrupted run left: text, teacher, student."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from tools.pretraining.corpus import Corpus, encode_documents
from tools.pretraining.student import Student, start_from_teacher, student_config
from tools.pretraining.teacher import TargetStore, load_teacher
from tools.pretraining.teacher import find_files as find_teacher
from tools.pretraining.text import find_files as find_text
from tools.pretraining.text import read_documents
from tools.pretraining.training import CONTEXT_AXES, Examples, Plan, Trainer
from utils import wordpiece


@dataclass(frozen=True)
class TextChoices:
    """What decides the text, and so the teacher's values.

    Attributes:
        vocabulary_size: pieces of the student's vocabulary at most.
        items: sentences and passages at most.
        novel_documents: how many stretches of novels are mixed with the reviews.
        seed: of what is drawn.
        twins: of 100 sentences that can have a twin, which differs by a *not*, so many get one.
    """

    vocabulary_size: int
    items: int
    novel_documents: int
    seed: int
    twins: int = 0


@dataclass(frozen=True)
class Text:
    """The text as the student reads it.

    Attributes:
        folder: where it and the teacher's values are kept.
        corpus: the items.
        pieces: the student's vocabulary.
        teacher_ids: (V,), the teacher's id of each piece.
    """

    folder: Path
    corpus: Corpus
    pieces: list[str]
    teacher_ids: np.ndarray


def fingerprint(choices: object, *files: Path) -> str:
    """Return a short name that changes with the choices and with the files' content."""
    digest = hashlib.sha256(json.dumps(asdict(choices), sort_keys=True).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def prepare_text(choices: TextChoices, data: Path, teacher: Path, work: Path) -> Text:
    """Read, split and encode the text, or find that it was done.

    Args:
        choices: what decides it.
        data: folder with imdb/ and novels/.
        teacher: folder of the teacher, for its vocabulary.
        work: a folder for these choices and these files is made in it.

    Raises:
        FileNotFoundError: a file of the data or of the teacher is missing.
    """
    files = [*find_teacher(teacher), *find_text(data)]
    vocabulary = (teacher / "vocab.txt").read_text(encoding="utf-8").splitlines()
    folder = work / f"text-{fingerprint(choices, *files)}"
    if not (folder / "corpus.npz").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(choices.seed)
        reviews, novels = read_documents(data, choices.novel_documents, rng)
        sentences = (sentence for review in reviews for sentence in review)
        pieces = wordpiece.cut_vocabulary(vocabulary, sentences, choices.vocabulary_size)
        (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        corpus = encode_documents(reviews + novels, wordpiece.build(pieces), choices.items, rng, choices.twins)
        corpus.save(folder / "corpus.npz")
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    ids = {piece: at for at, piece in enumerate(vocabulary)}
    return Text(folder, Corpus.load(folder / "corpus.npz"), pieces, np.array([ids[piece] for piece in pieces]))


def prepare_student(text: Text, teacher: Path, plan: Plan, sizes: dict[str, int]) -> tuple[Trainer, float]:
    """Ask the teacher, build the student, and find how far it is; return its trainer, and the teacher's seconds.

    Args:
        text: as `prepare_text` returns it.
        teacher: its folder.
        plan: how long and how fast the student learns.
        sizes: "layers", "width" and "heads" of the student.
    """
    encoder = load_teacher(teacher)
    width = encoder.config.hidden_size
    store = TargetStore(text.folder, text.corpus, width)
    targets = store.fill(encoder, text.teacher_ids, plan.seed)
    examples = Examples(text.corpus, targets, len(text.pieces), plan)
    torch.manual_seed(plan.seed)
    widths = {"sentences": width, "contexts": min(CONTEXT_AXES, width)}
    widths |= {"last": targets.last.shape[1], "middle": targets.middle.shape[1]}
    student = Student(student_config(len(text.pieces), **sizes), widths)
    start_from_teacher(student, encoder, text.teacher_ids)
    name = hashlib.sha256(json.dumps([asdict(plan), sizes]).encode()).hexdigest()[:12]
    return Trainer(student, examples, plan, text.folder / f"student-{name}.pt"), store.progress()[1]
