"""Keras's own tests of its MultiHeadAttention, taken from the installed wheel and run on ours.

Each of them either runs or is listed here with the reason why it does not apply; a test that a later Keras adds is
neither, and fails until someone decides.
"""

import importlib
import types
import unittest

import keras
import pytest

from utils.layers import MultiHeadAttention

RUN = (
    "test_basics",
    "test_causal_only_fast_path",
    "test_causal_only_masks_when_fused_path_disabled_dropout_and_scores",
    "test_causal_only_masks_when_fused_path_disabled_dropout_only",
    "test_causal_only_masks_when_fused_path_disabled_scores_only",
    "test_causal_only_with_other_mask_falls_back",
    "test_compute_output_shape_with_key_different_proj",
    "test_compute_output_shape_with_key_same_proj",
    "test_compute_output_shape_without_key_different_proj",
    "test_compute_output_shape_without_key_same_proj",
    "test_correctness_disable_flash_attention",
    "test_correctness_enable_flash_attention",
    "test_dtype_policy_map",
    "test_invalid_scalar_args_rejected",
    "test_masking_causal",
    "test_masking_not_causal",
    "test_masking_with_different_shapes",
    "test_multi_head_attention_output_shape_as_int",
    "test_multi_head_attention_output_shape_as_tuple",
    "test_multi_head_attention_output_shape_error",
    "test_no_warning_with_keras_mask",
    "test_query_mask_propagation",
    "test_shape_mismatch_error_key_value_dim_mismatch",
    "test_shape_mismatch_error_key_value_dim_mismatch_high_dim",
    "test_shape_mismatch_error_query_value_dim_mismatch",
    "test_symbolic_return_attention_scores0",
    "test_symbolic_return_attention_scores1",
)
AXES, GATE, FLASH, WINDOW = "attention_axes", "use_gate", "flash_attention", "sliding_window"
FOUR_AXES = "inputs of more than three axes, which attention_axes is about"
OVERRIDES = "overrides or calls Keras's internal method _compute_attention"
EXCLUDED = {  # beginning of a name: the argument of Keras's that ours refuses, or another reason
    "test_attention_axes_negative_indexing": AXES,
    "test_basics_with_flash_attention": FLASH,
    "test_causal_only_masks_non_4d_inputs": AXES,
    "test_causal_only_skipped_for_subclass": OVERRIDES,
    "test_compute_attention_combines_causal_and_explicit_mask": OVERRIDES,
    "test_compute_output_shape_different_qv_last_dims": FOUR_AXES,
    "test_compute_output_shape_high_dim": FOUR_AXES,
    "test_flash_attention_with_errors": FLASH,
    "test_high_dim_attention": AXES,
    "test_initializer": "kernel_initializer",
    "test_lora": GATE,
    "test_mha_constraints": "kernel_constraint",
    "test_quantize_int8": GATE,
    "test_sliding_window": WINDOW,
}
PEEKED_AT = ("query_dense", "key_dense", "value_dense")  # Keras's tests read these with an underscore before


@pytest.fixture(scope="module")
def case_class(request):
    """Return Keras's test case with our layer in the place of Keras's."""
    request.config.addinivalue_line("markers", "requires_trainable_backend: a mark of Keras's own tests")
    module = importlib.import_module("keras.src.layers.attention.multi_head_attention_test")

    class OnOurs(module.MultiHeadAttentionTest):
        def run_layer_test(self, layer_cls, init_kwargs, **options):
            """Check what Keras checks, or where ours lacks an argument, that it says so."""
            assert layer_cls is MultiHeadAttention
            if GATE not in init_kwargs:
                return super().run_layer_test(layer_cls, init_kwargs, **options)
            with pytest.raises(ValueError, match=f"received `{GATE}`"):
                layer_cls(**init_kwargs)

    names = vars(importlib.import_module("keras.src.layers"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "layers", types.SimpleNamespace(**names | {"MultiHeadAttention": MultiHeadAttention}))
        for name in PEEKED_AT:
            reader = property(lambda layer, name=name: getattr(layer, name))
            patch.setattr(MultiHeadAttention, f"_{name}", reader, raising=False)
        yield OnOurs
    keras.config.enable_traceback_filtering()  # which Keras's tests switch off


@pytest.mark.parametrize("name", RUN)
def test_keras_own_test_passes_on_our_layer(case_class, name):
    result = unittest.TestResult()
    case_class(name).run(result)
    assert result.testsRun == 1
    assert not result.skipped
    problems = [text for _, text in (*result.errors, *result.failures)]
    assert not problems, problems[0]


def test_every_test_of_keras_runs_or_is_excluded_with_a_reason(case_class):
    found = set(unittest.TestLoader().getTestCaseNames(case_class))
    excluded = {name for name in found if name.startswith(tuple(EXCLUDED))} - {*RUN}
    assert found == excluded | {*RUN}, "run what is new in Keras, or say why it does not apply"
    stale = [start for start in EXCLUDED if not any(name.startswith(start) for name in found)]
    assert not stale


@pytest.mark.parametrize("reason", sorted({*EXCLUDED.values()} - {FOUR_AXES, OVERRIDES}))
def test_arguments_that_exclude_tests_are_arguments_of_keras_that_ours_refuses(reason):
    keras.layers.MultiHeadAttention(2, 3, **{reason: None})
    with pytest.raises(ValueError, match=f"received `{reason}`"):
        MultiHeadAttention(2, 3, **{reason: None})


def test_our_layer_is_the_one_that_is_tested(case_class, monkeypatch):
    monkeypatch.setattr(MultiHeadAttention, "call", lambda self, query, value, **options: query * 0)
    result = unittest.TestResult()
    case_class("test_correctness_disable_flash_attention").run(result)
    assert result.errors or result.failures
