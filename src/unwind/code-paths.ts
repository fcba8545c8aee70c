import type {DecodedInstruction} from '../amd64/instruction.ts'
import type {Address} from '../base/address.ts'
import type {UnwindRow} from '../dwarf/unwind-row.ts'
import {PathState} from './path-state.ts'

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
  const seen = new Set<Address>()
  const pending: {pc: Address; state: PathState}[] = [{pc: start, state: PathState.initial()}]
  let candidates = 0
  for (let path = pending.pop(); path; path = pending.pop()) {
    const {state} = path
    let at: Address | undefined = path.pc
    while (at !== undefined && !seen.has(at) && seen.size < INSTRUCTION_LIMIT) {
      seen.add(at)
      const instruction = search.decode(at)
      if (!instruction) break
      const row = search.rowBefore(instruction, state)
      if (row) yield row
      if (row && ++candidates >= search.candidateLimit) return
      at = search.successor(instruction)
      if (at === undefined || (!state.apply(instruction.effect) && !search.goesOnWithoutSp(state))) break
      if (instruction.flow === 'branch' && instruction.target !== undefined && pending.length < PENDING_LIMIT) {
        pending.push({pc: instruction.target, state: state.clone()})
      }
    }
  }
}
