/**
 * One sequence's state as libllama 0.5.0 writes it (`llama_state_seq_get_data`), and images it reads back.
 *
 *   u32 magic · i32 sequence · u32 streams · per stream: u32 cells, and where that is not 0:
 *   per cell i32 position, u32 1, i32 sequence · u32 V transposed · u32 layers ·
 *   per layer u32 type, u64 row bytes, rows of K · per layer the same for V
 *
 * Cells come in cell order, which is position order only while the cache is not fragmented, so rows are found by
 * position. With flash attention V is not transposed and rows are per token: a page is a slice of every layer.
 */
export const STATE_MAGIC = 0xaf143cd8;
const CELL_BYTES = 12;
const PART_HEAD_BYTES = 12;

/** One layer's keys or values: the element type's number and the bytes of one token's row. */
export interface StatePart {
  type: number;
  rowBytes: number;
}

/** What all states of a context have in common. */
export interface StateShape {
  streams: number;
  layers: number;
  /** K of every layer, then V of every layer. */
  parts: readonly StatePart[];
  /** Bytes of one token over all parts. */
  tokenBytes: number;
}

export interface ParsedState {
  shape: StateShape;
  cells: number;
  /** Where the rows of each part begin. */
  offsets: readonly number[];
  /** Cell of each position, or null when cells are in position order from 0. */
  cellOf: ReadonlyMap<number, number> | null;
}

/** Throws on anything but the known layout: a wrong guess here would be a wrong answer later. */
export function parseState(bytes: Uint8Array): ParsedState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const u32 = (): number => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  if (u32() !== STATE_MAGIC) throw new Error('not a sequence state of the known version');
  u32();
  const streams = u32();
  let cells = 0;
  for (let stream = 0; stream < streams && cells === 0; stream++) cells = u32();
  if (cells === 0) throw new Error('the sequence has no cells');
  const cellOf = cellsByPosition(view, at, cells);
  at += cells * CELL_BYTES;
  if (u32() !== 0) throw new Error('values are transposed: pages need flash attention');
  const layers = u32();
  const parts: StatePart[] = [];
  const offsets: number[] = [];
  for (let part = 0; part < layers * 2; part++) {
    const type = u32();
    const rowBytes = Number(view.getBigUint64(at, true));
    at += 8;
    parts.push({ type, rowBytes });
    offsets.push(at);
    at += rowBytes * cells;
    if (at > bytes.length) throw new Error('the sequence state is cut');
  }
  const tokenBytes = parts.reduce((sum, { rowBytes }) => sum + rowBytes, 0);
  return { shape: { streams, layers, parts, tokenBytes }, cells, offsets, cellOf };
}

function cellsByPosition(view: DataView, at: number, cells: number): Map<number, number> | null {
  const positions = Array.from({ length: cells }, (_, cell) => view.getInt32(at + cell * CELL_BYTES, true));
  return positions.every((position, cell) => position === cell)
    ? null
    : new Map(positions.map((position, cell) => [position, cell]));
}

/** Copies rows of positions `[from, from + count)` part by part into `target`, which holds exactly them. */
export function cutRows(
  bytes: Uint8Array,
  state: ParsedState,
  from: number,
  count: number,
  target: Uint8Array,
): void {
  let to = 0;
  for (const [part, { rowBytes }] of state.shape.parts.entries()) {
    const start = state.offsets[part]!;
    if (state.cellOf === null) {
      target.set(bytes.subarray(start + rowBytes * from, start + rowBytes * (from + count)), to);
    } else {
      for (let row = 0; row < count; row++) {
        const cell = state.cellOf.get(from + row);
        if (cell === undefined) throw new Error(`the sequence has no position ${from + row}`);
        target.set(
          bytes.subarray(start + rowBytes * cell, start + rowBytes * (cell + 1)),
          to + row * rowBytes,
        );
      }
    }
    to += rowBytes * count;
  }
}

/** Bytes of an image of that many tokens. */
export function imageBytes(shape: StateShape, tokens: number): number {
  const heads = 8 + shape.streams * 4 + 4 + 8 + shape.parts.length * PART_HEAD_BYTES;
  return heads + tokens * (CELL_BYTES + shape.tokenBytes);
}

/**
 * Lays out an image of `tokens` tokens at positions 0… in `target` (of `imageBytes` bytes), all but the rows.
 * Returns where the rows of each part go.
 */
export function layOutImage(shape: StateShape, tokens: number, target: Uint8Array): number[] {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let at = 0;
  const u32 = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  u32(STATE_MAGIC);
  u32(0);
  u32(shape.streams);
  u32(tokens);
  for (let position = 0; position < tokens; position++) {
    u32(position);
    u32(1);
    u32(0);
  }
  u32(0);
  u32(shape.layers);
  const offsets: number[] = [];
  for (const { type, rowBytes } of shape.parts) {
    u32(type);
    view.setBigUint64(at, BigInt(rowBytes), true);
    at += 8;
    offsets.push(at);
    at += rowBytes * tokens;
  }
  // The image's cells are in its first stream; the others are empty.
  for (let stream = 1; stream < shape.streams; stream++) u32(0);
  return offsets;
}

/** The pieces of an image that one page of `count` tokens from `from` fills, in the page's order. */
export function pageViews(
  image: Uint8Array,
  shape: StateShape,
  offsets: readonly number[],
  from: number,
  count: number,
): Uint8Array[] {
  return shape.parts.map(({ rowBytes }, part) => {
    const start = offsets[part]! + rowBytes * from;
    return image.subarray(start, start + rowBytes * count);
  });
}
