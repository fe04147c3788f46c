"""Model solutions of the exercises on the architecture, as the chapter folds them under the exercises."""

import numpy as np


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


# architecture-sampling
def next_token(logits, temperature, top_k):
    scores = logits / temperature
    scores = np.where(logits < np.sort(logits)[-top_k], -np.inf, scores)
    odds = np.exp(scores - scores.max())
    return odds / odds.sum()


BY_ID = {
    "architecture-mask": decoder_mask,
    "architecture-parameters": model_parameters,
    "architecture-sampling": next_token,
}
