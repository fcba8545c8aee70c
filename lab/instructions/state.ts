import {createHash} from 'node:crypto'
import {Random} from '../fuzz/random.ts'
import type {InstructionForm} from './forms.ts'

/** Registers before or after an instruction, as the native program has them: where each part begins. */
export const STATE = {general: 0, flags: 128, masks: 136, vectors: 200, memory: 456, size: 712} as const
/** The memory that instructions read and write, at the same place in both worlds. */
export const SCRATCH = {start: 0x10000000, size: 256, source: 0x10000040, destination: 0x10000080} as const

const STATUS = 0x8d5
const DIRECTION = 0x400
const WORDS = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
]
const FLOATS = [
  0,
  -0,
  1,
  -1,
  1.5,
  2.5,
  -2.5,
  0.1,
  1e10,
  -1e10,
  2 ** 31,
  -(2 ** 31),
  2 ** 63,
  1e300,
  1e-310,
  1e-40,
  Infinity,
  -Infinity,
  NaN,
  3.4e38,
  123456.789,
]

/** The state that a form is begun in: the same for the same number, everywhere. */
export function stateBefore(form: InstructionForm, index: number): Uint8Array {
  const random = new Random(hashOf(form.text) ^ (index * 7919))
  const state = new Uint8Array(STATE.size)
  const view = new DataView(state.buffer)
  for (let register = 0; register < 16; register++) view.setBigUint64(register * 8, wordOf(random), true)
  view.setBigUint64(STATE.flags, BigInt(random.next() & STATUS), true)
  for (let mask = 0; mask < 8; mask++) view.setBigUint64(STATE.masks + mask * 8, wordOf(random), true)
  for (let at: number = STATE.vectors; at < STATE.size; at += 64) fillVector(random, state.subarray(at, at + 64))
  view.setBigUint64(4 * 8, 0n, true)
  view.setBigUint64(6 * 8, BigInt(SCRATCH.source), true)
  view.setBigUint64(7 * 8, BigInt(SCRATCH.destination), true)
  PREPARATIONS[form.prepare](view, random, form)
  return state
}

function hashOf(text: string): number {
  let hash = 17
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return hash
}

function wordOf(random: Random): bigint {
  const any = (BigInt(random.next()) << 32n) | BigInt(random.next())
  if (random.once(3)) return random.pick(WORDS)
  return random.once(3) ? any & 0xffn : any
}

function fillVector(random: Random, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const kind = random.below(5)
  for (let at = 0; at < bytes.length; at += 8) {
    if (kind === 0) view.setFloat64(at, random.pick(FLOATS), true)
    else if (kind === 1) {
      view.setFloat32(at, random.pick(FLOATS), true)
      view.setFloat32(at + 4, random.pick(FLOATS), true)
    } else view.setBigUint64(at, wordOf(random), true)
  }
  // Text of few letters, with an end.
  if (kind === 2)
    for (let at = 0; at < bytes.length; at++) bytes[at] = random.pick([0x61, 0x62, 0x63, random.once(8) ? 0 : 0x61])
}

type Prepare = (view: DataView, random: Random, form: InstructionForm) => void

const DIVISORS = [3n, 7n, 100n, 127n, -3n, -100n]

const PREPARATIONS: Readonly<Record<InstructionForm['prepare'], Prepare>> = {
  nothing: () => {},
  /** A divisor that is not 0, and a dividend whose quotient has room. */
  division: (view, random, {text}) => {
    const divisor = BigInt.asUintN(64, random.pick(DIVISORS))
    for (const at of [8, 9 * 8, STATE.memory + SCRATCH.source - SCRATCH.start]) view.setBigUint64(at, divisor, true)
    const isNegative = text.startsWith('idiv') && random.once(2)
    const isByte = /v cl$/.test(text)
    const value = isByte ? BigInt(random.below(128)) : view.getBigUint64(0, true) & 0x7fffn
    view.setBigUint64(0, isNegative ? BigInt.asUintN(64, -value - 1n) : value, true)
    view.setBigUint64(2 * 8, isNegative ? 0xffffffffffffffffn : 0n, true)
  },
  /** A count that stays inside of the memory, in either direction. */
  repeat: (view, random) => {
    view.setBigUint64(8, BigInt(random.below(8)), true)
    if (random.once(2)) view.setBigUint64(STATE.flags, view.getBigUint64(STATE.flags, true) | BigInt(DIRECTION), true)
  },
  offset: (view, random) => view.setBigUint64(2 * 8, BigInt.asUintN(64, BigInt(random.below(512)) - 256n), true),
}

/** What is defined of a state after: without rsp, and without flags that the form leaves open. */
export function definedPart(form: InstructionForm, after: Uint8Array): Uint8Array {
  const state = Uint8Array.from(after)
  const view = new DataView(state.buffer)
  view.setBigUint64(4 * 8, 0n, true)
  const kept = (STATUS | DIRECTION) & ~form.undefinedFlags
  view.setBigUint64(STATE.flags, view.getBigUint64(STATE.flags, true) & BigInt(kept), true)
  return state
}

/** Of all states after a form, in short. */
export function digestOf(states: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const state of states) hash.update(state)
  return hash.digest('hex').slice(0, 12)
}
