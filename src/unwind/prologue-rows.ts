import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {CALLEE_SAVED, DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {type CfaRule, makeRow, RETURN_ADDRESS, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'
import {followPaths, type PathState, type Symbolic} from './code-paths.ts'

const CANDIDATE_LIMIT = 4

/** Where execution was, at a pc or behind a call. */
export interface CodePlace {
  readonly pc: Address
  readonly exactPc: boolean
}

/**
 * Rows for a place in the function at `entry`: what was pushed and subtracted on the way there says where the return
 * address is, and where registers were saved. Follows jumps, also out of PLT stubs, both sides of branches, and steps
 * over calls; behind a call that never returns the path runs into other code, so that a row is an offer, to be checked
 * by the return address that it finds.
 */
export function walkFromEntry(
  entry: Address,
  place: CodePlace,
  memory: MemoryReader,
  decode: (pc: Address) => DecodedInstruction | undefined,
): Generator<UnwindRow> {
  return followPaths(entry, {
    decode,
    rowBefore: (instruction, state) => (isAt(place, instruction) ? rowWithin(state) : undefined),
    successor: instruction => successor(instruction, memory),
    goesOnWithoutSp: ({registers}) => registers.get(DWARF_REGISTER.rbp)?.kind === 'register',
    candidateLimit: CANDIDATE_LIMIT,
  })
}

function isAt({pc, exactPc}: CodePlace, instruction: DecodedInstruction): boolean {
  return exactPc ? instruction.address === pc : instruction.isCall && nextAddress(instruction) === pc
}

function successor(instruction: DecodedInstruction, memory: MemoryReader): Address | undefined {
  const {flow, target, slot} = instruction
  if (flow === 'next' || flow === 'branch') return nextAddress(instruction)
  if (flow === 'jump') return target
  const stored = flow === 'tail-jump' && slot !== undefined ? readAddress(memory, slot) : undefined
  return stored === undefined ? undefined : toAddress(stored)
}

/** At the entry rsp points to the return address; rsp, else rbp, tells how far that is from where they are now. */
function rowWithin(state: PathState): UnwindRow | undefined {
  const cfa = cfaBy(DWARF_REGISTER.rsp, state) ?? cfaBy(DWARF_REGISTER.rbp, state)
  if (!cfa) return undefined
  const rules: Record<number, RegisterRule> = {...RETURN_ADDRESS}
  for (const register of CALLEE_SAVED) rules[register] = savedRule(register, state) ?? keptRule(register, state)
  return makeRow(cfa, rules, 'unknown')
}

function cfaBy(register: number, state: PathState): CfaRule | undefined {
  const value = state.registers.get(register)
  if (value?.kind !== 'register' || value.register !== DWARF_REGISTER.rsp || value.offset > 0) return undefined
  return {kind: 'register', register, offset: 8 - value.offset}
}

function savedRule(register: number, {stored}: PathState): RegisterRule | undefined {
  for (const [slot, value] of stored) {
    if (isOwn(value, register) && slot.startsWith(`${DWARF_REGISTER.rsp}:`)) {
      return {kind: 'at-cfa', offset: Number(slot.slice(2)) - 8}
    }
  }
  return undefined
}

/** Once rsp was lost the path's effects were not followed any more. */
function keptRule(register: number, {registers, sp}: PathState): RegisterRule {
  return sp && isOwn(registers.get(register), register) ? {kind: 'register', register, offset: 0} : {kind: 'undefined'}
}

function isOwn(value: Symbolic | undefined, register: number): boolean {
  return value?.kind === 'register' && value.register === register && value.offset === 0
}
