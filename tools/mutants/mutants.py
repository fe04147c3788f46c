"""The mutants of `utils/`: for every labelled equation, a wrong version of the code that its check must catch.

A check that passes whatever the code does is worth nothing. `tools/mutants/run.py` makes each edit below in the running
kernel, just before the cell tagged `checks:eq-...`, and expects that cell to raise.
"""

from dataclasses import dataclass

from tools.mutants.architecture import ARCHITECTURE_MUTANTS
from tools.mutants.custom import CUSTOM_MUTANTS
from tools.mutants.positions import POSITION_MUTANTS
from tools.mutants.pretrained import PRETRAINED_MUTANTS
from tools.mutants.project import PROJECT_MUTANTS
from tools.mutants.training import TRAINING_MUTANTS


@dataclass(frozen=True)
class Mutant:
    """One wrong edit of one function.

    Attributes:
        name: what is wrong, in a few words joined by hyphens.
        equation: the label whose checking cell must raise.
        function: the function or method to edit, from its module: "utils.attention.scaled_dot_product_attention".
        find: text that occurs exactly once in the function's source, its decorators and docstring included.
        replace: what stands there in the mutant.
        raises: the exception that counts as caught. An AssertionError is the check at work; name another one only
            where the wrong code cannot get as far as the assertion, and say why beside the mutant.
    """

    name: str
    equation: str
    function: str
    find: str
    replace: str
    raises: str = "AssertionError"


_ATTENTION = "utils.attention.scaled_dot_product_attention"
_WEIGHTS = "utils.attention.attention_weights"
_SOFTMAX = "utils.attention._softmax"
_LAYER = "utils.layers.multi_head_attention.MultiHeadAttention"

