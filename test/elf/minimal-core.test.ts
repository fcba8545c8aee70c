import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {type ByteSource, BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {TruncatedFileError} from '../../src/base/errors.ts'
import {ReadRecord, RecordedSource} from '../../src/base/read-record.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {CoreRedaction} from '../../src/elf/core-redaction.ts'
import {readForDebuggers} from '../../src/elf/debugger-reads.ts'
import {readFileHeader, readProgramHeaders} from '../../src/elf/elf-headers.ts'
import {MinimalCore} from '../../src/elf/minimal-core.ts'
import {planMinimalCore} from '../../src/elf/minimal-core-writer.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildCore, type CoreSpec} from '../support/core-builder.ts'

const PAGE = 4096
const STACK = 0x7000_0000
const HEAP = 0x1_0000_0000
const RSP = 19

function pattern(pages: number, seed: number): Uint8Array {
  return Uint8Array.from({length: pages * PAGE}, (_, index) => (index * 7 + seed + Math.floor(index / 251)) % 256)
}

function join(chunks: Iterable<Uint8Array>): Uint8Array {
  return new Uint8Array(Buffer.concat([...chunks]))
}

const spec: CoreSpec = {
  threads: [{tid: 7, registers: Object.assign(new Array(27).fill(0), {[RSP]: STACK + 2 * PAGE})}],
  memory: [
    {address: STACK, bytes: pattern(3, 1)},
    {address: HEAP, bytes: pattern(40, 2), memorySize: 50 * PAGE},
  ],
}

/** A core, and a minimal one of what `read` asks of it. */
function minimise(read: (core: CoreFile) => void): {whole: BytesSource; small: BytesSource} {
  const whole = new BytesSource(buildCore(spec), 'core')
  const record = new ReadRecord()
  const core = CoreFile.open(new RecordedSource(whole, record), new Diagnostics())
  read(core)
  return {whole, small: new BytesSource(join(planMinimalCore(whole, record.ranges()).chunks()), 'small')}
}

function open(small: ByteSource, onMissing = () => {}): MinimalCore {
  const minimal = MinimalCore.open(small, readFileHeader(small), onMissing)
  if (!minimal) throw new Error('no minimal core')
  return minimal
}

test('more zeros than all else are no part of the size that is said beforehand', t => {
  const zeros = {address: HEAP, bytes: new Uint8Array(200 * PAGE)}
  const whole = new BytesSource(buildCore({...spec, memory: [{address: STACK, bytes: pattern(3, 1)}, zeros]}), 'core')
  const plan = planMinimalCore(whole, [{start: 0, end: whole.size}])
  t.is(plan.size, join(plan.chunks()).length)
  t.true(plan.size < 20 * PAGE)
})

test('what was read of a core is in the minimal one, at the same place, and the rest is missing', t => {
  const {whole, small} = minimise(core => {
    readForDebuggers(core, [])
    core.memory.read(toAddress(HEAP + 20 * PAGE + 300), 8)
  })
  t.true(small.size < whole.size / 3)
  let missing = 0
  const minimal = open(small, () => missing++)
  t.is(minimal.size, whole.size)
  const core = CoreFile.open(minimal, new Diagnostics())
  const original = CoreFile.open(whole, new Diagnostics())
  t.deepEqual(core.threads, original.threads)
  t.false(core.truncated)
  for (const address of [STACK + 2 * PAGE, STACK + 3 * PAGE - 8, HEAP + 20 * PAGE + 256, HEAP + 20 * PAGE + 504]) {
    t.deepEqual(core.memory.read(toAddress(address), 8), original.memory.read(toAddress(address), 8))
    t.deepEqual(core.segments.extentAt(address), original.segments.extentAt(address))
  }
  t.is(missing, 0)
  t.is(core.memory.read(toAddress(HEAP + 30 * PAGE), 8), undefined)
  t.is(missing, 1)
  t.is(core.segments.extentAt(HEAP + 45 * PAGE).state, 'left-out')
})

test('other tools see a core: the same notes and mappings, each byte where it was', t => {
  const {whole, small} = minimise(core => readForDebuggers(core, []))
  // Without our note: what any reader of ELF makes of it.
  const plain = CoreFile.open(small, new Diagnostics())
  const original = CoreFile.open(whole, new Diagnostics())
  t.deepEqual(plain.threads, original.threads)
  t.deepEqual(plain.process, original.process)
  const [from, length] = [toAddress(STACK + 2 * PAGE), PAGE]
  t.deepEqual(plain.memory.read(from, length), original.memory.read(from, length))
  for (const address of [STACK, STACK + 3 * PAGE - 1, HEAP, HEAP + 50 * PAGE - 1]) {
    t.true(plain.isMapped(toAddress(address)))
  }
  t.false(plain.isMapped(toAddress(STACK + 3 * PAGE)))
})

test('a core of more pieces than a program header count holds', t => {
  const pieces = 70_000
  const stride = 3 * 256
  const size = 2 * PAGE + pieces * stride
  const head = buildCore({threads: [{tid: 1}]})
  // One load behind the head, whose bytes tell their offset.
  const bytes = new Uint8Array(size)
  bytes.set(head)
  const view = new DataView(bytes.buffer)
  const notes = Number(view.getBigUint64(64 + 8, true))
  const noteSize = Number(view.getBigUint64(64 + 32, true))
  bytes.copyWithin(PAGE, notes, notes + noteSize)
  view.setUint16(56, 2, true)
  view.setBigUint64(64 + 8, BigInt(PAGE), true)
  const load = [1, 6, 2 * PAGE, HEAP, 0, pieces * stride, pieces * stride, PAGE]
  bytes.set(
    new BytesBuilder()
      .u32(load[0] as number, load[1] as number)
      .u64(...load.slice(2))
      .build(),
    64 + 56,
  )
  for (let at = 2 * PAGE; at < size; at += 256) view.setUint32(at, at, true)
  const whole = new BytesSource(bytes, 'core')
  const record = new ReadRecord()
  const core = CoreFile.open(new RecordedSource(whole, record), new Diagnostics())
  for (let piece = 0; piece < pieces; piece++) core.memory.read(toAddress(HEAP + piece * stride + 8), 4)
  const fine = [{start: 2 * PAGE, end: size}]
  const small = new BytesSource(join(planMinimalCore(whole, record.ranges(), {fine}).chunks()), 'small')
  t.true([...readProgramHeaders(small, readFileHeader(small))].length > 65_535)
  const again = CoreFile.open(open(small), new Diagnostics())
  const other = CoreFile.open(small, new Diagnostics())
  for (const at of [0, stride, (pieces - 1) * stride]) {
    const address = toAddress(HEAP + at)
    t.deepEqual(again.memory.read(address, 8), core.memory.read(address, 8))
    t.deepEqual(other.memory.read(address, 8), core.memory.read(address, 8))
  }
})

test('a minimal core keeps the signature of the whole one, and is as good where that is damaged', t => {
  const whole = new BytesSource(buildCore(spec), 'core')
  const record = new ReadRecord()
  readForDebuggers(CoreFile.open(new RecordedSource(whole, record), new Diagnostics()), [])
  const signature = {version: '1', exact: '0123', family: 'main.main é'}
  const bytes = join(planMinimalCore(whole, record.ranges(), {blank: () => {}, signature}).chunks())
  const minimal = open(new BytesSource(bytes, 'small'))
  t.true(minimal.isRedacted)
  t.deepEqual(minimal.signature, signature)
  const at = Buffer.from(bytes).indexOf('{"version"')
  bytes[at] = 0
  const damaged = open(new BytesSource(bytes, 'small'))
  t.is(damaged.signature, undefined)
  t.deepEqual(damaged.read(0, 64), minimal.read(0, 64))
})

test('a minimal core that was cut says so, and a damaged list is no list', t => {
  const {small} = minimise(core => readForDebuggers(core, []))
  const bytes = small.read(0, small.size)
  t.true(open(new BytesSource(bytes.slice(0, -PAGE), 'cut')).isCut)
  t.false(open(small).isCut)
  const note = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(64 + 56 + 8, true))
  for (const [at, value] of [
    [note + 28, 99n],
    [note + 28 + 24, 1n << 40n],
    [note + 28 + 32, 1n << 50n],
  ] as const) {
    const damaged = Uint8Array.from(bytes)
    new DataView(damaged.buffer).setBigUint64(at, value, true)
    t.throws(() => open(new BytesSource(damaged, 'damaged')), {code: 'format'}, `${at}`)
  }
  t.is(
    MinimalCore.open(new BytesSource(buildCore(spec), 'core'), readFileHeader(small), () => {}),
    undefined,
  )
})

