// Unpack the weights. They come in base64, because a page that was opened from the disk may load scripts alone.
(function (live) {
  "use strict";

  live.bytesOf = (base64) => {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return bytes;
  };

  // Return the model of a safetensors file: "blocks.0.attention.query.kernel" becomes model.blocks[0].attention.query.kernel.
  // Rows of eight bits are multiplied by their scales; what else has one axis was never rounded.
  live.unpack = (file) => {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const length = Number(view.getBigUint64(0, true));
    const { __metadata__: about, ...arrays } = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
    const data = (name) => {
      const [start, end] = arrays[name].data_offsets.map((offset) => file.byteOffset + 8 + length + offset);
      const bytes = file.buffer.slice(start, end);
      return new { I8: Int8Array, I32: Int32Array, F32: Float32Array }[arrays[name].dtype](bytes);
    };
    const model = { num_heads: Number(about.num_heads), max_length: Number(about.max_length) };
    model.classes = JSON.parse(about.classes);
    for (const [name, { dtype, shape }] of Object.entries(arrays)) {
      if (name.endsWith(".scale")) continue;
      const path = name.split(".");
      const last = path.pop();
      const place = path.reduce((inside, key, i) => (inside[key] ??= /^\d+$/.test(path[i + 1]) ? [] : {}), model);
      const values = data(name);
      place[last] = dtype === "I8" ? rowsOf(values, shape[1], data(`${name}.scale`)) : values;
      if (last === "gamma") place.epsilon = Number(about.epsilon);
    }
    const { tokens, finer, finer_ids } = model.embedding; // what is to be added to the rows of some tokens
    finer_ids.forEach((id, row) => finer[row].forEach((value, i) => (tokens[id][i] += value)));
    return model;
  };

  function rowsOf(codes, width, scales) {
    return Array.from(scales, (scale, row) =>
      Float32Array.from(codes.subarray(row * width, (row + 1) * width), (code) => code * scale),
    );
  }
})((globalThis.live ??= {}));
