/** V8 need not move what begins at a multiple of this. */
const ALIGNMENT = 8

/** Compiled parts of the program. */
export interface CompiledParts {
  /** Whether a run that answered is among those that compiled them: one that failed used few functions. */
  readonly answered: boolean
  readonly parts: ReadonlyMap<string, Uint8Array>
}

interface Index {
  readonly answered: boolean
  readonly lengths: readonly (readonly [name: string, length: number])[]
}

/** One behind the other: a line of JSON, filled up with spaces; then each at the next multiple of 8 bytes. */
export function packParts({answered, parts}: CompiledParts): Uint8Array {
  const lengths = [...parts].map(([name, {length}]) => [name, length] as const)
  const index = JSON.stringify({answered, lengths} satisfies Index)
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
export function unpackParts(packed: Uint8Array): CompiledParts {
  let at = packed.indexOf(0x0a) + 1
  const head = Buffer.from(packed.buffer, packed.byteOffset, at).toString('latin1')
  const {answered, lengths}: Index = JSON.parse(head)
  const parts = new Map<string, Uint8Array>()
  for (const [name, length] of lengths) {
    parts.set(name, Buffer.from(packed.buffer, packed.byteOffset + at, length))
    at += aligned(length)
  }
  return {answered, parts}
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT
}
