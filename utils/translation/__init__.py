"""A Transformer that translates: pairs of sentences, a joint vocabulary, training that resumes, and translating."""
