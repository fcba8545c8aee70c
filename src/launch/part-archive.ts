/** V8 need not move what begins at a multiple of this. */
const ALIGNMENT = 8

/**
 * Compiled parts one behind the other: a line of JSON, [name, length] of each, filled up with spaces; then each at the
 * next multiple of 8 bytes.
 */
export function packParts(parts: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const index = JSON.stringify([...parts].map(([name, {length}]) => [name, length]))
  const head = Buffer.from(index.padEnd(aligned(index.length + 1) - 1).concat('\n'), 'latin1')
  const size = [...parts.values()].reduce((total, {length}) => total + aligned(length), head.length)
  const packed = new Uint8Array(size)
  packed.set(head)
  let at = head.length
  for (const part of parts.values()) {
    packed.set(part, at)
    at += aligned(part.length)
  }
  return packed
}

/** @param packed as `packParts` made it, and unharmed */
export function unpackParts(packed: Uint8Array): Map<string, Uint8Array> {
  let at = packed.indexOf(0x0a) + 1
  const head = Buffer.from(packed.buffer, packed.byteOffset, at).toString('latin1')
  const index: [string, number][] = JSON.parse(head)
  const parts = new Map<string, Uint8Array>()
  for (const [name, length] of index) {
    parts.set(name, Buffer.from(packed.buffer, packed.byteOffset + at, length))
    at += aligned(length)
  }
  return parts
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT
}
