// Functions that left by a jump, and when they are known to have been there.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {TailCalls} from '../../../src/analysis/process/tail-calls.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import type {SourceFrame} from '../../../src/symbolize/source-frame.ts'
import type {TailCall} from '../../../src/symbolize/symbolizer.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {assemble, type Instruction} from '../../support/code-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

/** Each function at a place of its own; `top` calls `a` and the frame of `z` is the one that runs. */
const PLACE = {top: 0x1000, a: 0x1100, b: 0x1200, c: 0x1300, z: 0x1400, stub: 0x1500, slot: 0x1600} as const
type Name = keyof typeof PLACE

interface Program {
  /** The functions that each jumps to, in order; those left out have no list of their tail calls. */
  jumps: Partial<Record<Name, readonly Name[]>>
  /** Their sites, changed. */
  site?: (call: TailCall) => TailCall
  /** How `top` calls: `call a` unless given. */
  call?: Instruction
}

function namesBetween(
  {jumps, site = call => call, call = ['e8', PLACE.a]}: Program,
  caller: Partial<UnwindFrame> = {},
) {
  const code = (name: Name, instructions: readonly Instruction[]) =>
    new BytesBuilder(PLACE[name]).bytes(assemble(PLACE[name], instructions))
  const names = Object.keys(jumps) as Name[]
  const memory = memoryOf(
    code('top', [call]),
    ...names.map(name =>
      code(
        name,
        (jumps[name] ?? []).map(target => ['e9', PLACE[target]]),
      ),
    ),
    code('stub', [['ff 25', PLACE.slot]]),
    new BytesBuilder(PLACE.slot).u64(PLACE.z),
  )
  const nameAt = (pc: number) => (Object.keys(PLACE) as Name[]).findLast(name => PLACE[name] <= pc) ?? 'top'
  const symbolizer = {
    locate: (_: Address, at: Address) => [{entry: PLACE[nameAt(at)]} as unknown as SourceFrame],
    tailCallsOf: (entry: Address) =>
      jumps[nameAt(entry)]?.map((_, index) => {
        return site({callPc: undefined, returnPc: toAddress(entry + index * 5 + 5), isDirect: true})
      }),
  }
  const frame = (pc: number, sp: number): UnwindFrame => {
    const registers = RegisterSet.ofPosition(toAddress(pc), toAddress(sp))
    const place = {pc: toAddress(pc), lookupPc: toAddress(pc - 1), sp: toAddress(sp), cfa: undefined, registers}
    return {...place, foundBy: 'cfi', stack: 'native', kind: 'native', go: undefined, interrupted: false}
  }
  const returned = PLACE.top + (call[0] === 'e8' ? 5 : 2)
  const found = new TailCalls(memory, symbolizer).between(frame(PLACE.z + 2, 0x8000), {
    ...frame(returned, 0x8010),
    ...caller,
  })
  return found.map(({pc, foundBy, sp}) => `${nameAt(pc - 1)} ${foundBy} ${sp.toString(16)}`)
}

test('functions on the only way from a call to the function that runs were called, the innermost first', t => {
  t.deepEqual(namesBetween({jumps: {a: ['z']}}), ['a tail-call 8010'])
  t.deepEqual(namesBetween({jumps: {a: ['b'], b: ['c'], c: ['z']}}), [
    'c tail-call 8010',
    'b tail-call 8010',
    'a tail-call 8010',
  ])
  t.deepEqual(namesBetween({jumps: {a: ['b', 'c'], b: ['z'], c: []}}), ['b tail-call 8010', 'a tail-call 8010'])
  t.deepEqual(namesBetween({jumps: {a: ['stub']}}), ['a tail-call 8010'], 'through a stub of the linker')
})

test('a site may give the jump itself', t => {
  const site = ({returnPc = toAddress(0)}: TailCall) => {
    return {callPc: toAddress(returnPc - 5), returnPc: undefined, isDirect: true}
  }
  t.deepEqual(namesBetween({jumps: {a: ['b'], b: ['z']}, site}), ['b tail-call 8010', 'a tail-call 8010'])
})

test('nothing is said where more than one way leads there', t => {
  t.deepEqual(namesBetween({jumps: {a: ['b', 'c'], b: ['z'], c: ['z']}}), [])
  t.deepEqual(namesBetween({jumps: {a: ['z', 'z']}}), [], 'from two places of one function')
  t.deepEqual(namesBetween({jumps: {a: ['b'], b: ['a', 'z']}}), [], 'round and round')
  t.deepEqual(namesBetween({jumps: {a: ['z'], z: ['a']}}), [], 'from the function that runs back to the first')
})

test('nothing is said where anything may have followed', t => {
  t.deepEqual(namesBetween({jumps: {a: ['b', 'z']}}), [], 'b has no list')
  t.deepEqual(namesBetween({jumps: {a: ['b'], b: ['c'], c: []}}), [], 'no way leads there')
  t.deepEqual(namesBetween({jumps: {a: ['z']}, site: call => ({...call, isDirect: false})}), [], 'through a pointer')
  t.deepEqual(namesBetween({jumps: {a: ['z']}, call: ['ff d0']}), [], 'the call itself through a pointer')
})

test('a guessed caller and one that was interrupted prove nothing', t => {
  t.deepEqual(namesBetween({jumps: {a: ['z']}}, {foundBy: 'scan'}), [])
  t.deepEqual(namesBetween({jumps: {a: ['z']}}, {interrupted: true}), [])
  t.deepEqual(namesBetween({jumps: {a: ['z']}, call: ['e8', PLACE.z]}), [], 'it was called straight')
})
