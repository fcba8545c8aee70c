import {type Address, toAddress} from '../base/address.ts'
import {sha256} from '../base/sha256.ts'

const DISTANCE_SIZE = 4
/** The opcodes that a linker changes where a slot is near enough to be left out (psABI amd64, B.2). */
const [LOAD, ADDRESS_OF, CONSTANT] = [0x8b, 0x8d, 0xc7]
/** REX.W, and its bits that widen the two registers of a ModRM byte. */
const [REX_W, REX_R, REX_B] = [0x48, 4, 1]
const [CALL, JUMP, TWO_BYTES] = [0xe8, 0xe9, 0x0f]
const NO_BASE_NO_INDEX = 0x25

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
  const plain = new Uint8Array(code)
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  const isElsewhere = (target: number): boolean =>
    target >= module.start && target < module.end && (target < start || target >= start + code.length)
  for (let at = 1; at + DISTANCE_SIZE <= code.length; ) {
    const target = start + at + DISTANCE_SIZE + view.getInt32(at, true)
    if (isElsewhere(view.getUint32(at, true)) && unrelax(plain, at)) {
      at += DISTANCE_SIZE
      continue
    }
    if (!isElsewhere(target) || !isDistance(code, at)) {
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

/**
 * `mov $address,%reg`, which a linker makes of `mov slot(%rip),%reg` in a program that is not PIE, becomes
 * `lea place(%rip),%reg` again.
 */
function unrelax(code: Uint8Array, at: number): boolean {
  const [rex = 0, opcode, modRm = 0] = [code[at - 3], code[at - 2], code[at - 1]]
  if ((rex !== REX_W && rex !== REX_W + REX_B) || opcode !== CONSTANT || modRm < 0xc0 || modRm > 0xc7) return false
  code[at - 3] = rex === REX_W ? REX_W : REX_W + REX_R
  code[at - 2] = ADDRESS_OF
  code[at - 1] = (modRm - 0xc0) * 8 + 5
  code.fill(0, at, at + DISTANCE_SIZE)
  return true
}

/**
 * Behind a call, a jump or a ModRM byte that says RIP-relative (mod 00, r/m 101), four bytes are a distance. Behind a
 * SIB byte that has neither base nor index they are an address.
 */
function isDistance(code: Uint8Array, at: number): boolean {
  const [opcode, modRm = 0, before = 0] = [code[at - 3], code[at - 2], code[at - 1]]
  const isSib = before === NO_BASE_NO_INDEX && modRm < 0x40 && modRm % 8 === 4 && opcode !== TWO_BYTES
  if (isSib) return false
  const isBranch = before >= 0x80 && before < 0x90 && modRm === TWO_BYTES
  return before === CALL || before === JUMP || isBranch || (before < 0x40 && before % 8 === 5)
}
