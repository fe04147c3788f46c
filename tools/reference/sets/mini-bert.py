"""Hugging Face's BertModel with the weights of mini-bert: every hidden state and the pooled output, with padding.

PyTorch computes in float64 and the results are rounded to float32, so that any machine writes the same numbers. The one
case, `mini-bert`, holds:

- token_ids, attention_mask, token_type_ids (B, T): a sentence, a shorter one that is padded, and a pair of sentences,
  as Hugging Face's own tokenizer encodes them;
- hidden_states (layers + 1, B, T, width): the embeddings, then what each layer returns;
- pooled (B, width).
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[3] / "data" / "checkpoints" / "mini-bert"
TEXTS = (
    ("The plot was not clever at all.", None),
    ("Great soup!", None),
    ("Was it good?", "It was not."),
)


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute the case with PyTorch and transformers; nothing is drawn."""
    import torch
    from safetensors.numpy import load_file
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from utils.weights.from_bert import pytorch_name

    model = BertModel(BertConfig.from_pretrained(FOLDER)).double().eval()
    pairs = (pytorch_name(*item) for item in load_file(FOLDER / "model.safetensors").items())
    weights = {name.removeprefix("bert."): torch.from_numpy(np.array(array)).double() for name, array in pairs}
    model.load_state_dict(weights, strict=True)
    tokenizer = BertTokenizerFast.from_pretrained(FOLDER)
    first, second = zip(*TEXTS, strict=True)
    alone = [(one, other) if other else one for one, other in zip(first, second, strict=True)]
    found = [tokenizer(*(one if isinstance(one, tuple) else (one,))) for one in alone]
    longest = max(len(one["input_ids"]) for one in found)
    names = {"token_ids": "input_ids", "attention_mask": "attention_mask", "token_type_ids": "token_type_ids"}
    arrays = {
        ours: np.array([one[theirs] + [0] * (longest - len(one[theirs])) for one in found])
        for ours, theirs in names.items()
    }
    given = {theirs: torch.from_numpy(arrays[ours]) for ours, theirs in names.items()}
    with torch.no_grad():
        output = model(**given, output_hidden_states=True)
    arrays["hidden_states"] = torch.stack(output.hidden_states).numpy().astype("float32")
    arrays["pooled"] = output.pooler_output.numpy().astype("float32")
    return {f"mini-bert/{name}": array for name, array in arrays.items()}