MUTANTS: tuple[Mutant, ...] = (
    # Chapter 1
    Mutant("scale-ignored", "eq-soft-lookup", _WEIGHTS, "query * scale", "query"),
    Mutant("temperature-multiplied", "eq-soft-lookup", _WEIGHTS, "query * scale", "query / scale"),
    Mutant(
        "softmax-over-queries", "eq-attention", _SOFTMAX, "ops.softmax(scores, axis=-1)", "ops.softmax(scores, axis=-2)"
    ),
    Mutant("scale-forgotten", "eq-attention", "utils.attention._default_scale", "1 / math.sqrt(key_dim)", "1.0"),
    Mutant("scale-by-key-dim", "eq-variance", "utils.attention._default_scale", "math.sqrt(key_dim)", "key_dim"),
    Mutant("scale-forgotten", "eq-variance", "utils.attention._default_scale", "1 / math.sqrt(key_dim)", "1.0"),
    Mutant(
        "sigmoid-for-softmax", "eq-softmax-jacobian", _SOFTMAX, "ops.softmax(scores, axis=-1)", "ops.sigmoid(scores)"
    ),
    Mutant(
        "no-maximum-subtracted",
        "eq-stable-softmax",
        _SOFTMAX,
        "ops.softmax(scores, axis=-1)",
        "ops.exp(scores) / ops.sum(ops.exp(scores), axis=-1, keepdims=True)",
    ),
    Mutant(
        "scores-in-half-precision",
        "eq-stable-softmax",
        "utils.attention._score_type",
        '_joint_type(query.dtype, "float32")',
        "backend.standardize_dtype(query.dtype)",
    ),
    Mutant("softcap-ignored", "eq-stable-softmax", _WEIGHTS, "bound * ops.tanh(scores / bound)", "1.0 * scores"),
    Mutant("columns-sum-to-one", "eq-rows", _SOFTMAX, "ops.softmax(scores, axis=-1)", "ops.softmax(scores, axis=-2)"),
    Mutant(
        "columns-sum-to-one", "eq-balance", _SOFTMAX, "ops.softmax(scores, axis=-1)", "ops.softmax(scores, axis=-2)"
    ),
    Mutant("mask-inverted", "eq-mask", _ATTENTION, "(query, key, allowed,", "(query, key, ops.logical_not(allowed),"),
    Mutant("mask-as-score", "eq-mask", "utils.attention._mask_scores", "ops.where(some, -math.inf, 0.0)", "0.0"),
    Mutant("empty-row-uniform", "eq-mask", _WEIGHTS, "ops.where(allowed, weights, 0.0)", "weights"),
    Mutant("hidden-nan-let-through", "eq-mask", _ATTENTION, "zero_hidden(value, allowed, axis=-2)", "value"),
    Mutant(
        "hidden-only-where-the-whole-batch-does-not-look",
        "eq-mask",
        "utils.attention.zero_hidden",
        "ops.any(allowed, axis=axis)",
        "ops.any(allowed, axis=(axis % len(allowed.shape), *range(len(allowed.shape) - 2)))",
    ),
    Mutant("hidden-nan-in-gradients", "eq-mask", _WEIGHTS, "zero_hidden(key, allowed, axis=-2)", "key"),
    Mutant("nan-of-empty-row-in-gradients", "eq-mask", _WEIGHTS, "zero_hidden(query, allowed, axis=-1)", "query"),
    Mutant("always-causal", "eq-equivariance", "utils.attention.allowed_pairs", "if use_causal_mask:", "if True:"),
    Mutant("temperature-halved", "eq-kernel", _WEIGHTS, "query * scale", "query * scale * 2"),
    Mutant(
        "no-gradient-through-weights",
        "eq-gradient",
        _ATTENTION,
        "output = weights @",
        "output = ops.stop_gradient(weights) @",
    ),
    Mutant(
        "no-gradient-through-values",
        "eq-gradient-values",
        _ATTENTION,
        "zero_hidden(value, allowed, axis=-2)",
        "ops.stop_gradient(value)",
    ),
    Mutant("scale-forgotten", "eq-gradient", "utils.attention._default_scale", "1 / math.sqrt(key_dim)", "1.0"),
    Mutant("values-not-counted", "eq-cost", "utils.attention.attention_cost", "(key_dim + value_dim)", "key_dim"),
    Mutant("scaling-not-counted", "eq-cost", "utils.attention.attention_cost", " + num_queries * key_dim", ""),
    Mutant("scores-scaled", "eq-cost", _WEIGHTS, "query * scale, key)", "query, key) * scale"),
    Mutant("keys-scaled", "eq-cost", _WEIGHTS, "query * scale, key)", "query, key * scale)"),
    Mutant(
        "both-scaled-by-the-root", "eq-cost", _WEIGHTS, "query * scale, key)", "query * scale**0.5, key * scale**0.5)"
    ),
    # Chapter 2
    Mutant("weights-of-any-sign", "eq-one-head", _SOFTMAX, "ops.softmax(scores, axis=-1)", "scores"),
    Mutant("keys-as-values", "eq-multi-head", f"{_LAYER}.call", "self.value_dense(value)", "self.key_dense(value)"),
    Mutant("scale-by-key-dim", "eq-multi-head", "utils.attention._default_scale", "math.sqrt(key_dim)", "key_dim"),
    Mutant(
        "mean-of-heads",
        "eq-sum-of-heads",
        f"{_LAYER}.call",
        "self.output_dense(heads)",
        "self.output_dense(heads) / self.num_heads",
    ),
    Mutant(
        "values-of-key-size",
        "eq-parameters",
        f"{_LAYER}.build",
        "self.num_kv_heads, self.value_dim",
        "self.num_kv_heads, self.key_dim",
    ),
    Mutant(
        "a-key-head-for-each-query-head",
        "eq-cache",
        f"{_LAYER}.__init__",
        "num_heads if num_kv_heads is None else num_kv_heads",
        "num_heads",
    ),
    Mutant(
        "key-heads-not-shared",
        "eq-cache",
        f"{_LAYER}.build",
        "self.num_kv_heads, self.key_dim",
        "self.num_heads, self.key_dim",
    ),
    Mutant(
        "sharper-where-keys-are-few",
        "eq-cache",
        _WEIGHTS,
        "query * scale",
        "query * scale * (5 / key.shape[-2]) ** 0.5",
    ),
    Mutant(
        "heads-in-reverse",
        "eq-sum-of-heads",
        f"{_LAYER}.call",
        "self.output_dense(heads)",
        "self.output_dense(heads[:, ::-1])",
    ),
    Mutant(
        "biases-without-being-asked",
        "eq-parameters",
        "utils.layers.attention_layer.AttentionLayer.project",
        "if self.use_bias else None",
        "if True else None",
    ),
    Mutant(
        "no-biases-made",
        "eq-parameters",
        "utils.layers.attention_layer.AttentionLayer.project",
        "if self.use_bias else None",
        "if False else None",
    ),
    # Chapter 3
    *(Mutant(*fields) for fields in POSITION_MUTANTS),
    # Chapter 4
    *(Mutant(*fields) for fields in ARCHITECTURE_MUTANTS),
    # Chapter 5
    *(Mutant(*fields) for fields in TRAINING_MUTANTS),
    # Chapter 6
    *(Mutant(*fields) for fields in PRETRAINED_MUTANTS),
    # Chapter 7
    *(Mutant(*fields) for fields in CUSTOM_MUTANTS),
    # Chapter 8
    *(Mutant(*fields) for fields in PROJECT_MUTANTS),
)
