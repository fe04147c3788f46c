"""Hugging Face's BERT and DistilBERT, tiny and with random weights: every hidden state, with padding.

Weights are drawn in float32. PyTorch computes in float64 and the results are rounded to float32, so that any machine
writes the same numbers. For each of the cases `bert` and `distilbert` the file holds, under its name and a slash:

- setting.NAME: the sizes of the model's config.json, by their names there;
- weight.NAME: the weights of its model.safetensors, by their names there (the pooler's are left out);
- token_ids, attention_mask (B, T), and for BERT token_type_ids (B, T); row 0 is full, row 1 padded on the right, row 2
  on the left;
- hidden_states (layers + 1, B, T, width): the embeddings, then what each layer returns.
"""

from typing import Any

import numpy as np

B, T = 3, 5
SIZES = {
    "bert": {"vocab_size": 17, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3}
    | {"intermediate_size": 10, "max_position_embeddings": 7, "type_vocab_size": 2, "pad_token_id": 0},
    "distilbert": {"vocab_size": 17, "dim": 6, "n_layers": 2, "n_heads": 3, "hidden_dim": 10}
    | {"max_position_embeddings": 7, "pad_token_id": 0},
}


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute both cases with PyTorch and transformers."""
    rng = np.random.default_rng(seed)
    return {f"{case}/{name}": array for case in SIZES for name, array in _solve(rng, case).items()}


def _solve(rng: np.random.Generator, case: str) -> dict[str, np.ndarray]:
    """Draw inputs and weights of one case, run the model, and return all arrays."""
    import torch

    model = _model(case)
    weights = {}
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            centre = float("LayerNorm.weight" in name or "layer_norm.weight" in name)
            weights[name] = (centre + 0.4 * rng.normal(size=tuple(tensor.shape))).astype("float32")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    real = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 1]])
    inputs = {"token_ids": rng.integers(1, 17, (B, T)) * real, "attention_mask": real}
    if case == "bert":
        inputs["token_type_ids"] = rng.integers(0, 2, (B, T))
    given = {name.replace("token_ids", "input_ids"): torch.from_numpy(array) for name, array in inputs.items()}
    with torch.no_grad():
        states = model(**given, output_hidden_states=True).hidden_states
    return (
        {f"setting.{name}": np.array(size) for name, size in SIZES[case].items()}
        | {f"weight.{name}": array for name, array in weights.items()}
        | inputs
        | {"hidden_states": torch.stack(states).numpy().astype("float32")}
    )


def _model(case: str) -> Any:
    """Make the model of one case in float64 and evaluation mode."""
    import transformers

    kinds = {
        "bert": (transformers.BertConfig, transformers.BertModel, {"add_pooling_layer": False}),
        "distilbert": (transformers.DistilBertConfig, transformers.DistilBertModel, {}),
    }
    settings, model, options = kinds[case]
    return model(settings(**SIZES[case]), **options).double().eval()
