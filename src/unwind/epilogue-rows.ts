import {type DecodedInstruction, nextAddress} from '../amd64/instruction.ts'
import {CALLEE_SAVED, DWARF_REGISTER} from '../amd64/registers.ts'
import type {Address} from '../base/address.ts'
import {makeRow, RETURN_ADDRESS, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'
import {followPaths, type PathState, type Symbolic} from './code-paths.ts'

/** Returns that are offered: the first is nearly always right, and the caller checks each. */
const CANDIDATE_LIMIT = 8

/**
 * Rows for a pc in code that has neither call frame information nor a frame pointer: a function leaves the stack as its
 * caller had it, so the code from here to its `ret` says where the return address is. Follows direct jumps, both sides
 * of branches, and steps over calls. Behind a call that never returns the path runs into other code, and its row is
 * wrong: each row is an offer, to be checked by the call instruction before the return address it finds.
 */
export function walkToReturns(
  pc: Address,
  decode: (pc: Address) => DecodedInstruction | undefined,
): Generator<UnwindRow> {
  return followPaths(pc, {
    decode,
    rowBefore: ({flow}, state) => (flow === 'return' || flow === 'tail-jump' ? rowAtReturn(state) : undefined),
    successor,
    goesOnWithoutSp: () => false,
    candidateLimit: CANDIDATE_LIMIT,
  })
}

function successor(instruction: DecodedInstruction): Address | undefined {
  const {flow, target} = instruction
  if (flow === 'next' || flow === 'branch') return nextAddress(instruction)
  return flow === 'jump' ? target : undefined
}

/** At `ret`, rsp points to the return address. */
function rowAtReturn(state: PathState): UnwindRow | undefined {
  const sp = state.sp
  // A return address below the rsp of the pc in question would have been pushed by this very path.
  if (!sp || (sp.register === DWARF_REGISTER.rsp && sp.offset < 0)) return undefined
  const cfaOffset = sp.offset + 8
  const rules: Record<number, RegisterRule> = {...RETURN_ADDRESS}
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
