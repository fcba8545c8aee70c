import {type Address, toAddress} from '../base/address.ts'
import {makeRow, type RegisterRule, type UnwindRow} from '../dwarf/unwind-row.ts'
import {type DecodedInstruction, nextAddress} from './disassembler.ts'
import {CALLEE_SAVED, PathState, RSP, type Symbolic} from './path-state.ts'

/** Instructions that are followed for one pc, over all paths. */
const INSTRUCTION_LIMIT = 4000
/** Returns that are offered: the first is nearly always right, and the caller checks each. */
const CANDIDATE_LIMIT = 8
const PENDING_LIMIT = 256

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
