import {type Address, toAddress} from '../base/address.ts'
import type {CodeAccess} from './code-accesses.ts'

/** As it is kept, without names; a target by its distance from the beginning, which each process has elsewhere. */
type KeptAccess = readonly [
  kind: CodeAccess['kind'],
  width: number,
  target: number | null,
  base: number,
  displacement: number,
  threadLocal: boolean,
  locked: boolean,
  register: number,
]

/** Functions of some releases of a program; each core asks for the same two dozen. */
const FUNCTIONS_MAX = 256

/**
 * What the code of functions names, of those that were decoded before. A function is known by all its bytes, so that
 * nothing else need be compared; to load a disassembler for it takes a third of a small report.
 */
export class KnownAccesses {
  readonly #byCode: Map<string, readonly KeptAccess[]>
  #isNew = false

  /** @param kept as `takeNew` gave it, by this very build of the program */
  constructor(kept?: Uint8Array) {
    this.#byCode = new Map(kept ? JSON.parse(Buffer.from(kept).toString('latin1')) : [])
  }

  /** @param decode what CODE, which stands at ENTRY, names; asked where that is not known */
  of(code: Uint8Array, entry: Address, decode: () => CodeAccess[]): CodeAccess[] {
    const key = Buffer.from(code.buffer, code.byteOffset, code.length).toString('base64')
    const known = this.#byCode.get(key)
    if (known) return known.map(access => unpack(access, entry))
    const found = decode()
    if (this.#byCode.size >= FUNCTIONS_MAX) this.#byCode.clear()
    this.#byCode.set(
      key,
      found.map(access => pack(access, entry)),
    )
    this.#isNew = true
    return found
  }

  /** All that is known, for a later run; undefined where nothing is that was not known the last time. */
  takeNew(): Uint8Array | undefined {
    if (!this.#isNew) return undefined
    this.#isNew = false
    return Buffer.from(JSON.stringify([...this.#byCode]), 'latin1')
  }
}

function pack(access: CodeAccess, entry: Address): KeptAccess {
  const {kind, width, target, base, displacement, threadLocal, locked, register} = access
  const distance = target === undefined ? null : target - entry
  return [kind, width, distance, base, displacement, threadLocal, locked, register]
}

function unpack(kept: KeptAccess, entry: Address): CodeAccess {
  const [kind, width, distance, base, displacement, threadLocal, locked, register] = kept
  const shared = {kind, width, base, threadLocal, locked, register}
  if (distance === null) return {...shared, target: undefined, displacement}
  // The disassembler gives the address for the displacement, too.
  const target = toAddress(entry + distance)
  return {...shared, target, displacement: target}
}
