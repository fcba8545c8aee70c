import {type Address, toAddress} from '../base/address.ts'
import {makeRow, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'
import {type DecodedInstruction, nextAddress, type StackEffect} from './disassembler.ts'

const RSP = 7
const RBP = 6
const CALLEE_SAVED = [3, 6, 12, 13, 14, 15] as const

/** Instructions that are followed for one pc, over all paths. */
const INSTRUCTION_LIMIT = 4000
/** Returns that are offered: the first is nearly always right, and the caller checks each. */
const CANDIDATE_LIMIT = 8
const PENDING_LIMIT = 256

/** A value by what it was at the pc in question. */
type Symbolic =
  /** A register's value then, plus an offset. */
  | {readonly kind: 'register'; readonly register: number; readonly offset: number}
  /** The word in memory at such a value. */
  | {readonly kind: 'slot'; readonly register: number; readonly offset: number}

/** Registers and stack along one path; what is not there is not known. */
class PathState {
  readonly registers: Map<number, Symbolic>
  /** Words pushed since, by `register:offset` of their slot. */
  readonly stored: Map<string, Symbolic | undefined>

  constructor(registers: Map<number, Symbolic>, stored: Map<string, Symbolic | undefined>) {
    this.registers = registers
    this.stored = stored
  }

  static initial(): PathState {
    const registers = new Map<number, Symbolic>()
    for (const register of [...CALLEE_SAVED, RSP]) registers.set(register, {kind: 'register', register, offset: 0})
    return new PathState(registers, new Map())
  }

  clone(): PathState {
    return new PathState(new Map(this.registers), new Map(this.stored))
  }

  get sp(): (Symbolic & {kind: 'register'}) | undefined {
    const value = this.registers.get(RSP)
    return value?.kind === 'register' ? value : undefined
  }

  /** False where rsp is lost. */
  apply(effect: StackEffect): boolean {
    const sp = this.sp
    if (!sp) return false
    switch (effect.kind) {
      case 'none':
        return true
      case 'push':
        this.#moveSp(sp, -8)
        this.stored.set(
          slotKey(sp.register, sp.offset - 8),
          effect.register === undefined ? undefined : this.registers.get(effect.register),
        )
        return true
      case 'pop':
        if (effect.register === RSP) return false
        this.#set(effect.register, this.#loaded(sp))
        this.#moveSp(sp, 8)
        return true
      case 'adjust':
        this.#moveSp(sp, effect.delta)
        return true
      case 'leave':
        return this.#leave()
      case 'address':
        this.#set(effect.register, offsetOf(this.registers.get(effect.base), effect.offset))
        return this.sp !== undefined
      case 'load': {
        const address = offsetOf(this.registers.get(effect.base), effect.offset)
        this.#set(effect.register, address?.kind === 'register' ? this.#loaded(address) : undefined)
        return this.sp !== undefined
      }
      case 'clobber':
        this.registers.delete(effect.register)
        return effect.register !== RSP
    }
  }

  #leave(): boolean {
    const bp = this.registers.get(RBP)
    if (bp?.kind !== 'register') return false
    this.#set(RBP, this.#loaded(bp))
    this.#moveSp(bp, 8)
    return true
  }

  #loaded(address: Symbolic & {kind: 'register'}): Symbolic | undefined {
    const key = slotKey(address.register, address.offset)
    return this.stored.has(key) ? this.stored.get(key) : {...address, kind: 'slot'}
  }

  #moveSp(from: Symbolic & {kind: 'register'}, delta: number): void {
    this.registers.set(RSP, {...from, offset: from.offset + delta})
  }

  #set(register: number | undefined, value: Symbolic | undefined): void {
    if (register === undefined) return
    if (value) this.registers.set(register, value)
    else this.registers.delete(register)
  }
}

function slotKey(register: number, offset: number): string {
  return `${register}:${offset}`
}

function offsetOf(value: Symbolic | undefined, offset: number): Symbolic | undefined {
  if (offset === 0 || value === undefined) return value
  return value.kind === 'register' ? {...value, offset: value.offset + offset} : undefined
}

/**
 * Rows for a pc in code that has neither call frame information nor a frame pointer: a function leaves the stack as its caller
 * had it, so the code from here to its `ret` says where the return address is. Follows direct jumps, both sides of branches,
 * and steps over calls. Behind a call that never returns the path runs into other code, and its row is wrong: each row is an
 * offer, to be checked by the call instruction before the return address it finds.
 */
export function* walkToReturns(
  pc: Address,
  decode: (pc: Address) => DecodedInstruction | undefined,
): Generator<UnwindRow> {
  const seen = new Set<Address>()
  const pending: {pc: Address; state: PathState}[] = [{pc, state: PathState.initial()}]
  let candidates = 0
  for (let path = pending.pop(); path; path = pending.pop()) {
    let {pc: at, state} = path
    while (!seen.has(at) && seen.size < INSTRUCTION_LIMIT) {
      seen.add(at)
      const instruction = decode(at)
      if (!instruction || instruction.flow === 'stop' || instruction.flow === 'indirect-jump') break
      if (instruction.flow === 'return' || instruction.flow === 'tail-jump') {
        const row = rowAtReturn(state)
        if (row) yield row
        if (row && ++candidates >= CANDIDATE_LIMIT) return
        break
      }
      if (!state.apply(instruction.effect)) break
      if (instruction.flow === 'branch' && instruction.target !== undefined && pending.length < PENDING_LIMIT) {
        pending.push({pc: instruction.target, state: state.clone()})
      }
      const next = instruction.flow === 'jump' ? instruction.target : nextAddress(instruction)
      if (next === undefined) break
      at = toAddress(next)
    }
  }
}

/** At `ret`, rsp points to the return address. */
function rowAtReturn(state: PathState): UnwindRow | undefined {
  const sp = state.sp
  // A return address below the rsp of the pc in question would have been pushed by this very path.
  if (!sp || (sp.register === RSP && sp.offset < 0)) return undefined
  const cfaOffset = sp.offset + 8
  const rules: Record<number, RegisterRule> = {16: {kind: 'at-cfa', offset: -8}}
  for (const register of CALLEE_SAVED) {
    rules[register] = ruleOf(state.registers.get(register), sp.register, cfaOffset)
  }
  return makeRow({kind: 'register', register: sp.register, offset: cfaOffset}, rules, 'unknown')
}

function ruleOf(value: Symbolic | undefined, cfaRegister: number, cfaOffset: number): RegisterRule {
  if (value?.kind === 'register') return {kind: 'register', register: value.register, offset: value.offset}
  if (value?.kind === 'slot' && value.register === cfaRegister) {
    return {kind: 'at-cfa', offset: value.offset - cfaOffset}
  }
  return {kind: 'undefined'}
}
