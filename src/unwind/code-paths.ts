import type {DecodedInstruction, StackEffect} from '../amd64/instruction.ts'
import {CALLEE_SAVED, DWARF_REGISTER} from '../amd64/registers.ts'
import type {Address} from '../base/address.ts'
import type {UnwindRow} from '../dwarf/unwind-row.ts'

const {rsp, rbp} = DWARF_REGISTER

/** A value by what it was where the path began. */
export type Symbolic =
  /** A register's value then, plus an offset. */
  | {readonly kind: 'register'; readonly register: number; readonly offset: number}
  /** The word in memory at such a value. */
  | {readonly kind: 'slot'; readonly register: number; readonly offset: number}

/** Registers and stack along one path; what is not there is not known. */
export class PathState {
  readonly registers: Map<number, Symbolic>
  /** Words pushed since, by `register:offset` of their slot. */
  readonly stored: Map<string, Symbolic | undefined>

  constructor(registers: Map<number, Symbolic>, stored: Map<string, Symbolic | undefined>) {
    this.registers = registers
    this.stored = stored
  }

  static initial(): PathState {
    const registers = new Map<number, Symbolic>()
    for (const register of [...CALLEE_SAVED, rsp]) registers.set(register, {kind: 'register', register, offset: 0})
    return new PathState(registers, new Map())
  }

  clone(): PathState {
    return new PathState(new Map(this.registers), new Map(this.stored))
  }

  get sp(): (Symbolic & {kind: 'register'}) | undefined {
    const value = this.registers.get(rsp)
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
        if (effect.register === rsp) return false
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
        return effect.register !== rsp
    }
  }

  #leave(): boolean {
    const bp = this.registers.get(rbp)
    if (bp?.kind !== 'register') return false
    this.#set(rbp, this.#loaded(bp))
    this.#moveSp(bp, 8)
    return true
  }

  #loaded(address: Symbolic & {kind: 'register'}): Symbolic | undefined {
    const key = slotKey(address.register, address.offset)
    return this.stored.has(key) ? this.stored.get(key) : {...address, kind: 'slot'}
  }

  #moveSp(from: Symbolic & {kind: 'register'}, delta: number): void {
    this.registers.set(rsp, {...from, offset: from.offset + delta})
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

/** Instructions that are followed from one place, over all paths. */
const INSTRUCTION_LIMIT = 4000
const PENDING_LIMIT = 256

/** What is looked for on the paths. */
export interface PathSearch {
  decode(pc: Address): DecodedInstruction | undefined
  /** A row for the state before an instruction, where that is a place that is looked for. */
  rowBefore(instruction: DecodedInstruction, state: PathState): UnwindRow | undefined
  /** Where the path goes on; undefined where it ends. */
  successor(instruction: DecodedInstruction): Address | undefined
  /** Whether a path on which rsp was lost is still of use. */
  goesOnWithoutSp(state: PathState): boolean
  readonly candidateLimit: number
}

/**
 * Follows code from a place, both sides of branches, and steps over calls; the effects of each instruction are kept in
 * the path's state.
 */
export function* followPaths(start: Address, search: PathSearch): Generator<UnwindRow> {
  const paths = new Paths(start)
  let candidates = 0
  for (let path = paths.next(); path; path = paths.next()) {
    const instruction = search.decode(path.pc)
    if (!instruction) continue
    const row = search.rowBefore(instruction, path.state)
    if (row) yield row
    if (row && ++candidates >= search.candidateLimit) return
    paths.goOn(path.state, instruction, search)
  }
}

interface PendingPath {
  readonly pc: Address
  readonly state: PathState
}

/** The places that are still to be looked at, each once; one path is followed to its end before the next. */
class Paths {
  readonly #seen = new Set<Address>()
  readonly #pending: PendingPath[]

  constructor(start: Address) {
    this.#pending = [{pc: start, state: PathState.initial()}]
  }

  next(): PendingPath | undefined {
    for (let path = this.#pending.pop(); path; path = this.#pending.pop()) {
      if (this.#seen.size >= INSTRUCTION_LIMIT) return undefined
      if (this.#seen.has(path.pc)) continue
      this.#seen.add(path.pc)
      return path
    }
    return undefined
  }

  /** Behind an instruction; at a branch also at its target, later. */
  goOn(state: PathState, instruction: DecodedInstruction, search: PathSearch): void {
    const pc = search.successor(instruction)
    if (pc === undefined || (!state.apply(instruction.effect) && !search.goesOnWithoutSp(state))) return
    const {flow, target} = instruction
    if (flow === 'branch' && target !== undefined && this.#pending.length < PENDING_LIMIT) {
      this.#pending.push({pc: target, state: state.clone()})
    }
    this.#pending.push({pc, state})
  }
}
