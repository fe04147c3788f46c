"""Model solutions of the exercises on models of one's own, as the chapter folds them under the exercises."""


# custom-count
def count_numbers(vocabulary, positions, width, layers, inner):
    tables = (vocabulary + positions + 2) * width
    norm = 2 * width
    attention = 4 * (width * width + width)
    feed_forward = width * inner + inner + inner * width + width
    layer = attention + norm + feed_forward + norm
    return tables + norm + layers * layer


# custom-merge
def merge(kernel, a, b, alpha):
    rank = a.shape[1]
    return kernel + alpha / rank * (a @ b)


BY_ID = {"custom-count": count_numbers, "custom-merge": merge}
