// Where the thread-local variables of a module are, by what the dynamic linker has filled in.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {ThreadLocalBlocks} from '../../../src/analysis/values/thread-local-blocks.ts'
import {toAddress} from '../../../src/base/address.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const CONTROL = 0x7f0000001000
const BIAS = 0x1000
const [DTPMOD, TPOFF, DESC] = [16, 18, 36]

interface Relocation {
  readonly slot: number
  readonly type: number
  readonly symbol?: number
  readonly addend?: number
}

function library(...relocations: readonly Relocation[]) {
  const bytes = new BytesBuilder()
  for (const {slot, type, symbol = 0, addend = 0} of relocations) bytes.u64(slot).u32(type).u32(symbol).u64(addend)
  const image = {name: 'lib.so', section: (name: string) => (name === '.rela.dyn' ? {bytes: bytes.build()} : undefined)}
  return {path: 'lib.so', isExecutable: false, loadBias: BIAS, image}
}

/** @param slots words from address 0x5000 on @param vector the thread's own, from its generation on */
function blockOf(
  module: object,
  slots: readonly (number | bigint)[],
  vector: readonly number[],
  others: object[] = [],
) {
  const data = new BytesBuilder(0x5000)
  for (const word of slots) data.u64(word)
  const control = new BytesBuilder(CONTROL).u64(CONTROL).u64(0x8010)
  const numbers = new BytesBuilder(0x8000)
  for (const word of vector) numbers.u64(word)
  const memory = memoryOf(data, control, numbers)
  const process = {memory, modules: [module, ...others]} as unknown as DeadProcess
  const {path} = module as {path: string}
  return new ThreadLocalBlocks(process).blockOf(path, toAddress(CONTROL))
}

const VECTOR = [3, 0, 1, 0, 0x1111, 0, 0x2222, 0, 0x3333, 0]

test('a library whose number the linker has filled in', t => {
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD}), [2], VECTOR), toAddress(0x2222))
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD}), [9], VECTOR), undefined, 'more than the vector has')
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD}), [0], VECTOR), undefined)
})

test('a thread that has used none of its variables has no block', t => {
  const [, , ...rest] = VECTOR
  const unused = new BytesBuilder(0).u64(2n ** 64n - 1n)
  t.is(unused.size, 8)
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD}), [2], [3, 0, ...rest.slice(0, 4), 0]), undefined)
})

test('a library that is loaded with the program has its block at a fixed distance', t => {
  const far = library({slot: 0x4008, type: TPOFF, addend: 0x10})
  t.is(blockOf(far, [0, 2n ** 64n - 0x40n], VECTOR), toAddress(CONTROL - 0x50))
  t.is(blockOf(far, [0, 0x40], VECTOR), undefined, 'above the control block')
})

test('descriptors: a distance, or where number and offset stand', t => {
  const described = library({slot: 0x4000, type: DESC, addend: 0x18})
  t.is(blockOf(described, [1, 2n ** 64n - 0x28n], VECTOR), toAddress(CONTROL - 0x40))
  t.is(blockOf(described, [1, 0x5010, 3, 0x18], VECTOR), toAddress(0x3333))
  t.is(blockOf(described, [1, 0x5010, 3, 0x19], VECTOR), undefined, 'of another variable')
})

test('what a symbol stands for may be of another module', t => {
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD, symbol: 7}), [2], VECTOR), undefined)
})

test('musl has words where glibc has pairs', t => {
  const musl = {path: '/lib/ld-musl-x86_64.so.1'}
  const vector = [0, 0, 3, 0x1111, 0x2222, 0x3333]
  t.is(blockOf(library({slot: 0x4000, type: DTPMOD}), [2], vector, [musl]), toAddress(0x2222))
})

test('the block of the program ends at the control block, aligned', t => {
  const program = (memorySize: number, alignment: number, address = 0x3000) => {
    const image = {segments: [{type: 7, memorySize, alignment, address}]}
    return {path: 'prog', isExecutable: true, loadBias: 0, image}
  }
  t.is(blockOf(program(0x14, 8), [], []), toAddress(CONTROL - 0x18))
  t.is(blockOf(program(0x14, 64), [], []), toAddress(CONTROL - 0x40))
  t.is(blockOf(program(0x14, 0), [], []), toAddress(CONTROL - 0x14))
  t.is(blockOf({path: 'prog', isExecutable: true, image: {segments: []}}, [], []), undefined)
})
