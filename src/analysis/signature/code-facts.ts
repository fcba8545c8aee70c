import {directCallTarget} from '../../amd64/call-encoding.ts'
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
/** Intel SDM 2: CALL rel32 and JMP rel32. */
const CALL_REL32 = 0xe8
const JMP_REL32 = 0xe9
const LENGTH = 5

/** Told by the bytes of calls and jumps that lead to the start of a function; those of Go have no such start. */
function countCallees(memory: MemoryReader, start: Address, startOf: (pc: Address) => Address | undefined): number {
  const callees = new Set<number>()
  const code = memory.read(start, CODE_LIMIT) ?? new Uint8Array()
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 0; at + LENGTH <= code.length; at++) {
    if (code[at] !== CALL_REL32 && code[at] !== JMP_REL32) continue
    if (startOf(toAddress(start + at)) !== start) break
    const target = start + at + LENGTH + view.getInt32(at + 1, true)
    if (target > 0 && target !== start && startOf(toAddress(target)) === target) callees.add(target)
  }
  return callees.size
}
