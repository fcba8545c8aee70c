import test from 'ava'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {type Address, toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {AddressSpace} from '../../src/elf/address-space.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {findLoadedImages} from '../../src/elf/loaded-image.ts'
import {Module} from '../../src/elf/module.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildCore, type CoreSpec} from '../support/core-builder.ts'
import {buildElf, buildGnuBuildIdNote, EM, ET, PF, PT, type SegmentSpec} from '../support/elf-builder.ts'

const address = toAddress
const PAGE = 0x1000

function openCore(spec: CoreSpec | Uint8Array, diagnostics = new Diagnostics()): CoreFile {
  return CoreFile.open(new BytesSource(spec instanceof Uint8Array ? spec : buildCore(spec), 'core'), diagnostics)
}

function page(byte: number, pages = 1): Uint8Array {
  return new Uint8Array(pages * PAGE).fill(byte)
}

test('threads come in the order of the core, each with its registers and signal', t => {
  const registers = Array.from({length: 27}, (_, index) => BigInt(index) + 0xffff_ffff_0000_0000n)
  const core = openCore({threads: [{tid: 42, signal: 11, registers}, {tid: 41}], process: {pid: 41, name: 'crasher'}})
  t.deepEqual(
    core.threads.map(thread => [thread.tid, thread.signal, thread.name]),
    [
      [42, 11, undefined],
      [41, 0, 'crasher'],
    ],
  )
  t.is(core.threads[0]?.registers[USER_REGS.rip], 0xffff_ffff_0000_0010n)
  t.is(core.process?.name, 'crasher')
})

test('the signal is that of NT_SIGINFO: an address where the kernel raised it, a sender where it was sent', t => {
  const fault = openCore({signal: {number: 11, code: 1, address: 0x10}}).signal
  t.deepEqual(fault, {number: 11, code: 1, address: 0x10n, senderPid: undefined})
  const sent = openCore({signal: {number: 6, code: -6, senderPid: 77}}).signal
  t.deepEqual(sent, {number: 6, code: -6, address: undefined, senderPid: 77})
})

test('without NT_SIGINFO the first thread tells the signal, and its code is unknown', t => {
  t.deepEqual(openCore({threads: [{tid: 1, signal: 6}]}).signal, {
    number: 6,
    code: undefined,
    address: undefined,
    senderPid: undefined,
  })
  t.is(openCore({threads: [{tid: 1}]}).signal, undefined)
})

test('file mappings have their offset in bytes, by address', t => {
  const core = openCore({
    mappings: [
      {start: 0x7000, end: 0x8000, path: '/lib/b.so (deleted)'},
      {start: 0x4000, end: 0x6000, fileOffset: 0x2000, path: '/bin/a'},
    ],
    auxv: [[6, 0x1000]],
  })
  t.deepEqual(core.mappings, [
    {start: address(0x4000), end: address(0x6000), fileOffset: 0x2000, path: '/bin/a'},
    {start: address(0x7000), end: address(0x8000), fileOffset: 0, path: '/lib/b.so (deleted)'},
  ])
  t.is(core.pageSize, 4096)
})

test('what is given as a core and is not one is named, with the next step', t => {
  const program = t.throws(() => openCore(buildElf({type: ET.EXEC, sections: []})), {instanceOf: InputError})
  t.is(program?.code, 'not-a-core')
  t.regex(program?.message ?? '', /not a core but an executable/)
  t.regex(program?.hint ?? '', /--exe/)
  const text = t.throws(() => openCore(new TextEncoder().encode('panic: oh no\n')), {instanceOf: InputError})
  t.is(text?.code, 'not-a-core')
  const arm = t.throws(() => openCore(buildCore({machine: EM.ARM})), {instanceOf: InputError})
  t.is(arm?.code, 'wrong-machine')
  t.regex(arm?.message ?? '', /ARM/)
})

test('memory that was not dumped is absent, not zero', t => {
  const core = openCore({memory: [{address: 0x10000, bytes: page(7), memorySize: 2 * PAGE}]})
  t.deepEqual(core.memory.read(address(0x10ffe), 2), Uint8Array.of(7, 7))
  t.is(core.memory.read(address(0x10fff), 2), undefined)
  t.true(core.isMapped(address(0x11fff)))
  t.false(core.isMapped(address(0x12000)))
  t.false(core.isMapped(address(0xffff)))
})

test('a read may cross the border of adjacent segments, not a gap', t => {
  const memory = [
    {address: 0x10000, bytes: page(1)},
    {address: 0x11000, bytes: page(2)},
    {address: 0x13000, bytes: page(3)},
  ]
  const core = openCore({memory})
  t.deepEqual(core.memory.read(address(0x10ffe), 4), Uint8Array.of(1, 1, 2, 2))
  t.is(core.memory.read(address(0x11ffe), 4), undefined)
  t.is(core.memory.read(address(0x10000), PAGE * 2)?.length, PAGE * 2)
})

test('segments need not be in order', t => {
  const core = openCore({
    memory: [
      {address: 0x20000, bytes: page(2)},
      {address: 0x10000, bytes: page(1)},
    ],
  })
  t.is(core.memory.read(address(0x10000), 1)?.[0], 1)
  t.is(core.memory.read(address(0x20fff), 1)?.[0], 2)
})

test('more program headers than 16 bits can count are counted by section header 0', t => {
  const memory = Array.from({length: 70000}, (_, index) => ({address: 0x100000 + index * 2 * PAGE, memorySize: PAGE}))
  memory.push({address: 0x7f0000000000, memorySize: 8, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)} as never)
  const core = openCore({memory, extendedNumbering: true})
  t.deepEqual(core.memory.read(address(0x7f0000000004), 2), Uint8Array.of(5, 6))
  t.true(core.isMapped(address(0x100000 + 69999 * 2 * PAGE)))
})

