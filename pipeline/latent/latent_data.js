"use strict";
// What the page carries: rows as typed arrays, decoders as layers.
const latentData = (holder) => {
  const ARRAYS = {
    u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array,
    f4: Float32Array, f8: Float64Array,
  };
  const STEPS = 65535;
  const unpacked = ({ dtype, data }) => {
    const text = atob(data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return new ARRAYS[dtype](bytes.buffer);
  };
  const raw = JSON.parse(holder.textContent);
  const columnsOf = (columns) => columns.map((one) => ({ ...one, values: unpacked(one.values) }));
  const data = {
    n: raw.n, threshold: raw.threshold, parts: raw.parts, example: raw.example,
    pathScores: raw.path_scores,
    rowId: unpacked(raw.row_id), label: unpacked(raw.label), score: unpacked(raw.score),
    part: unpacked(raw.part), columns: columnsOf(raw.columns), pictures: {},
  };
  data.time = raw.time && (raw.time.texts ? raw.time : columnsOf([raw.time])[0]);
  data.draws = raw.draws && {
    ...raw.draws, score: unpacked(raw.draws.score), columns: columnsOf(raw.draws.columns),
  };
  Object.entries(raw.pictures).forEach(([name, one]) => {
    data.pictures[name] = {
      places: unpacked(one.places), cluster: unpacked(one.cluster), codes: unpacked(one.codes),
      low: one.low, high: one.high,
      decoder: one.decoder.map((layer) => ({
        kernel: unpacked(layer.kernel), bias: unpacked(layer.bias), activation: layer.activation,
      })),
    };
  });

  const cell = (column, i) => {
    if (column.texts) return column.texts[i];
    return column.categories ? column.categories[column.values[i]] : column.values[i];
  };
  // Rows are in the order of their numbers.
  const position = (row) => {
    let low = 0;
    let high = data.n - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (data.rowId[middle] === row) return middle;
      if (data.rowId[middle] < row) low = middle + 1; else high = middle - 1;
    }
    return -1;
  };

  // Error function to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26.
  const erf = (x) => {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const sum = t * (0.254829592 + t * (-0.284496736
      + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - sum * Math.exp(-x * x));
  };
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const elu = (x) => (x > 0 ? x : Math.expm1(x));
  // Keras's, by name.
  const ACTIVATIONS = {
    elu, sigmoid, tanh: Math.tanh,
    gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    leaky_relu: (x) => (x > 0 ? x : 0.2 * x),
    linear: (x) => x,
    relu: (x) => Math.max(x, 0),
    selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
    silu: (x) => x * sigmoid(x),
    softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  };
  const decode = (layers, code) => layers.reduce((input, layer) => {
    const apply = ACTIVATIONS[layer.activation];
    return Array.from(layer.bias, (bias, j) => {
      let sum = bias;
      for (let i = 0; i < input.length; i += 1) sum += input[i] * layer.kernel[i * layer.bias.length + j];
      return apply(sum);
    });
  }, code);
  const unscale = (row) => {
    const found = {};
    raw.scaled.forEach((one) => {
      const block = row.slice(one.start, one.start + one.width);
      if (one.categories) {
        found[one.name] = one.categories[block.indexOf(Math.max(...block))];
      } else {
        const straight = one.is_bent ? Math.sinh(block[0] * one.bound) : block[0];
        found[one.name] = straight * one.scale + one.offset;
      }
    });
    return found;
  };
  const code = (picture, i) => picture.low.map((low, j) =>
    low + ((picture.high[j] - low) * picture.codes[i * picture.low.length + j]) / STEPS);
  const nearest = (picture, wanted) => {
    const d = wanted.length;
    const steps = wanted.map((x, j) => ((x - picture.low[j]) / (picture.high[j] - picture.low[j] || 1)) * STEPS);
    const weight = wanted.map((_, j) => ((picture.high[j] - picture.low[j]) / STEPS) ** 2);
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < data.n; i += 1) {
      let sum = 0;
      for (let j = 0; j < d && sum < least; j += 1) {
        const gap = picture.codes[i * d + j] - steps[j];
        sum += gap * gap * weight[j];
      }
      if (sum < least) { least = sum; best = i; }
    }
    return best;
  };
  const N_STEPS = 9;
  // What the decoder makes of the straight line between two codes; scores only where the command
  // line has walked it.
  const path = (encoder, a, b) => {
    const picture = data.pictures[encoder];
    const [from, to] = [code(picture, a), code(picture, b)];
    const key = (x, y) => `${encoder}:${data.rowId[x]}:${data.rowId[y]}`;
    const backwards = data.pathScores[key(b, a)];
    const scores = data.pathScores[key(a, b)] || (backwards && [...backwards].reverse());
    return Array.from({ length: N_STEPS }, (_, step) => {
      const share = step / (N_STEPS - 1);
      const here = from.map((x, j) => x + share * (to[j] - x));
      const row = decode(picture.decoder, here);
      return {
        share, scaled: row, columns: unscale(row), near: nearest(picture, here),
        score: scores ? scores[step] : null,
      };
    });
  };
  return { ...data, cell, position, path };
};