test('reads past the end are told as of any file', t => {
  const {whole, small} = minimise(core => readForDebuggers(core, []))
  t.throws(() => open(small).read(whole.size - 4, 8), {instanceOf: TruncatedFileError})
})

/** Words of a stack, and what is left of them. */
const WORDS: readonly (readonly [what: string, word: bigint | string, isKept: boolean])[] = [
  ['a pointer into the heap', BigInt(HEAP) + 24n, true],
  ['a pointer into mapped memory that was not dumped', BigInt(HEAP) + 45n * 4096n, true],
  ['a length', 1234n, true],
  ['two numbers of 32 bits', (77n << 32n) + 5n, true],
  ['eight flags', 0x0100_0001_0000_0101n, true],
  ['an error code', BigInt.asUintN(64, -14n), true],
  ['a text', 'password', false],
  ['its end, two characters', 'x!', false],
  ['a length behind it', 2n, true],
  ['a number of a program', 0x1122_3344_5566_7788n, false],
  ['a short text alone', 'abcd', false],
  ['a word of a runtime structure', 0x1122_3344_5566_7788n, true],
]

test('redaction keeps pointers, lengths and structures of the runtime', t => {
  const stack = new BytesBuilder()
  for (const [, word] of WORDS) {
    if (typeof word === 'string') stack.text(word).align(8)
    else stack.u64(word)
  }
  const bytes = buildCore({
    threads: [{tid: 7, registers: Object.assign(new Array(27).fill(0x4142434445464748n), {[RSP]: STACK})}],
    process: {name: 'server', commandLine: './server --token hunter2'},
    memory: [
      {address: STACK, bytes: stack.align(PAGE).build()},
      {address: HEAP, bytes: pattern(1, 2), memorySize: 50 * PAGE},
      {address: 0x400000, bytes: pattern(1, 3), flags: 5},
    ],
  })
  const source = new BytesSource(bytes, 'core')
  const core = CoreFile.open(source, new Diagnostics())
  const structure = STACK + (WORDS.length - 1) * 8
  const redaction = new CoreRedaction(core, [], [{start: toAddress(structure), end: toAddress(structure + 8)}])
  const blanked = Uint8Array.from(bytes)
  // In pieces, as a large core is written.
  for (let at = 0; at < blanked.length; at += 256) redaction.blank(blanked.subarray(at, at + 256), at)
  const left = CoreFile.open(new BytesSource(blanked, 'blanked'), new Diagnostics())
  WORDS.forEach(([what, , isKept], index) => {
    const at = toAddress(STACK + index * 8)
    t.deepEqual(left.memory.read(at, 8), isKept ? core.memory.read(at, 8) : new Uint8Array(8), what)
  })
  t.deepEqual(left.memory.read(toAddress(0x400000), PAGE), core.memory.read(toAddress(0x400000), PAGE), 'code')
  t.is(left.process?.name, 'server')
  t.is(left.process?.commandLine, '')
  const registers = Array.from(left.threads[0]?.registers ?? [])
  t.is(registers[RSP], BigInt(STACK))
  t.deepEqual([...new Set(registers.filter((_, index) => index !== RSP))].sort(), [0n, 0x4142434445464748n])
  t.is(registers[10], 0n, 'rax')
})
