"""A tiny BERT in both formats, written with NumPy alone, and texts that it can learn."""

import json

import numpy as np
from safetensors.numpy import save_file

WORDS = ["a", "the", "film", "plot", "was", "is", "it", "very", "not", "dull", "long", "and", "of", "in", "good", "bad"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WIDTH, LAYERS, HEADS, INTERMEDIATE, POSITIONS = 16, 2, 2, 24, 40


def texts_and_labels(count, seed=0):
    """Return texts of 3 to 12 words and the labels "up" (it holds "good"), "down" ("bad") and "level" (neither)."""
    rng = np.random.default_rng(seed)
    labels = [["up", "down", "level"][number] for number in rng.integers(3, size=count)]
    texts = []
    for label in labels:
        words = list(rng.choice(WORDS[:-2], rng.integers(2, 12)))
        words.insert(rng.integers(len(words) + 1), {"up": "good", "down": "bad", "level": "dull"}[label])
        texts.append(" ".join(words))
    return texts, labels


TEXTS, LABELS = texts_and_labels(160)
HELD_OUT = texts_and_labels(60, seed=1)
CHOICES = {"max_length": 16, "batch_size": 8, "validation": HELD_OUT}  # of a training that learns these texts
PEAK = 1e-2


def pytorch_weights(seed=0):
    """Return {name: array} of a BERT encoder under PyTorch's names: kernels are (out, in)."""
    rng = np.random.default_rng(seed)
    weights = {}

    def draw(name, *shape, around=0.0, spread=0.15):
        weights[name] = (around + spread * rng.standard_normal(shape)).astype("float32")

    def norm(name):
        draw(f"{name}.LayerNorm.weight", WIDTH, around=1.0, spread=0.01)
        draw(f"{name}.LayerNorm.bias", WIDTH, spread=0.01)

    def dense(name, size_in, size_out):
        draw(f"{name}.weight", size_out, size_in)
        draw(f"{name}.bias", size_out, spread=0.01)

    sizes = {"word": len(SPECIAL) + len(WORDS), "position": POSITIONS, "token_type": 2}
    for name, size in sizes.items():
        draw(f"embeddings.{name}_embeddings.weight", size, WIDTH, spread=0.5 if name == "word" else 0.05)
    norm("embeddings")
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            dense(f"{layer}.attention.{part}", WIDTH, WIDTH)
        norm(f"{layer}.attention.output")
        dense(f"{layer}.intermediate.dense", WIDTH, INTERMEDIATE)
        dense(f"{layer}.output.dense", INTERMEDIATE, WIDTH)
        norm(f"{layer}.output")
    dense("pooler.dense", WIDTH, WIDTH)
    return weights


def as_tensorflow_writes(arrays):
    """Return weights under the names, and in the layout, of TensorFlow's classes: kernels are (in, out)."""
    found = {}
    for name, array in arrays.items():
        *path, last = name.split(".")
        if "orm" in path[-1]:
            last = {"weight": "gamma", "bias": "beta"}[last]
        elif path[-1] in ("position_embeddings", "token_type_embeddings"):
            last = "embeddings"
        elif last == "weight" and path[-1] != "word_embeddings":
            last, array = "kernel", np.ascontiguousarray(array.T)
        found["/".join([*path, last]).replace("layer/", "layer_._") + ":0"] = array
    return found


def tensorflow_weights(weights):
    """Return those of `pytorch_weights` as the encoder of a TensorFlow model has them."""
    return {f"bert/{name}": array for name, array in as_tensorflow_writes(weights).items()}


def write_bert(folder, written_by="tf", dropout=0.1, **changes):
    """Write a BERT folder and return it: config.json, model.safetensors, vocab.txt, tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(SPECIAL) + len(WORDS),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]) + "\n")
    tokens = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": POSITIONS}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    weights = {**pytorch_weights(), **changes}
    weights = {name: array for name, array in weights.items() if array is not None}
    weights = tensorflow_weights(weights) if written_by == "tf" else weights
    save_file(weights, folder / "model.safetensors", metadata={"format": written_by})
    return folder
