// Rows of call frame information, for any program: against the rules as DWARF 5, 6.4.2 states each instruction.
import {deepEqual, equal} from 'node:assert/strict'
import test from 'ava'
import type {Random} from '../../lab/fuzz/random.ts'
import {toAddress} from '../../src/base/address.ts'
import {Cursor} from '../../src/base/cursor.ts'
import {FormatError} from '../../src/base/errors.ts'
import {runCfiProgram} from '../../src/dwarf/cfi-program.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {forAll, listOf} from '../support/for-all.ts'

const START = 0x1000
const RSP = 7
const RETURN_ADDRESS = 16
const DATA_ALIGNMENT = -8
/** DWARF 5, table 7.29. */
const OP = {
  advance_loc1: 0x02,
  advance_loc2: 0x03,
  undefined: 0x07,
  same_value: 0x08,
  register: 0x09,
  remember_state: 0x0a,
  restore_state: 0x0b,
  def_cfa: 0x0c,
  def_cfa_register: 0x0d,
  def_cfa_offset: 0x0e,
  def_cfa_offset_sf: 0x13,
  val_offset: 0x14,
} as const

interface Rules {
  cfa: {register: number; offset: number}
  rules: Map<number, unknown>
}

/** An instruction: its bytes, how far it moves the location, what it does to the rules. */
interface Step {
  readonly hex: string
  readonly advance: number
  readonly apply: (now: Rules, stack: Rules[], initial: Rules) => Rules
}

const INITIAL: Rules = {
  cfa: {register: RSP, offset: 8},
  rules: new Map([[RETURN_ADDRESS, {kind: 'at-cfa', offset: -8}]]),
}

function hexOf(build: (builder: BytesBuilder) => void): string {
  const builder = new BytesBuilder()
  build(builder)
  return Buffer.from(builder.build()).toString('hex')
}

function step(build: (builder: BytesBuilder) => void, apply: Step['apply'], advance = 0): Step {
  return {hex: hexOf(build), advance, apply}
}

const unchanged: Step['apply'] = now => now

function withRule(register: number, rule: unknown): Step['apply'] {
  return ({cfa, rules}) => ({cfa, rules: new Map([...rules, [register, rule]])})
}

function anyStep(random: Random): Step {
  const register = random.pick([0, 3, 6, 12, 13, 14, 15, RETURN_ADDRESS])
  const other = random.below(16)
  const offset = 1 + random.below(300)
  const [delta, wide] = [random.below(0x40), random.below(2000)]
  const anchored = {kind: 'at-cfa', offset: offset * DATA_ALIGNMENT}
  return random.pick<Step>([
    step(b => b.u8(0x40 + delta), unchanged, delta),
    step(b => b.u8(0x40 + delta), unchanged, delta),
    step(b => b.u8(OP.advance_loc1, delta), unchanged, delta),
    step(b => b.u8(OP.advance_loc2).u16(wide), unchanged, wide),
    step(b => b.u8(0x80 + register).uleb128(offset), withRule(register, anchored)),
    step(b => b.u8(OP.undefined).uleb128(register), withRule(register, {kind: 'undefined'})),
    step(b => b.u8(OP.same_value).uleb128(register), withRule(register, {kind: 'same'})),
    step(
      b => b.u8(OP.register).uleb128(register).uleb128(other),
      withRule(register, {kind: 'register', register: other, offset: 0}),
    ),
    step(
      b => b.u8(OP.val_offset).uleb128(register).uleb128(offset),
      withRule(register, {kind: 'cfa', offset: offset * DATA_ALIGNMENT}),
    ),
    step(
      b => b.u8(OP.def_cfa).uleb128(other).uleb128(offset),
      ({rules}) => ({cfa: {register: other, offset}, rules}),
    ),
    step(
      b => b.u8(OP.def_cfa_register).uleb128(other),
      ({cfa, rules}) => ({cfa: {...cfa, register: other}, rules}),
    ),
    step(
      b => b.u8(OP.def_cfa_offset).uleb128(offset),
      ({cfa, rules}) => ({cfa: {...cfa, offset}, rules}),
    ),
    step(
      b => b.u8(OP.def_cfa_offset_sf).sleb128(-offset),
      ({cfa, rules}) => ({cfa: {...cfa, offset: -offset * DATA_ALIGNMENT}, rules}),
    ),
    step(
      b => b.u8(0xc0 + register),
      (now, _, initial) => withRule(register, initial.rules.get(register))(now, [], now),
    ),
    step(
      b => b.u8(OP.remember_state),
      (now, stack) => {
        stack.push(now)
        return now
      },
    ),
  ])
}

/** As many states are restored as were remembered, never more. */
function anyProgram(random: Random): Step[] {
  let depth = 0
  const restore = step(
    b => b.u8(OP.restore_state),
    (now, stack) => stack.pop() ?? now,
  )
  return listOf(random, 40, () => {
    const next = depth > 0 && random.once(6) ? restore : anyStep(random)
    if (next === restore) depth--
    if (next.hex === '0a') depth++
    return next
  })
}

function rowAt(hex: string, pc: number) {
  return runCfiProgram(
    {
      codeAlignment: 1,
      dataAlignment: DATA_ALIGNMENT,
      returnAddressRegister: RETURN_ADDRESS,
      // DW_CFA_def_cfa rsp+8; DW_CFA_offset of the return address, 1 word below.
      initialInstructions: new Cursor(Buffer.from('0c07089001', 'hex'), 'cie'),
      instructions: new Cursor(Buffer.from(hex, 'hex'), 'fde'),
      start: START,
      readLocation: program => program.u64(),
    },
    toAddress(pc),
  )
}

/** The rules at a pc, one instruction after the other. */
function rulesAt(program: readonly Step[], pc: number): Rules {
  let [now, at] = [INITIAL, START]
  const stack: Rules[] = []
  for (const {advance, apply} of program) {
    at += advance
    if (at > pc) break
    now = apply(now, stack, INITIAL)
  }
  return now
}

test('the row at a pc is what the instructions up to that pc make, and no more', t => {
  forAll(t, 400, random => {
    const program = anyProgram(random)
    const hex = program.map(each => each.hex).join('')
    const end = START + program.reduce((sum, {advance}) => sum + advance, 0)
    for (const pc of [START, end, ...Array.from({length: 6}, () => START + random.below(end - START + 1))]) {
      const expected = rulesAt(program, pc)
      const {cfa, rules} = rowAt(hex, pc)
      deepEqual(cfa, {kind: 'register', ...expected.cfa}, `pc ${pc.toString(16)}`)
      for (let register = 0; register <= RETURN_ADDRESS; register++) {
        const absent = register === RETURN_ADDRESS ? {kind: 'undefined'} : undefined
        deepEqual(rules[register], expected.rules.get(register) ?? absent, `register ${register} at ${pc}`)
      }
    }
  })
})

test('any bytes are a row or a FormatError', t => {
  forAll(t, 3000, random => {
    const hex = Array.from({length: random.below(40)}, () => random.below(256).toString(16).padStart(2, '0')).join('')
    try {
      const {rules} = rowAt(hex, START + random.below(100))
      equal(rules.length, RETURN_ADDRESS + 1)
    } catch (error) {
      equal(error instanceof FormatError, true, `${error}`)
    }
  })
})
