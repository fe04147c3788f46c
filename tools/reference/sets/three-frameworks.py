"""The encoder–decoder of appendix A in PyTorch, tools/reference/models/in_torch.py: pieces, scores, loss, gradients.

Parameters are drawn in float32. PyTorch computes in float64 and the results are rounded to float32, so that any machine
writes the same numbers; all in evaluation, without dropout. The file holds, under the name of a case and a slash:

- ids: source (B, S) and target (B, T + 1), two texts each, the first of both padded with 0;
- opening: a vector, and what `nn.LayerNorm` makes of it as it comes;
- parameters, gradients: by PyTorch's own names; the gradients are those of `next_token_loss`;
- pieces: the embedded source, and what each piece of the page makes of it; scores and loss of the whole;
- layers: what `nn.TransformerEncoderLayer` and its sister make of what the layers by hand were given;
- without: the scores when one of the four masks is left out;
- mistakes: scores with all padding masks turned round, and with the mask of later tokens turned round; scores without
  the shift, and their loss; a layer without masks as it should be, and with `batch_first` forgotten;
- nans: how many of the scores of these two masks are NaN without gradients, and how many numbers of the layers by hand
  with gradients;
- nans_elsewhere: the same of the scores without gradients and without PyTorch's fast path ("slow"), and of the layers
  by hand without gradients ("silent");
- evaluation: the memory without gradients, where PyTorch takes its fast path, and without that path ("slow"); whether
  two calls agree, in training and in evaluation;
- messages: what PyTorch says where it stops;
- first: the largest of the numbers that layers begin with at width 512, to three digits after the point, and the spread
  of those that are normal, to one.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

VOCABULARY, E, H, WIDE, LAYERS = 18, 8, 2, 11, 2
SOURCE = np.array([[3, 4, 5, 0, 0], [3, 6, 7, 8, 9]])
TARGET = np.array([[1, 10, 11, 12, 2, 0, 0], [1, 13, 14, 15, 16, 17, 2]])


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute all cases with PyTorch."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*nested.tensor", UserWarning)  # of how PyTorch hurries, each time it does
        cases = _cases(torch, np.random.default_rng(seed))
    return {f"{case}/{name}": _stored(found) for case, arrays in cases.items() for name, found in arrays.items()}


def _cases(torch: Any, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Return what the file holds, case by case."""
    from tools.reference.models import in_torch

    model = in_torch.Translator(VOCABULARY, E, H, WIDE, LAYERS).double().eval()
    for name, parameter in model.named_parameters():
        centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        drawn = (centre + 0.3 * rng.normal(size=tuple(parameter.shape))).astype("float32")
        parameter.data = torch.from_numpy(drawn).double()
    source, target = torch.from_numpy(SOURCE), torch.from_numpy(TARGET)
    loss = in_torch.next_token_loss(model, source, target)
    loss.backward()
    named = dict(model.named_parameters())
    small = 0.02 * rng.normal(size=(1, 5)).astype("float32")
    return {
        "ids": {"source": SOURCE, "target": TARGET},
        "opening": {"vector": small, "output": torch.nn.LayerNorm(5).double()(torch.from_numpy(small).double())},
        "parameters": named,
        "gradients": {name: parameter.grad for name, parameter in named.items()},
        **_pieces(torch, in_torch, model, source, target[:, :-1], loss),
        **_mistakes(torch, model, source, target),
        "evaluation": _evaluation(torch, model, source, target[:, :-1]),
        "messages": _messages(torch, model, source, target),
        "first": _first(torch),
    }


def _pieces(torch: Any, in_torch: Any, model: Any, source: Any, target: Any, loss: Any) -> dict[str, dict[str, Any]]:
    """Run each piece by hand, and PyTorch's own layers beside."""
    stacks, padding, sizes = model.transformer, source == 0, (E, H, WIDE)
    encoder, decoder = stacks.encoder.layers[0], stacks.decoder.layers[0]
    layers = [in_torch.EncoderLayer(*sizes), in_torch.DecoderLayer(*sizes)]
    for ours, theirs in zip(layers, (encoder, decoder), strict=True):
        ours.double().eval().load_state_dict(theirs.state_dict())
    vectors, memory = model.embed(source), stacks.encoder(model.embed(source), src_key_padding_mask=padding)
    asked = model.embed(target)
    own = {"tgt_mask": in_torch.later(target.shape[1]), "memory_key_padding_mask": padding}
    return {
        "pieces": {
            "vectors": vectors,
            "linear": layers[0].linear1(vectors),
            "layer_norm": layers[0].norm1(vectors),
            "attention": layers[0].self_attn(vectors, vectors, vectors, key_padding_mask=padding)[0],
            "encoder_layer": layers[0](vectors, padding),
            "memory": memory,
            "decoder_layer": layers[1](asked, memory, target == 0, padding),
            "scores": model(source, target),
            "loss": loss,
        },
        "layers": {
            "encoder_layer": encoder(vectors, src_key_padding_mask=padding),
            "decoder_layer": decoder(asked, memory, tgt_key_padding_mask=target == 0, **own),
        },
    }


