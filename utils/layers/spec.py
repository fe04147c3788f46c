"""What Keras asks of an attention layer apart from computing: its configuration and its shapes before any number."""

from typing import Any

import keras

from utils.checks import check_shapes


class AttentionSpec(keras.Layer):
    """Configuration and symbolic shapes of `MultiHeadAttention`, for saving and for functional models."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        names = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "num_kv_heads")
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | own | {"output_shape": self._output_shape}

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple:
        """Return the shape of the output, (B, T, ...), for the shapes of query, value and key.

        Raises:
            ValueError: the shapes disagree.
        """
        check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        *masks: Any,
        return_attention_scores: bool = False,
        **options: Any,
    ) -> Any:
        """Return placeholders for what `call` returns; neither masks nor options change their shapes."""
        key_shape = None if key is None else key.shape
        shape = self.compute_output_shape(query.shape, value.shape, key_shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        weights = (query.shape[0], self.num_heads, query.shape[1], value.shape[1])  # (B, H, T, S)
        return output, keras.KerasTensor(weights, dtype=self.compute_dtype)