test('of a core that is cut short the bytes past the cut are absent and the missing share is told', t => {
  const whole = buildCore({
    memory: [
      {address: 0x10000, bytes: page(1)},
      {address: 0x20000, bytes: page(2, 3)},
    ],
  })
  const diagnostics = new Diagnostics()
  const core = openCore(whole.slice(0, whole.length - 2 * PAGE), diagnostics)
  t.true(core.truncated)
  t.is(core.memory.read(address(0x20fff), 1)?.[0], 2)
  t.is(core.memory.read(address(0x21000), 1), undefined)
  t.true(core.isMapped(address(0x21000)))
  t.regex(diagnostics.list()[0]?.message ?? '', /8192 of 16384 bytes .*50\.0 %/)
  t.false(openCore(whole).truncated)
})

test('the vsyscall page, above what an address can spell, is left out', t => {
  const core = openCore({memory: [{address: 0x10000, bytes: page(1)}]})
  const bytes = buildCore({memory: [{address: 0x10000, bytes: page(1)}]})
  new DataView(bytes.buffer).setBigUint64(64 + 56 + 16, 0xffffffffff600000n, true)
  t.is(core.segments.count, 1)
  t.is(openCore(bytes).segments.count, 0)
})

// A library: headers and text in one page at 0, writable data at 0x2000 (file size 0x10, memory size 0x800).
const TEXT = new BytesBuilder(0x400).hex('55 48 89 e5 c3').padTo(0x100).build()
const DATA = new BytesBuilder(0x2000).u64(0x1111, 0x2222).build()

function library(buildId = 'aabbccdd', extra: SegmentSpec[] = []): Uint8Array {
  return buildElf({
    type: ET.DYN,
    entry: 0x1000,
    sections: [
      {name: '.note.gnu.build-id', bytes: buildGnuBuildIdNote(buildId), type: 7},
      {name: '.text', address: 0x1000, bytes: TEXT},
      {name: '.data', address: 0x2000, bytes: DATA},
    ],
    segments: [
      {type: PT.LOAD, flags: PF.R, withHeaders: true, address: 0, fileSize: 0x400},
      {type: PT.LOAD, flags: PF.R + PF.X, from: '.text'},
      {type: PT.LOAD, flags: PF.R + PF.W, from: '.data', memorySize: 0x800},
      {type: PT.NOTE, from: '.note.gnu.build-id', alignment: 4},
      ...extra,
    ],
  })
}

const BASE = 0x7f0000000000
const FIRST_PAGE = library().slice(0, PAGE)

function process(spec: Partial<CoreSpec> = {}): CoreSpec {
  return {
    mappings: [
      {start: BASE, end: BASE + PAGE, path: '/lib/libcrash.so'},
      {start: BASE + PAGE, end: BASE + 2 * PAGE, fileOffset: PAGE, path: '/lib/libcrash.so'},
      {start: BASE + 2 * PAGE, end: BASE + 3 * PAGE, fileOffset: 2 * PAGE, path: '/lib/libcrash.so'},
    ],
    memory: [
      {address: 0x10000, bytes: page(9)},
      {address: BASE, bytes: FIRST_PAGE, flags: PF.R},
      {address: BASE + PAGE, memorySize: PAGE, flags: PF.R + PF.X},
      {address: BASE + 2 * PAGE, memorySize: PAGE, flags: PF.R + PF.W},
    ],
    ...spec,
  }
}

