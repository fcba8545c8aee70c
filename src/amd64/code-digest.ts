import {type Address, toAddress} from '../base/address.ts'
import {sha256} from '../base/sha256.ts'

const DISTANCE_SIZE = 4
/** The opcodes that a linker changes where a slot is near enough to be left out (psABI amd64, B.2). */
const [LOAD, ADDRESS_OF] = [0x8b, 0x8d]
const [CALL, JUMP, TWO_BYTES] = [0xe8, 0xe9, 0x0f]

/**
 * A digest of code that another link of it has too: where an instruction leads to anywhere else in the module, that is
 * where the linker put it, and counts for nothing; a constant text there counts by what it says.
 * @param textAt the constant text at an address; undefined where there is none
 */
export function fingerprintOf(
  code: Uint8Array,
  start: Address,
  module: {readonly start: number; readonly end: number},
  textAt: (address: Address) => string | undefined = () => undefined,
): string {
  const texts: string[] = []
  const plain = Uint8Array.from(code)
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 1; at + DISTANCE_SIZE <= code.length; ) {
    const target = start + at + DISTANCE_SIZE + view.getInt32(at, true)
    const isOwn = target >= start && target < start + code.length
    if (isOwn || !isDistance(code, at) || target < module.start || target >= module.end) {
      at++
      continue
    }
    plain.fill(0, at, at + DISTANCE_SIZE)
    const text = plain[at - 2] === ADDRESS_OF ? textAt(toAddress(target)) : undefined
    if (text !== undefined) texts.push(text)
    if (plain[at - 2] === LOAD) plain[at - 2] = ADDRESS_OF
    at += DISTANCE_SIZE
  }
  return sha256(Uint8Array.of(...new TextEncoder().encode(texts.join('')), ...plain)).slice(0, 8)
}

/** Behind a call, a jump or a ModRM byte that says RIP-relative (mod 00, r/m 101), four bytes are a distance. */
function isDistance(code: Uint8Array, at: number): boolean {
  const before = code[at - 1] as number
  const isBranch = before >= 0x80 && before < 0x90 && code[at - 2] === TWO_BYTES
  return before === CALL || before === JUMP || isBranch || (before < 0x40 && before % 8 === 5)
}
