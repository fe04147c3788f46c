// Fetch the weights when the reader asks for them, and unpack them. They come as scripts with base64 in them, in parts:
// a page that was opened from the disk may load scripts, and nothing else.
(function (live) {
  "use strict";

  const folder = new URL(".", globalThis.document?.currentScript?.src ?? "file:///");
  const parts = []; // what each script hands over, by its number

  live.receive = (number, base64) => (parts[number] = base64);

  // Load a script of this folder once.
  function loadScript(name) {
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = new URL(name, folder).href;
      script.onload = () => done(script.remove());
      script.onerror = () => failed(new Error(`${name} could not be loaded`), script.remove());
      document.head.append(script);
    });
  }

  let loading; // one model for all elements of a page

  // Return a promise of {model, tokenizer}; onProgress is told the share that has come, from 0 to 1.
  live.load = (onProgress = () => {}) => {
    loading ??= loadAll(onProgress).catch((error) => {
      loading = undefined; // so that the reader can try again
      throw error;
    });
    return loading;
  };

  async function loadAll(onProgress) {
    await loadScript("characters.js"); // sets live.characters
    await loadScript("weights/contents.js"); // sets live.contents
    const { count, bytes, vocabulary } = live.contents;
    for (let number = 0; number < count; number += 1) {
      if (!parts[number]) await loadScript(`weights/part-${number}.js`);
      onProgress((number + 1) / count);
    }
    const file = bytesOf(parts.join(""));
    if (file.length !== bytes) throw new Error(`${bytes} bytes of weights were expected; ${file.length} came`);
    parts.length = 0;
    return { model: live.unpack(file), tokenizer: new live.Tokenizer(vocabulary, live.characters) };
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

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
