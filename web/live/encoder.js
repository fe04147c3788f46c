// The forward pass of an encoder such as mini-bert, to be read; the names are those of utils/.
// T tokens, H heads, d_model = H · D. A matrix is a list of rows, each a Float32Array; a kernel
// has a row for each output. Source: Devlin et al. (2019), arXiv:1810.04805; the parts are those
// of Vaswani et al. (2017), arXiv:1706.03762.
(function (live) {
  "use strict";

  // —— Each token for itself

  // Return a vector of each token (T, d_model): that of its piece, of its place and of segment 0,
  // summed and normalised.
  function tokenEmbedding(tokenIds, { tokens, positions, types, norm }) {
    const x = tokenIds.map((id, place) =>
      tokens[id].map((value, i) => value + positions[place][i] + types[0][i]),
    );
    return layerNorm(x, norm);
  }

  // Bring each vector to mean 0 and variance 1, then scale and shift its entries.
  function layerNorm(x, { gamma, beta, epsilon }) {
    return x.map((vector) => {
      const mean = sum(vector) / vector.length;
      const variance = sum(vector.map((value) => (value - mean) ** 2)) / vector.length;
      const root = Math.sqrt(variance + epsilon);
      return vector.map((value, i) => ((value - mean) / root) * gamma[i] + beta[i]);
    });
  }

  // Multiply each vector by the kernel and add the bias: (T, inputs) becomes (T, outputs).
  function dense(x, { kernel, bias }) {
    return x.map((vector) => bias.map((shift, output) => dot(kernel[output], vector) + shift));
  }

  // Widen each vector, apply GELU, bring it back to its width.
  function feedForward(x, { intermediate, output }) {
    const wide = dense(x, intermediate).map((vector) => vector.map(gelu));
    return dense(wide, output);
  }

  // —— Tokens among each other

  // Return exp(score) of each score over the sum of all; zeros where all scores are -Infinity,
  // because nothing is allowed.
  function softmax(scores) {
    const largest = scores.reduce((a, b) => Math.max(a, b));
    if (largest === -Infinity) return scores.fill(0);
    const exponentials = scores.map((score) => Math.exp(score - largest));
    const total = sum(exponentials);
    return exponentials.map((value) => value / total);
  }

  // Set one weight of a row by hand; the others keep their proportions and share the rest of 1.
  function setWeight(row, place, weight) {
    const others = sum(row.map((value, i) => (i === place ? 0 : value)));
    if (!others) return row; // nobody to share with
    return row.map((value, i) => (i === place ? weight : (value / others) * (1 - weight)));
  }

  // Mix values by the weights softmax(query keyᵀ · scale): [mixtures (T, D), weights (T, T)].
  // Weights that were dragged by hand, each { query, key, weight }, take the place of the computed ones.
  function scaledDotProductAttention(query, key, value, { allowed, scale, dragged }) {
    const weights = query.map((q) => {
      const score = (k, place) => (allowed[place] ? dot(q, k) * scale : -Infinity);
      return softmax(Float32Array.from(key, score));
    });
    for (const { query: row, key: place, weight } of dragged) weights[row] = setWeight(weights[row], place, weight);
    const output = weights.map((row) => {
      const mixture = new Float32Array(value[0].length);
      row.forEach((weight, place) => {
        for (let i = 0; i < mixture.length; i += 1) mixture[i] += weight * value[place][i];
      });
      return mixture;
    });
    return [output, weights];
  }

  // Let each head attend on its own part of query, key and value, and bring all heads together:
  // [output (T, d_model), weights (H, T, T)].
  function multiHeadAttention(x, layer, { numHeads, allowed, scale, isCut, draggedIn }) {
    const parts = [layer.query, layer.key, layer.value];
    const [query, key, value] = parts.map((part) => dense(x, part)); // (T, d_model) each
    const keyDim = query[0].length / numHeads;
    const together = x.map(() => new Float32Array(numHeads * keyDim));
    const weights = [];
    for (let head = 0; head < numHeads; head += 1) {
      const start = head * keyDim;
      const own = (rows) => rows.map((row) => row.subarray(start, start + keyDim)); // (T, D)
      const [output, weight] = scaledDotProductAttention(own(query), own(key), own(value), {
        allowed,
        scale: scale ?? 1 / Math.sqrt(keyDim),
        dragged: draggedIn(head),
      });
      weights.push(weight);
      if (isCut(head)) continue; // its part stays zero
      output.forEach((row, place) => together[place].set(row, start));
    }
    return [dense(together, layer.attention_output), weights];
  }

  // —— Layers

  // One layer: attention, then feed-forward, each added to what went in and normalised:
  // [x (T, d_model), weights (H, T, T)].
  function encoderLayer(x, layer, options) {
    const [attended, weights] = multiHeadAttention(x, layer.attention, options);
    x = layerNorm(add(x, attended), layer.attention_norm);
    x = layerNorm(add(x, feedForward(x, layer.feed_forward)), layer.feed_forward_norm);
    return [x, weights];
  }

  // The encoder. Options: allowed (T), whether a token may be attended to; scale, 1/√D if undefined;
  // cut, a set of heads to silence, each named "layer.head"; dragged, a list of weights to set by
  // hand, one after the other, each { layer, head, query, key, weight }.
  function encoder(tokenIds, model, { allowed, scale, cut = new Set(), dragged = [] } = {}) {
    allowed ??= tokenIds.map(() => true);
    const hiddenStates = [tokenEmbedding(tokenIds, model.embedding)];
    const attention = model.blocks.map((block, number) => {
      const isCut = (head) => cut.has([number, head].join("."));
      const draggedIn = (head) => dragged.filter((one) => one.layer === number && one.head === head);
      const options = { numHeads: model.num_heads, allowed, scale, isCut, draggedIn };
      const [x, weights] = encoderLayer(hiddenStates[number], block, options);
      hiddenStates.push(x);
      return weights;
    });
    return { hiddenStates, attention }; // (layers + 1, T, d_model), (layers, H, T, T)
  }

  // The head: BERT's pooler makes one vector of that of [CLS], a last kernel a logit of each class.
  function classify(tokenIds, model, options) {
    const { hiddenStates, attention } = encoder(tokenIds, model, options);
    const last = hiddenStates[hiddenStates.length - 1];
    const pooled = dense([last[0]], model.pooler)[0].map(Math.tanh);
    const logits = dense([pooled], model.head)[0];
    return { logits, probabilities: softmax(logits), hiddenStates, attention };
  }

  // —— Arithmetic

  // Return x · Φ(x), exact but for 1e-7 · x: Abramowitz and Stegun (1964), 7.1.26, give erf so.
  function gelu(x) {
    const z = Math.abs(x) / Math.SQRT2;
    const t = 1 / (1 + 0.3275911 * z);
    let series = 1.061405429 * t - 1.453152027;
    series = ((series * t + 1.421413741) * t - 0.284496736) * t + 0.254829592;
    const erf = 1 - series * t * Math.exp(-z * z);
    return (x / 2) * (1 + Math.sign(x) * erf);
  }

  // Lengths are multiples of four here, and four sums side by side are quicker than one.
  function dot(a, b) {
    let first = 0;
    let second = 0;
    let third = 0;
    let fourth = 0;
    for (let i = 0; i < a.length; i += 4) {
      first += a[i] * b[i];
      second += a[i + 1] * b[i + 1];
      third += a[i + 2] * b[i + 2];
      fourth += a[i + 3] * b[i + 3];
    }
    return first + second + third + fourth;
  }

  function sum(vector) {
    let total = 0;
    for (let i = 0; i < vector.length; i += 1) total += vector[i];
    return total;
  }

  function add(x, y) {
    return x.map((vector, place) => vector.map((value, i) => value + y[place][i]));
  }

  Object.assign(live, { encoder, classify, softmax, gelu, dot });
})((globalThis.live ??= {}));
