import {directCallTarget} from '../../amd64/call-encoding.ts'
import type {Address} from '../../base/address.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
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
    isGoFunction: name => tables?.functionNamed(name) !== undefined,
  }
}
