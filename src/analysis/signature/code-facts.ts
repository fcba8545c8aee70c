import {directCallTarget, directTransfers} from '../../amd64/call-encoding.ts'
import {type Address, toAddress} from '../../base/address.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import {CfiRows} from '../../unwind/cfi-rows.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {CodeFacts} from './signed-frame.ts'

const STUB = '@plt'

/** What the code of one process says of its functions. */
export function readCodeFacts(process: DeadProcess): CodeFacts {
  const {memory, symbolizer, tables} = process
  // What is damaged in these tables was told when the stack was walked.
  const rows = new CfiRows(memory, new Diagnostics())
  return {
    calledBefore: returnAddress => {
      const target = directCallTarget(memory, returnAddress)
      const name = target === undefined ? undefined : symbolizer.locate(target, target)[0]?.function
      return name?.endsWith(STUB) ? name.slice(0, -STUB.length) : undefined
    },
    functionStart: (pc: Address) => rows.rowAt(pc)?.functionStart,
    calleesOf: start => countCallees(memory, start, pc => rows.rowAt(pc)?.functionStart),
    isGoFunction: name => tables?.functionNamed(name) !== undefined,
  }
}

/** Wrappers of cgo are short. */
const CODE_LIMIT = 2048

/** Told by the bytes of calls and jumps that lead to the start of a function; those of Go have no such start. */
function countCallees(memory: MemoryReader, start: Address, startOf: (pc: Address) => Address | undefined): number {
  const callees = new Set<number>()
  for (const {at, target} of directTransfers(memory.read(start, CODE_LIMIT) ?? new Uint8Array(), start)) {
    if (startOf(at) !== start) break
    if (target > 0 && target !== start && startOf(toAddress(target)) === target) callees.add(target)
  }
  return callees.size
}