function moduleOf(core: CoreFile, file = library()): Module {
  const image = findLoadedImages(core, new Diagnostics())[0]
  return new Module({
    path: image?.path ?? '',
    start: image?.start ?? address(BASE),
    end: image?.end ?? address(BASE + 3 * PAGE),
    loadBias: image?.loadBias ?? BASE,
    image: ElfFile.open(new BytesSource(file, 'libcrash.so'), new Diagnostics()),
  })
}

test('an image is one module, with the build ID that its first page in the core holds', t => {
  const [image, ...others] = findLoadedImages(openCore(process()), new Diagnostics())
  t.is(others.length, 0)
  t.is(image?.path, '/lib/libcrash.so')
  t.is(image?.buildIds.gnu, 'aabbccdd')
  t.is(image?.loadBias, BASE)
  t.is(image?.start, address(BASE))
  t.is(image?.end, address(BASE + 3 * PAGE))
})

for (const [kind, memory] of [
  ['headers', {bytes: FIRST_PAGE}],
  ['code', {memorySize: PAGE}],
] as const) {
  test(`of a core that claims more images than any process has, by ${kind}, the first ones are taken`, t => {
    const starts = Array.from({length: 3001}, (_, index) => BASE + index * 16 * PAGE)
    const core = openCore({
      mappings: starts.map((start, index) => ({start, end: start + PAGE, path: `/lib/${index}.so`})),
      memory: starts.map(address => ({address, flags: PF.R + PF.X, ...memory})),
    })
    const diagnostics = new Diagnostics()
    t.is(findLoadedImages(core, diagnostics).length, 3000)
    t.deepEqual(
      diagnostics.list().map(({code}) => code),
      ['modules-left-out'],
    )
  })
}

test('of libraries that lie side by side, each is told without a look at all behind it', t => {
  const lookups = (count: number): number => {
    const starts = Array.from({length: count}, (_, index) => BASE + index * PAGE)
    const core = openCore({
      mappings: starts.map((start, index) => ({start, end: start + PAGE, path: `/lib/${index}.so`})),
      memory: starts.map(address => ({address, flags: PF.R + PF.X, bytes: FIRST_PAGE})),
    })
    const {segments} = core
    const extentAt = segments.extentAt.bind(segments)
    let asked = 0
    const value = (at: Address) => {
      asked++
      return extentAt(at)
    }
    Object.defineProperty(segments, 'extentAt', {value})
    t.is(findLoadedImages(core, new Diagnostics()).length, count)
    return asked
  }
  t.true(lookups(200) <= 2 * lookups(100))
})

test('a file that is mapped twice is two modules; one that is mapped as data is none', t => {
  const second = BASE + 0x100000
  const spec = process()
  const mappings = [
    ...(spec.mappings ?? []),
    ...(spec.mappings ?? []).map(mapping => ({
      ...mapping,
      start: mapping.start + 0x100000,
      end: mapping.end + 0x100000,
    })),
    {start: 0x10000, end: 0x11000, path: '/usr/share/data'},
  ]
  const memory = [...(spec.memory ?? []), {address: second, bytes: FIRST_PAGE, flags: PF.R}]
  const images = findLoadedImages(openCore({mappings, memory}), new Diagnostics())
  t.deepEqual(
    images.map(image => image.start),
    [address(BASE), address(second)],
  )
})

test('a removed file keeps its name, and the program is the image that AT_PHDR lies in', t => {
  const spec = process({auxv: [[3, BASE + 64]]})
  const mappings = (spec.mappings ?? []).map(mapping => ({...mapping, path: '/srv/app (deleted)'}))
  const [image] = findLoadedImages(openCore({...spec, mappings}), new Diagnostics())
  t.is(image?.path, '/srv/app')
  t.true(image?.deleted)
  t.true(image?.isExecutable)
})

