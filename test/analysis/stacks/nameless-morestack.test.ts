// Where C faulted on a system stack on which sigpanic found no room (up to 1.20), without function tables.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {LeafWalk} from '../../../src/analysis/stacks/leaf-walk.ts'
import {findRefusedMorestack} from '../../../src/analysis/stacks/nameless-morestack.ts'
import type {ThreadFacts} from '../../../src/analysis/stacks/thread-walk.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {FakeProcess} from '../../unwind/process.ts'

const STACK = 0xc000000000
const SP = toAddress(STACK + 0x100)
const CODE = {start: 0x401000, end: 0x402000}
const [ABORT, IN_MORESTACK, IN_SIGPANIC, FAULT] = [0x401100, 0x401200, 0x401300, 0x401400].map(toAddress) as [
  Address,
  Address,
  Address,
  Address,
]

/** What abort stood on, and, behind it, what called the function that faulted. */
function processWith(...words: number[]) {
  const memory = new FakeProcess()
    .unread(CODE.start, CODE.end)
    .words(STACK, ...new Array<number>(0x80).fill(0))
    .words(SP, ...words)
  return {
    memory,
    version: memory.version,
    unwinder: memory.unwinder(),
    maxFrames: 100,
    images: [],
    goModule: CODE,
    runtime: {goroutineAt: () => ({signal: {number: 11, pc: BigInt(FAULT)}, stack: {lo: STACK, hi: STACK + 0x400}})},
    tailCalls: {between: () => []},
    isExecutable: (address: Address) => address >= CODE.start && address < CODE.end,
  } as unknown as DeadProcess
}

const WORDS = [IN_MORESTACK, IN_SIGPANIC, FAULT, 0x401500]

test('three return addresses, the last one that of the fault, are abort, morestack and sigpanic', t => {
  const found = (...words: number[]) => findRefusedMorestack(processWith(...words), SP, FAULT)
  t.is(found(...WORDS), toAddress(SP + 24))
  t.is(found(IN_MORESTACK, IN_SIGPANIC, FAULT + 1), undefined)
  t.is(found(IN_MORESTACK, 7, FAULT), undefined, 'sigpanic had a frame')
  t.is(found(7, IN_SIGPANIC, FAULT), undefined)
  t.is(found(IN_MORESTACK, FAULT, FAULT), undefined, 'leftovers')
})

test('the walk goes on where the fault was, and what is further in is how the runtime died of it', t => {
  const leafOf = (throwing: number) => {
    const facts = {machine: {throwing, g0: STACK}, goroutine: undefined} as unknown as ThreadFacts
    const {leaf, known} = new LeafWalk(processWith(...WORDS), facts, undefined).walk(RegisterSet.ofPosition(ABORT, SP))
    const frames = leaf.frames.slice(0, 2).map(({pc, sp, foundBy}) => [pc, sp, foundBy])
    return {frames, behind: known.map(({index}) => index)}
  }
  const [abort, fault] = [
    [ABORT, SP, 'context'],
    [FAULT, SP + 24, 'saved-fault'],
  ]
  t.deepEqual(leafOf(2), {frames: [abort, fault], behind: [1]})
  t.deepEqual(leafOf(0).behind, [])
})
