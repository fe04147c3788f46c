"""The card of the checkpoint: README.md, written from the figures in data/results, never by hand."""

import json
from pathlib import Path
from typing import Any

from utils.files import write_whole

TRAINING, MEASURED = "mini-bert-training", "mini-bert-sst2"
TEACHER_ADDRESS = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"
CARD = """\
---
language: en
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
---

# mini-bert

A small BERT encoder, uncased English: {layers} layers of width {width}, {heads} heads, {vocabulary:,} pieces,
{parameters:,} parameters, {megabytes:.1f} MB with its vocabulary. *The Executable Transformer* trained it, with
`tools/pretraining/pretrain.py`, so that its chapters can fine-tune a pre-trained Transformer without a network and on
a laptop.

```python
from transformers import TFBertForSequenceClassification

model = TFBertForSequenceClassification.from_pretrained("data/checkpoints/mini-bert", num_labels=2)
```

The weights are in TensorFlow's safetensors format. The file ends with the pooler: the classifier is yours to train, and
the heads that only pre-training needs, that for hidden words among them, are left out.

## What it learnt from

- **Text**: {items:,} sentences and short passages ({pieces:,} pieces) from the training reviews of the Large Movie
  Review Dataset (Maas et al., 2011), without their labels and ratings, and from English novels in the public domain.
  None of this text is in the folder or in the book. Test reviews were not read, and no text of SST-2.{twins}
- **Teacher**: [all-MiniLM-L6-v2]({teacher_address}),
  Apache-2.0, a 6-layer BERT encoder of width 384 made by the
  sentence-transformers project (Reimers and Gurevych, 2019) from MiniLM (Wang et al., 2020). It read each item once.
  The student's vocabulary is a cut of the teacher's, and its word and position vectors began as principal
  components of the teacher's.
- **Task**: from [CLS], through the pooler, foretell the teacher's vector of the sentence and the mean vector of the
  *other* sentences of the review; from each piece, the teacher's hidden states after its last and its middle
  layer; and name the pieces that were hidden, 15 in 100, as in masked-language modelling. No labels of any kind.

## How

{steps:,} steps with AdamW, {items_read:,} items read, {minutes:.0f} minutes of student and {teacher_minutes:.0f} of
teacher on {cores} processor cores, {date}, seed {seed}. Sequences had at most 96 pieces: of the 512 positions, those
beyond were not trained. Losses, first and last:

| mean of steps | sentence's vector | rest of the document | last states | middle states | hidden pieces (nats) |
|---|---|---|---|---|---|
{losses}

The first four are mean squared errors of values whose variance is 1. The whole curve is in
`data/results/{training}.json`, with versions and command.
SHA-256 of `model.safetensors`: `{sha256}`.

Licence: Apache-2.0, the teacher's, because the word vectors began as a part of the teacher's; changed in all else, as
told above.

## What it is good for, and what not
{measured}
Good for: classifying short English texts after fine-tuning on some thousand labels, above all reviews and the like; for
seeing how pre-training helps; for tests. So small a network wants a higher learning rate than the 2e-5 to 5e-5 of BERT.

Not good for: filling in hidden words (the head is not there, and was poor); comparing sentences without fine-tuning
(take its teacher); text in other languages, code, or matters far from its reviews and novels; long documents. What its
texts think of people, it may have learnt too. Do not let it decide anything that matters to somebody.

## Works cited

- Maas, Daly, Pham, Huang, Ng and Potts (2011). Learning word vectors for sentiment analysis. ACL.
- Reimers and Gurevych (2019). Sentence-BERT: sentence embeddings using Siamese BERT-networks. EMNLP.
- Wang, Wei, Dong, Bao, Yang and Zhou (2020). MiniLM: deep self-attention distillation for task-agnostic compression of
  pre-trained Transformers. NeurIPS.
"""
SST2 = """
Fine-tuned on the {train:,} training sentences of SST-2 and tested on its {test:,} test sentences: {seeds} seeds each,
{epochs} epochs of one-cycle, learning rate {learning_rate:g} at its peak, `data/results/{name}.json`.

| | mean accuracy | range |
|---|---|---|
{rows}
"""
TWINS = """
  Of 100 sentences that rules can negate or turn back, {twins} have a twin beside them, which differs by a *not*."""
LOSSES = ("sentences", "contexts", "last", "middle", "masked")


def write_card(folder: Path, results: Path) -> Path:
    """Write README.md of the checkpoint in a folder, from the figures in results."""
    return write_whole(folder / "README.md", model_card(folder, results))


def model_card(folder: Path, results: Path) -> str:
    """Return the card's text; what was measured on SST-2 is part of it if it was measured with these weights."""
    training = json.loads((results / f"{TRAINING}.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    path = results / f"{MEASURED}.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = [training["rows"][0], training["rows"][-1]]
    about = {
        **training,
        **{name: config[f"num_{field}"] for name, field in (("layers", "hidden_layers"), ("heads", "attention_heads"))},
        "width": config["hidden_size"],
        "megabytes": training["bytes"] / 1e6,
        "minutes": training["seconds"] / 60,
        "teacher_minutes": training["teacher_seconds"] / 60,
        "cores": training["machine"]["cores"],
        "losses": "\n".join(_loss_row(row) for row in rows),
        "twins": TWINS.format(**training) if training.get("twins") else "",
        "teacher_address": TEACHER_ADDRESS,
        "training": TRAINING,
        "measured": sst2_section(measured) if measured.get("sha256") == training["sha256"] else "",
    }
    return CARD.format(**about)


def _loss_row(row: dict[str, float]) -> str:
    """Return one line of the table of losses."""
    return f"| to {row['step']:,} | " + " | ".join(f"{row[name]:.2f}" for name in LOSSES) + " |"


def sst2_section(measured: dict[str, Any]) -> str:
    """Return the paragraph on SST-2."""
    rows = []
    for row in measured["rows"]:
        accuracies = row["test_accuracies"]
        spread = f"{min(accuracies):.3f} to {max(accuracies):.3f}" if len(accuracies) > 1 else ""
        rows.append(f"| {row['name']} | {row['test_accuracy']:.3f} | {spread} |")
    sizes = measured["sentences"]
    told = {"train": sizes["train"], "test": sizes["test"], "seeds": len(measured["seeds"]), "name": MEASURED}
    return SST2.format(rows="\n".join(rows), **told, **measured["recipe"])
