"""Model solutions of the exercises on the architecture, as the chapter folds them under the exercises."""

import numpy as np


# architecture-layer-norm
def layer_norm(x, scale, shift, epsilon):
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)  # divides by d
    return scale * (x - mean) / np.sqrt(variance + epsilon) + shift


# architecture-mask
def decoder_mask(token_ids, pad_id):
    length = token_ids.shape[1]
    no_later = np.tri(length, dtype=bool)  # (T, T)
    is_token = token_ids != pad_id  # (B, T)
    return no_later & is_token[:, None, :]  # hides keys


# architecture-parameters
def model_parameters(vocabulary_size, d_model, num_layers, intermediate_dim):
    attention = 4 * (d_model * d_model + d_model)
    network = d_model * intermediate_dim + intermediate_dim
    network += intermediate_dim * d_model + d_model
    norms = 2 * (d_model + d_model)
    return vocabulary_size * d_model + num_layers * (attention + network + norms)


# architecture-tokens
def tokens_read(prompt_length, num_tokens, use_cache):
    if use_cache:
        return prompt_length + num_tokens - 1
    return num_tokens * prompt_length + num_tokens * (num_tokens - 1) // 2


# architecture-sampling
def next_token(logits, temperature, top_k):
    scores = logits / temperature
    scores = np.where(logits < np.sort(logits)[-top_k], -np.inf, scores)
    odds = np.exp(scores - scores.max())
    return odds / odds.sum()


BY_ID = {
    "architecture-layer-norm": layer_norm,
    "architecture-mask": decoder_mask,
    "architecture-parameters": model_parameters,
    "architecture-tokens": tokens_read,
    "architecture-sampling": next_token,
}
