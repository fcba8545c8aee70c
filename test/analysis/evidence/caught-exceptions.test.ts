// Exceptions that a thread's handlers hold: the chain of __cxa_get_globals.
import test from 'ava'
import {findCaughtExceptions} from '../../../src/analysis/evidence/caught-exceptions.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {BytesSource} from '../../../src/base/byte-source.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import type {CoreThread} from '../../../src/elf/core-file.ts'
import {ElfFile} from '../../../src/elf/elf-file.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {buildElf, buildSymbolSections, SHT} from '../../support/elf-builder.ts'
import {FakeProcess} from '../../unwind/process.ts'

const CODE = 0x401000
const THREAD = 0x30000
const HEAP = 0x100000
const TO_GLOBALS = 0x20
const LIBSTDCXX = 0x474e5543432b2b00n
const LIBCXX = 0x434c4e47432b2b00n

/** mov %fs:0,%rax; add $-0x20,%rax; ret: as the linker leaves it in a static program. */
const GET_GLOBALS = '64 48 8b 04 25 00 00 00 00 48 83 c0 e0 c3'

interface Thrown {
  label: string
  next: string | 0
  value: number
}

/** Caught ints; `start` words of the runtime's own before the type of each. */
function heapOf(thrown: readonly Thrown[], classWord: bigint, start: number): BytesBuilder {
  const heap = new BytesBuilder(HEAP)
  heap.label('typeinfo').u64(0, 'name').label('name').bytes(new TextEncoder().encode('i\0')).align(16)
  for (const {label, next, value} of thrown) {
    heap.label(label).u64(...new Array<number>(start).fill(0), 'typeinfo', 0, 0, 0, next, 1, 0, 0, 0, 0)
    heap.u64(classWord, 0, 0, 0).u64(value).align(16)
  }
  return heap
}

function caught(heap: BytesBuilder, first: string | 0, options: {code?: string; fsBase?: bigint} = {}) {
  const bytes = heap.build()
  const process = new FakeProcess()
    .code(CODE, options.code ?? GET_GLOBALS)
    .bytes(HEAP, bytes)
    .words(THREAD - TO_GLOBALS, first === 0 ? 0 : heap.addressOf(first))
    .words(THREAD, THREAD)
  const text = {name: '.text', type: SHT.PROGBITS, address: CODE, bytes: new BytesBuilder().hex(GET_GLOBALS).build()}
  const symbols = buildSymbolSections([{name: '__cxa_get_globals', address: CODE, size: 14}])
  const file = new BytesSource(buildElf({sections: [text, ...symbols]}), 'program')
  const image = ElfFile.open(file, new Diagnostics())
  const module = {image, path: '/opt/program', isExecutable: true, toAddress: (address: number) => address}
  const registers = new BigUint64Array(27)
  registers[21] = options.fsBase ?? BigInt(THREAD)
  const dead = {memory: process, modules: [module]} as unknown as DeadProcess
  return findCaughtExceptions(dead, {registers} as unknown as CoreThread, new Set())
}

for (const [library, classWord, start] of [
  ['libstdc++', LIBSTDCXX, 0],
  ['libc++', LIBCXX, 2],
] as const) {
  test(`the chain of ${library} leads from the innermost handler's exception outward`, t => {
    const thrown = [
      {label: 'inner', next: 'outer', value: 7},
      {label: 'outer', next: 0, value: 5},
    ] as const
    const found = caught(heapOf(thrown, classWord, start), 'inner')
    t.deepEqual(found, [
      {type: 'int', what: '7', held: undefined},
      {type: 'int', what: '5', held: undefined},
    ])
  })
}

test('no handler holds an exception where the chain is empty; where it cannot be read that is not known', t => {
  const heap = () => heapOf([], LIBSTDCXX, 0)
  t.deepEqual(caught(heap(), 0), [])
  t.is(caught(heap(), 0, {fsBase: 0x70000n}), undefined, 'the thread has no such data')
  t.is(caught(heap(), 0, {code: '0f 05 c3'}), undefined, 'the code does more than to read')
})

test('a chain that leads back to itself ends', t => {
  const found = caught(heapOf([{label: 'only', next: 'only', value: 3}], LIBSTDCXX, 0), 'only')
  t.deepEqual(found, [{type: 'int', what: '3', held: undefined}])
})
