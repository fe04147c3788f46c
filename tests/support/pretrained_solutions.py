"""Model solutions of the exercises on pre-trained models, as the chapter folds them under the exercises."""

import numpy as np


# pretrained-cut-word
def cut_word(word, pieces):
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            if mark + word[start:end] in pieces:
                break
        else:
            return "[UNK]"
        found.append(mark + word[start:end])
        start = end
    return " ".join(found)


# pretrained-hidden-loss
def hidden_loss(logits, ids, hidden):
    scores = logits - logits.max(axis=-1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    right = log_p[np.arange(len(ids)), ids]
    return -right[hidden].mean()


BY_ID = {
    "pretrained-cut-word": cut_word,
    "pretrained-hidden-loss": hidden_loss,
}