def _mistakes(torch: Any, model: Any, source: Any, whole: Any) -> dict[str, dict[str, Any]]:
    """Leave out each mask, and run mistakes that raise nothing."""
    from tools.reference.models import in_torch

    target = whole[:, :-1]
    later = in_torch.later(target.shape[1])
    right = {"tgt_mask": later, "tgt_key_padding_mask": target == 0}
    right |= {f"{part}_key_padding_mask": source == 0 for part in ("src", "memory")}
    padding_turned = {name: ~mask for name, mask in right.items() if "padding" in name}

    def scores(**changed: Any) -> Any:
        states = model.transformer(model.embed(source), model.embed(target), **(right | changed))
        return states @ model.embedding.weight.T

    def by_hand(kind: str, *given: Any) -> Any:
        layer = getattr(in_torch, f"{kind.title()}Layer")(E, H, WIDE).double().eval()
        layer.load_state_dict(getattr(model.transformer, kind).layers[0].state_dict())
        return _nans(layer(*given))

    with torch.no_grad():
        nans = {"padding_turned": _nans(scores(**padding_turned)), "later_turned": _nans(scores(tgt_mask=~later))}
    vectors, asked = model.embed(source), model.embed(target)
    memory = model.transformer.encoder(vectors, src_key_padding_mask=source == 0)
    layers = {"encoder": (vectors, source != 0), "decoder": (asked, memory, target != 0, source != 0)}
    nans |= {f"{kind}_by_hand": by_hand(kind, *given) for kind, given in layers.items()}
    with _slowly(torch):
        slow = {"padding_turned_slow": scores(**padding_turned), "later_turned_slow": scores(tgt_mask=~later)}
    with torch.no_grad():
        silent = {f"{kind}_by_hand_silent": by_hand(kind, *given) for kind, given in layers.items()}
    unshifted = model(source, whole)
    layer = model.transformer.encoder.layers[0]
    forgetful = torch.nn.TransformerEncoderLayer(E, H, WIDE).double().eval()
    forgetful.load_state_dict(layer.state_dict())
    return {
        "without": {name: scores(**{name: None}) for name in right},
        "mistakes": {
            "padding_turned": scores(**padding_turned),
            "later_turned": scores(tgt_mask=~later),
            "batch_first": layer(vectors),
            "batch_second": forgetful(vectors),
            "no_shift": unshifted,
            "no_shift_loss": torch.nn.functional.cross_entropy(unshifted.mT, whole, ignore_index=0),
        },
        "nans": nans,
        "nans_elsewhere": {name: _nans(found) for name, found in slow.items()} | silent,
    }


@contextmanager
def _slowly(torch: Any) -> Iterator[None]:
    """Compute without gradients and without the fast path."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _nans(found: Any) -> np.ndarray:
    return np.array(int(found.isnan().sum()))


def _evaluation(torch: Any, model: Any, source: Any, target: Any) -> dict[str, Any]:
    """Run the encoder without gradients, and the whole twice in each mode."""

    def memory() -> Any:
        return model.transformer.encoder(model.embed(source), src_key_padding_mask=source == 0)

    with torch.no_grad():
        found = {"memory": memory()}
    with _slowly(torch):
        found["memory_slow"] = memory()
    agree = {}
    for mode in ("training", "evaluation"):
        model.train(mode == "training")
        agree[f"twice_in_{mode}"] = np.array(bool(torch.equal(model(source, target), model(source, target))))
    return found | agree


def _messages(torch: Any, model: Any, source: Any, target: Any) -> dict[str, Any]:
    """Return what PyTorch says of four calls that it refuses."""
    from tools.reference.models import in_torch

    forgetful = in_torch.Translator(VOCABULARY, E, H, WIDE, LAYERS).double().eval()
    forgetful.transformer = torch.nn.Transformer(E, H, LAYERS, LAYERS, WIDE).double().eval()
    calls: dict[str, Callable[[], Any]] = {
        "no_target": lambda: model.transformer(model.embed(source)),
        "batch_second": lambda: forgetful(source, target),
        "batch_second_equal_lengths": lambda: forgetful(source, target[:, : source.shape[1]]),
        "mask_too_small": lambda: model.transformer(
            model.embed(source), model.embed(target), tgt_mask=in_torch.later(target.shape[1] - 1)
        ),
    }
    return {name: _complaint(call) for name, call in calls.items()}


def _first(torch: Any) -> dict[str, np.ndarray]:
    """Return how large the first numbers are; their kind is fixed, and rounding hides the draw."""
    torch.manual_seed(0)
    inside = torch.nn.Transformer(512, 8, 1, 1, 2048, batch_first=True).encoder.layers[0]
    linear = torch.nn.Linear(512, 2048)
    found = {
        "linear": linear.weight,
        "linear_bias": linear.bias,
        "linear_inside": inside.linear1.weight,
        "bias_inside": inside.linear1.bias,
        "projections": torch.nn.MultiheadAttention(512, 8).in_proj_weight,
        "projections_inside": inside.self_attn.in_proj_weight,
        "output_inside": inside.self_attn.out_proj.weight,
    }
    largest = {name: weight.detach().abs().max().numpy().round(3) for name, weight in found.items()}
    spread = torch.nn.Embedding(1000, 512).weight.detach().std()
    return {name: np.array(number) for name, number in (largest | {"table": spread.numpy().round(1)}).items()}


def _complaint(call: Callable[[], Any]) -> np.ndarray:
    try:
        call()
    except (AssertionError, RuntimeError, TypeError) as error:
        return np.array(f"{type(error).__name__}: {error}")
    raise ValueError("expected PyTorch to refuse this call; it did not: correct what the page says of it")


def _stored(found: Any) -> np.ndarray:
    """Return an array as it is, and a tensor in float32."""
    return found if isinstance(found, np.ndarray) else found.detach().numpy().astype("float32")