test('without NT_FILE the dynamic linker tells of the libraries', t => {
  // The program at 0x400000 with its dynamic section at 0x402000; r_debug and the list at 0x500000.
  const program = buildElf({
    type: ET.EXEC,
    entry: 0x401000,
    segments: [
      {type: PT.LOAD, withHeaders: true, address: 0x400000, fileSize: 0x400},
      {type: PT.LOAD, flags: PF.R + PF.W, address: 0x402000, offset: 0x2000, fileSize: 0x100},
      {type: PT.DYNAMIC, address: 0x402000, offset: 0x2000, fileSize: 0x20},
    ],
  })
  const list = new BytesBuilder(0x500000).u64(1, 'first')
  list.label('first').u64(0, 'empty', 0, 'second', 0).label('second').u64(BASE, 'name', 0, 'first', 0)
  list.label('empty').u8(0).label('name').cstring('/lib/libcrash.so')
  const core = openCore({
    auxv: [
      [3, 0x400040],
      [31, 0x600000],
    ],
    memory: [
      {address: 0x400000, bytes: new BytesBuilder().bytes(program).padTo(PAGE).build()},
      {address: 0x402000, bytes: new BytesBuilder().u64(21, 0x500000, 0, 0).build()},
      {address: 0x500000, bytes: list.build()},
      {address: 0x600000, bytes: new BytesBuilder().cstring('./app').padTo(64).build()},
      {address: BASE, bytes: FIRST_PAGE},
    ],
  })
  const images = findLoadedImages(core, new Diagnostics())
  t.deepEqual(
    images.map(image => [image.path, image.isExecutable, image.loadBias, image.end]),
    [
      ['./app', true, 0, address(0x403000)],
      ['/lib/libcrash.so', false, BASE, address(BASE + 3 * PAGE)],
    ],
  )
})

test('with neither names nor an auxiliary vector images are known by their headers, the program by its DT_DEBUG', t => {
  const program = buildElf({
    type: ET.EXEC,
    entry: 0x401000,
    segments: [
      {type: PT.LOAD, withHeaders: true, address: 0x400000, fileSize: 0x400},
      {type: PT.LOAD, flags: PF.R + PF.X, address: 0x401000, offset: 0x1000, fileSize: 0x100},
      {type: PT.LOAD, flags: PF.R + PF.W, address: 0x402000, offset: 0x2000, fileSize: 0x100},
      {type: PT.DYNAMIC, address: 0x402000, offset: 0x2000, fileSize: 0x20},
    ],
  })
  const core = openCore({
    process: {name: 'app'},
    memory: [
      {address: 0x400000, bytes: new BytesBuilder().bytes(program).padTo(PAGE).build()},
      {address: 0x401000, memorySize: PAGE, flags: PF.R + PF.X},
      {address: 0x402000, bytes: new BytesBuilder().u64(21, 0x500000, 0, 0).build()},
      // Read into memory, not loaded.
      {
        address: 0x600000,
        bytes: new BytesBuilder()
          .bytes(library())
          .padTo(3 * PAGE)
          .build(),
      },
      {address: BASE, bytes: FIRST_PAGE, flags: PF.R},
      {address: BASE + PAGE, memorySize: PAGE, flags: PF.R + PF.X},
    ],
  })
  t.deepEqual(
    findLoadedImages(core, new Diagnostics()).map(found => [found.path, found.isExecutable, found.buildIds.gnu]),
    [
      ['app', true, undefined],
      [`[image at 0x${BASE.toString(16)}]`, false, 'aabbccdd'],
    ],
  )
})

test('of `ld.so program` the program is the image that linkers gave a DT_DEBUG, not the one that the kernel started', t => {
  const image = (tag: number): Uint8Array =>
    buildElf({
      sections: [{name: '.dynamic', bytes: new BytesBuilder().u64(tag, 0, 0, 0).build()}],
      segments: [
        {type: PT.LOAD, withHeaders: true, address: 0, fileSize: PAGE},
        {type: PT.DYNAMIC, from: '.dynamic', address: 64 + 2 * 56},
      ],
    })
  const padded = (bytes: Uint8Array): Uint8Array => new BytesBuilder().bytes(bytes).padTo(PAGE).build()
  const core = openCore({
    auxv: [[3, 0x20000 + 64]],
    mappings: [
      {start: 0x10000, end: 0x11000, path: '/srv/app'},
      {start: 0x20000, end: 0x21000, path: '/lib64/ld-linux-x86-64.so.2'},
    ],
    memory: [
      {address: 0x10000, bytes: padded(image(21))},
      {address: 0x20000, bytes: padded(image(30))},
    ],
  })
  t.deepEqual(
    findLoadedImages(core, new Diagnostics()).map(found => [found.path, found.isExecutable]),
    [
      ['/srv/app', true],
      ['/lib64/ld-linux-x86-64.so.2', false],
    ],
  )
})

test('the vDSO is an image in the core itself', t => {
  const vdso = new BytesBuilder()
    .bytes(library('5d50'))
    .padTo(3 * PAGE)
    .build()
  const core = openCore({auxv: [[33, 0x7fff0000000]], memory: [{address: 0x7fff0000000, bytes: vdso}]})
  const [image] = findLoadedImages(core, new Diagnostics())
  t.is(image?.path, '[vdso]')
  t.is(image?.buildIds.gnu, '5d50')
  t.is(image?.memoryImage?.readAtLinkAddress(address(0x1000), 1)?.[0], 0x55)
})

