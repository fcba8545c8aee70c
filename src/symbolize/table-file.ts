import type {TableParts} from './answer-table.ts'

/** How many numbers of 32 bits each part has, in their order, and the bytes of the text; then the parts themselves. */
const HEADER_WORDS = 6
/** Of what follows: another number is another layout. */
export const TABLE_FORMAT = 1

/** A table as bytes, of this machine's order. */
export function packTable({rows, stacks, frames, strings, text}: TableParts): Uint8Array[] {
  const header = Uint32Array.of(TABLE_FORMAT, rows.length, stacks.length, frames.length, strings.length, text.length)
  return [...[header, rows, stacks, frames, strings].map(bytesOf), text]
}

/** Views of the bytes; undefined where they are no table. What the numbers in it name need not be there. */
export function unpackTable(bytes: Uint8Array): TableParts | undefined {
  if (bytes.length < HEADER_WORDS * 4 || bytes.byteOffset % 4 !== 0) return undefined
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4))
  const [format, ...lengths] = words.subarray(0, HEADER_WORDS)
  const [rows = 0, stacks = 0, frames = 0, strings = 0, text = 0] = lengths
  const textStart = (HEADER_WORDS + rows + stacks + frames + strings) * 4
  if (format !== TABLE_FORMAT || textStart + text !== bytes.length) return undefined
  let at = HEADER_WORDS
  const take = (length: number): Uint32Array => {
    at += length
    return words.subarray(at - length, at)
  }
  const parts = {
    rows: take(rows),
    stacks: take(stacks),
    frames: take(frames),
    strings: take(strings),
    text: bytes.subarray(textStart),
  }
  return isSound(parts) ? parts : undefined
}

/** Texts and stacks follow each other, so that none is read twice by two numbers. */
function isSound({stacks, strings}: TableParts): boolean {
  return stacks.length > 0 && strings.length > 0 && isAscending(stacks) && isAscending(strings)
}

function isAscending(words: Uint32Array): boolean {
  for (let at = 1; at < words.length; at++) if ((words[at] as number) < (words[at - 1] as number)) return false
  return true
}

function bytesOf({buffer, byteOffset, byteLength}: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
