import test from 'ava'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {findNamelessThrow, findThrowOfFault, seedOfThrow} from '../../../src/analysis/stacks/nameless-throw.ts'
import {ProcessBuilder} from '../../runtime-model/process-builder.ts'

const G = toAddress(0x7000)
const CODE = toAddress(0x401000)
const STACK = {lo: toAddress(0x20000), hi: toAddress(0x22000)}
const isExecutable = (address: Address) => address >= CODE && address < CODE + 0x1000

const at = (offset: number) => toAddress(STACK.lo + offset)
const PC = CODE + 0x40

/** What fatalthrow left: its record, and, further out, its caller's frame pointer and the return address there. */
interface Left {
  readonly g?: number
  readonly pc?: number
  readonly sp?: number
  readonly returnPc?: number
}

const RECORD_AT = 0x200

function stackWith({g = G, pc = PC, sp = at(0x240), returnPc = pc}: Left): ProcessBuilder {
  const memory = new ProcessBuilder(27)
  memory.allocate(STACK.hi - STACK.lo, STACK.lo)
  for (const [index, word] of [g, pc, sp].entries()) memory.write(at(RECORD_AT + index * 8), word)
  if (sp >= STACK.lo + 16 && sp <= STACK.hi) {
    memory.write(sp - 16, at(0x300))
    memory.write(sp - 8, returnPc)
  }
  return memory
}

function find(left: Left, from = 0x100) {
  return findNamelessThrow({memory: stackWith(left), isExecutable}, {address: G, stack: STACK}, at(from))
}

test('the place of throw is where the record of fatalthrow leads to, with the frame pointer saved there', t => {
  const found = find({})
  t.deepEqual(found && [found.pc, found.sp, found.foundBy], [toAddress(PC), at(0x240), 'frame-pointer'])
  const seed = found && seedOfThrow({memory: stackWith({})}, found)
  t.deepEqual(seed && [seed.registers.pc, seed.registers.sp, seed.registers.bp], [toAddress(PC), at(0x240), at(0x300)])
})

for (const [what, left] of Object.entries({
  'is of another g': {g: G + 8},
  'leads to another return address': {returnPc: PC + 1},
  'has a pc that is no code': {pc: 0x99},
  'leads down': {sp: at(0x1f0)},
  'leads out of the stack': {sp: STACK.hi + 0x40},
  'leads further than a frame reaches': {sp: at(0x1000)},
})) {
  test(`a record that ${what} is none`, t => t.is(find(left), undefined))
}

test('what lies below the part of the stack that is in use is not looked at, nor a stack that it is not on', t => {
  t.is(find({}, 0x208), undefined)
  t.is(find({}, 0x4000), undefined)
})

test('what throw returns to is sigpanic where that seems called from the fault', t => {
  const FAULT = CODE + 0x80
  const named = (returnPc: number, number = 11, record = 0x380) => {
    const memory = stackWith({})
    memory.write(at(0x300), at(record))
    memory.write(at(record + 8), returnPc)
    const signal = {number, code0: 1n, code1: 0xdead0000n, pc: BigInt(FAULT)}
    const found = findThrowOfFault({memory}, {stack: STACK, signal}, {sp: at(0x240)})
    return found && [...found]
  }
  t.deepEqual(named(FAULT), [
    [at(0x240), 'runtime.throw'],
    [at(0x310), 'runtime.sigpanic'],
  ])
  t.is(named(FAULT + 1), undefined, 'something else threw')
  t.is(named(FAULT, 0), undefined, 'no fault')
  t.is(named(FAULT, 11, 0x2f0), undefined, 'no chain of records')
})
