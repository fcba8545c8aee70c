import test from 'ava'
import {reportCoreMemory} from '../../../src/analysis/process/core-memory.ts'
import {BytesSource} from '../../../src/base/byte-source.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import {CoreFile} from '../../../src/elf/core-file.ts'
import {buildCore, type CoreSpec} from '../../support/core-builder.ts'

const PAGE = 0x1000
const RSP = 19
const page = (count = 1): Uint8Array => new Uint8Array(count * PAGE).fill(1)

function threadAt(tid: number, sp: number): {tid: number; registers: number[]} {
  const registers = new Array<number>(27).fill(0)
  registers[RSP] = sp
  return {tid, registers}
}

const SPEC: CoreSpec = {
  threads: [threadAt(1, 0x7800), threadAt(2, 0x9800), threadAt(3, 0x20000)],
  mappings: [{start: 0x4000, end: 0x5000, path: '/opt/app'}],
  memory: [
    {address: 0x4000, bytes: page()},
    // Left out by the kernel on purpose: the rest of the file's text.
    {address: 0x5000, memorySize: 2 * PAGE},
    {address: 0x7000, bytes: page()},
    {address: 0x9000, bytes: page()},
  ],
}

function memoryOf(spec: CoreSpec, cut = 0) {
  const bytes = buildCore(spec)
  const source = new BytesSource(bytes.subarray(0, bytes.length - cut), 'core')
  return reportCoreMemory(CoreFile.open(source, new Diagnostics()))
}

test('what was mapped, dumped and left out on purpose is counted; a gap is neither', t => {
  t.deepEqual(memoryOf(SPEC), {
    segments: 4,
    mapped: 5 * PAGE,
    dumped: 3 * PAGE,
    leftOut: 2 * PAGE,
    isFiltered: false,
    missing: 0,
    missingParts: [],
    threadsWithoutStack: [3],
  })
})

test('of a cut core the parts that are gone are named: a thread’s stack, a file, or memory of no name', t => {
  const {missing, missingParts, threadsWithoutStack} = memoryOf(SPEC, 2 * PAGE)
  t.is(missing, 2 * PAGE)
  t.deepEqual(missingParts, [
    {start: '0x7000', end: '0x8000', what: 'stack of thread 1'},
    {start: '0x9000', end: '0xa000', what: 'stack of thread 2'},
  ])
  t.deepEqual(threadsWithoutStack, [1, 2, 3])
  const whole = {...SPEC, threads: [threadAt(3, 0x20000)]}
  t.deepEqual(
    memoryOf(whole, 3 * PAGE).missingParts.map(({what}) => what),
    ['/opt/app', 'anonymous memory', 'anonymous memory'],
  )
})
