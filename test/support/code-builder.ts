/**
 * Machine code that names variables: an instruction is its bytes up to the displacement, the variable, and the bytes
 * behind it.
 */
export type Instruction = readonly [head: string, target?: number, tail?: string]

/** The bytes of instructions placed at `address`, with their RIP-relative displacements filled in. */
export function assemble(address: number, instructions: readonly Instruction[]): Uint8Array {
  const code: number[] = []
  for (const [head, target, tail = ''] of instructions) {
    code.push(...bytesOf(head))
    const end = code.length + (target === undefined ? 0 : 4) + bytesOf(tail).length
    if (target !== undefined) code.push(...int32(target - (address + end)))
    code.push(...bytesOf(tail))
  }
  return Uint8Array.from(code)
}

function bytesOf(hex: string): number[] {
  return [...hex.matchAll(/[0-9a-f]{2}/g)].map(([byte]) => Number.parseInt(byte, 16))
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}