test('what the core left out of a loaded file comes from the file; what it dumped wins', t => {
  const spec = process()
  const core = openCore(spec)
  const space = new AddressSpace(core, [moduleOf(core)])
  t.deepEqual(space.read(address(BASE + PAGE), 3), Uint8Array.of(0x55, 0x48, 0x89))
  t.is(space.sourceOf(address(BASE + PAGE)), 'file')
  t.is(space.sourceOf(address(BASE)), 'core')
  t.is(space.moduleAt(address(BASE + PAGE))?.path, '/lib/libcrash.so')
  // A breakpoint that a debugger left in the text: that page was dumped.
  const patched = {address: BASE + PAGE, bytes: page(0xcc), flags: PF.R + PF.X}
  const dumped = openCore({...spec, memory: [...(spec.memory ?? []).slice(0, 2), patched]})
  t.is(new AddressSpace(dumped, [moduleOf(dumped)]).read(address(BASE + PAGE), 1)?.[0], 0xcc)
})

test('words that others stood for are read as they were, whole or in part, from the core and from a file', t => {
  const core = openCore(process())
  const space = new AddressSpace(core, [moduleOf(core)])
  const plain = space.read(address(BASE + PAGE - 16), 24) as Uint8Array
  space.replaceWords(
    new Map([
      [address(BASE + PAGE), 0x0102030405060708n],
      [address(BASE + PAGE - 16), 0x11n],
    ]),
  )
  space.replaceWords(new Map())
  const expected = Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0, ...plain.subarray(8, 16), 8, 7, 6, 5, 4, 3, 2, 1)
  t.deepEqual(space.read(address(BASE + PAGE - 16), 24), expected)
  for (let start = 0; start < 24; start++) {
    t.deepEqual(space.read(address(BASE + PAGE - 16 + start), 24 - start), expected.slice(start), `from ${start}`)
    t.deepEqual(space.read(address(BASE + PAGE - 16), start), expected.slice(0, start), `up to ${start}`)
  }
  t.is(space.number64(address(BASE + PAGE - 16)), 0x11)
  t.is(space.read(address(0), 8), undefined)
})

test('a read may run from dumped memory into a file and back', t => {
  const core = openCore(process())
  const space = new AddressSpace(core, [moduleOf(core)])
  const bytes = space.read(address(BASE + 0xffe), 4)
  t.deepEqual(bytes?.slice(2), Uint8Array.of(0x55, 0x48))
  t.deepEqual(space.read(address(BASE + PAGE), 2), Uint8Array.of(0x55, 0x48))
  // Past the text's bytes in the file there is nothing that we know of.
  t.is(space.read(address(BASE + PAGE + TEXT.length - 1), 2), undefined)
})

test('writable data that was never written to comes from the file, its .bss does not', t => {
  const core = openCore(process())
  const space = new AddressSpace(core, [moduleOf(core)])
  t.deepEqual(space.read(address(BASE + 0x2000), 2), Uint8Array.of(0x11, 0x11))
  t.is(space.read(address(BASE + 0x2010), 8), undefined)
})

test('writable data of a core that is cut short, or that dumped no private memory, is absent', t => {
  const spec = process()
  const data = {address: BASE + 2 * PAGE, bytes: page(5), flags: PF.R + PF.W}
  const whole = buildCore({...spec, memory: [...(spec.memory ?? []).slice(0, 3), data]})
  const cut = openCore(whole.slice(0, whole.length - PAGE))
  t.is(new AddressSpace(cut, [moduleOf(cut)]).read(address(BASE + 0x2000), 2), undefined)
  t.truthy(new AddressSpace(cut, [moduleOf(cut)]).read(address(BASE + PAGE), 2))
  const minimal = openCore({...spec, memory: (spec.memory ?? []).slice(1)})
  t.is(new AddressSpace(minimal, [moduleOf(minimal)]).read(address(BASE + 0x2000), 2), undefined)
})

test('absurd lengths and addresses are absent memory', t => {
  const core = openCore(process())
  const space = new AddressSpace(core, [moduleOf(core)])
  for (const length of [-1, Number.MAX_SAFE_INTEGER, Number.NaN]) t.is(space.read(address(0x10000), length), undefined)
  t.is(space.read((2 ** 52) as Address, 8), undefined)
  t.is(space.read(address(0), 8), undefined)
})
