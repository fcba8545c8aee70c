import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {deflateSync} from 'node:zlib'
import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {BytesSource, FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError, UnsupportedError} from '../../src/base/errors.ts'
import {sameBuild} from '../../src/elf/build-id.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {SplitPackage} from '../../src/elf/split-package.ts'
import {SymbolTable} from '../../src/elf/symtab.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {
  buildElf,
  buildGnuBuildIdNote,
  buildGoBuildIdNote,
  buildNote,
  buildSymbolSections,
  type ElfSpec,
  EM,
  PF,
  PT,
  SHT,
  type SymbolSpec,
} from '../support/elf-builder.ts'

const address = toAddress

function open(spec: ElfSpec | Uint8Array, diagnostics = new Diagnostics()): ElfFile {
  const bytes = spec instanceof Uint8Array ? spec : buildElf(spec)
  return ElfFile.open(new BytesSource(bytes, 'image'), diagnostics)
}

function symbols(list: SymbolSpec[], dynamic = false): SymbolTable {
  return SymbolTable.of(open({sections: buildSymbolSections(list, dynamic)}))
}

test('bytes without the ELF magic are no ELF file, and the message names the file', t => {
  const error = t.throws(() => open(new TextEncoder().encode('hello, world')), {instanceOf: InputError})
  t.is(error?.code, 'not-elf')
  t.true(error?.message.startsWith('image: '))
})

test('32-bit, big-endian and other machines are refused in one clear sentence', t => {
  for (const [spec, word] of [
    [{elfClass: 1}, /32-bit/],
    [{endian: 2}, /big-endian/],
    [{machine: EM.AARCH64}, /AArch64/],
    [{machine: 0x1234}, /machine 4660/],
  ] as const) {
    t.throws(() => open({...spec, sections: []}), {instanceOf: UnsupportedError, message: word})
  }
})

test('a header that is cut short is a format error, not a crash', t => {
  const bytes = buildElf({sections: []})
  for (let size = 4; size < 64; size += 7) {
    t.throws(() => open(bytes.slice(0, size)), {code: 'format'})
  }
})

test('a section is found by name with its link address, a NOBITS one has no bytes', t => {
  const elf = open({
    sections: [
      {name: '.text', address: 0x1000, bytes: Uint8Array.of(0x90, 0xc3)},
      {name: '.bss', address: 0x2000, bytes: new Uint8Array(), type: SHT.NOBITS, size: 64},
    ],
  })
  t.deepEqual(elf.section('.text'), {bytes: Uint8Array.of(0x90, 0xc3), address: address(0x1000)})
  t.is(elf.section('.bss'), undefined)
  t.is(elf.sectionHeader('.bss')?.size, 64)
  t.is(elf.section('.nothing'), undefined)
})

test('SHF_COMPRESSED and .zdebug_ sections come out unpacked', t => {
  const content = new TextEncoder().encode('debug information '.repeat(50))
  const packed = deflateSync(content)
  const modern = new BytesBuilder().u32(1, 0).u64(content.length, 1).bytes(packed).build()
  const old = new BytesBuilder()
    .text('ZLIB')
    .zeros(6)
    .u8(content.length >> 8, content.length & 255)
    .bytes(packed)
    .build()
  const elf = open({
    sections: [
      {name: '.debug_info', bytes: modern, flags: 0x800},
      {name: '.zdebug_line', bytes: old},
    ],
  })
  t.deepEqual(elf.section('.debug_info')?.bytes, content)
  t.deepEqual(elf.section('.debug_line')?.bytes, content)
})

test('a section that claims to unpack to more than deflate can make is refused before anything is allocated', t => {
  const diagnostics = new Diagnostics()
  const bomb = new BytesBuilder()
    .u32(1, 0)
    .u64(0xffffffffff, 1)
    .bytes(deflateSync(new Uint8Array(10)))
    .build()
  t.is(
    open({sections: [{name: '.debug_info', bytes: bomb, flags: 0x800}]}, diagnostics).section('.debug_info'),
    undefined,
  )
  t.is(diagnostics.list()[0]?.code, 'bad-section')
})

test('a large section that packs to far less than debug information does is not unpacked', t => {
  const diagnostics = new Diagnostics()
  const size = 100 * 1024 * 1024
  const bomb = new BytesBuilder()
    .u32(1, 0)
    .u64(size, 1)
    .bytes(deflateSync(new Uint8Array(size)))
    .build()
  const elf = open({sections: [{name: '.debug_info', bytes: bomb, flags: 0x800}]}, diagnostics)
  t.is(elf.section('.debug_info'), undefined)
  t.regex(diagnostics.list()[0]?.message ?? '', /claims to unpack from \d+ to 104857600 bytes/)
})

test('a large section that is a hole of a sparse file is not read', t => {
  const size = 600 * 1024 * 1024
  const bytes = buildElf({sections: [{name: '.debug_info', bytes: new Uint8Array(64).fill(1)}]})
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const header = Number(view.getBigUint64(40, true)) + 64
  view.setBigUint64(header + 24, 1_048_576n, true)
  view.setBigUint64(header + 32, BigInt(size), true)
  const source = {
    name: 'sparse',
    size: size + 2_097_152,
    read: (offset: number, length: number) => {
      t.true(length < 1_000_000)
      const read = new Uint8Array(length)
      read.set(bytes.subarray(offset, offset + length))
      return read
    },
  }
  const diagnostics = new Diagnostics()
  t.is(ElfFile.open(source, diagnostics).section('.debug_info'), undefined)
  t.regex(diagnostics.list()[0]?.message ?? '', /claims 629145600 bytes, which are zeros/)
})

test('build IDs are read from PT_NOTE, and from section headers where the segment was stripped away', t => {
  const note = {name: '.note.gnu.build-id', bytes: buildGnuBuildIdNote('0102aaff'), type: SHT.NOTE}
  const go = {name: '.note.go.buildid', bytes: buildGoBuildIdNote('a/b/c/d'), type: SHT.NOTE}
  const bySegment = open({
    sections: [note, go],
    segments: [
      {type: PT.NOTE, from: note.name, alignment: 4},
      {type: PT.NOTE, from: go.name, alignment: 4},
    ],
    withoutSectionHeaders: true,
  })
  t.is(bySegment.buildId, '0102aaff')
  t.is(bySegment.goBuildId, 'a/b/c/d')
  const bySection = open({sections: [note, go], segments: [{type: PT.NOTE, offset: 0x9000, fileSize: 36}]})
  t.is(bySection.buildId, '0102aaff')
})

test('notes of a segment aligned to 8 bytes are padded to 8', t => {
  const property = new BytesBuilder()
    .u32(4, 4, 5)
    .text('GNU\0')
    .u32(7)
    .zeros(4)
    .bytes(buildGnuBuildIdNote('beef'))
    .build()
  const elf = open({
    sections: [{name: '.note', bytes: property}],
    segments: [{type: PT.NOTE, from: '.note', alignment: 8}],
    withoutSectionHeaders: true,
  })
  t.is(elf.buildId, 'beef')
})

test('two builds are the same by the kind of ID that both have, else nobody knows', t => {
  t.true(sameBuild({gnu: 'aa', go: 'x'}, {gnu: 'aa', go: 'y'}))
  t.false(sameBuild({gnu: undefined, go: 'x'}, {gnu: 'aa', go: 'y'}))
  t.is(sameBuild({gnu: 'aa', go: undefined}, {gnu: undefined, go: 'y'}), undefined)
})

test('link addresses read through PT_LOAD, zero past the file size within the memory size', t => {
  const elf = open({
    sections: [{name: '.data', address: 0x3000, bytes: Uint8Array.of(1, 2, 3, 4)}],
    segments: [{type: PT.LOAD, flags: PF.R + PF.W, from: '.data', memorySize: 16}],
  })
  t.is(elf.linkStart, address(0x3000))
  t.is(elf.linkEnd, address(0x4000))
  t.deepEqual(elf.readAtLinkAddress(address(0x3002), 4), Uint8Array.of(3, 4, 0, 0))
  t.is(elf.readAtLinkAddress(address(0x300e), 4), undefined)
  t.is(elf.readAtLinkAddress(address(0x2fff), 1), undefined)
})

test('without section headers .eh_frame is found through PT_GNU_EH_FRAME', t => {
  // .eh_frame_hdr: version 1, eh_frame_ptr pcrel sdata4; the pointer is relative to its own place, 4 bytes in.
  const image = new BytesBuilder(0x1000)
    .label('hdr')
    .hex('01 1b 03 3b')
    .u32(0x10 - 4)
    .padTo(0x10)
  image.hex('14 00 00 00 00 00 00 00')
  const elf = open({
    sections: [{name: 'load', address: 0x1000, bytes: image.build()}],
    segments: [
      {type: PT.LOAD, from: 'load'},
      {type: PT.GNU_EH_FRAME, address: 0x1000, fileSize: 8, memorySize: 8},
    ],
    withoutSectionHeaders: true,
  })
  t.is(elf.section('.eh_frame_hdr')?.address, address(0x1000))
  t.deepEqual(elf.section('.eh_frame'), {
    bytes: new BytesBuilder().hex('14 00 00 00 00 00 00 00').build(),
    address: address(0x1010),
  })
})

test('without section headers .dynsym is found through PT_DYNAMIC, counted by DT_HASH', t => {
  const [table, strings] = buildSymbolSections([{name: 'crash_here', address: 0x1100, size: 8}], true)
  const image = new BytesBuilder(0x1000)
  image
    .label('sym')
    .bytes(table?.bytes ?? [])
    .label('str')
    .bytes(strings?.bytes ?? [])
    .align(8)
  image.label('hash').u32(1, 2, 0, 0, 0, 0)
  image.label('dyn').u64(6, 'sym', 5, 'str', 10, strings?.bytes.length ?? 0, 4, 'hash', 0, 0)
  const elf = open({
    sections: [{name: 'load', address: 0x1000, bytes: image.build()}],
    segments: [
      {type: PT.LOAD, from: 'load', memorySize: 0x2000},
      {type: PT.DYNAMIC, address: image.addressOf('dyn'), fileSize: 80, memorySize: 80},
    ],
    withoutSectionHeaders: true,
  })
  t.is(SymbolTable.of(elf).find(address(0x1104))?.name, 'crash_here')
})

test('a symbol covers its size and no more; one of size 0 reaches to the next symbol', t => {
  const table = symbols([
    {name: 'sized', address: 0x1000, size: 0x10},
    {name: 'label', address: 0x1020},
    {name: 'after', address: 0x1030, size: 4},
  ])
  t.is(table.find(address(0x100f))?.name, 'sized')
  t.is(table.find(address(0x1010)), undefined)
  t.is(table.find(address(0x102f))?.name, 'label')
  t.is(table.find(address(0x1033))?.name, 'after')
  t.is(table.find(address(0x1034)), undefined)
  t.is(table.find(address(0xfff)), undefined)
})

test('an address after a nested label still belongs to the function around it', t => {
  const table = symbols([
    {name: 'outer', address: 0x1000, size: 0x100},
    {name: 'inner', address: 0x1010, size: 4},
  ])
  t.is(table.find(address(0x1012))?.name, 'inner')
  t.is(table.find(address(0x1080))?.name, 'outer')
})

test('of symbols at one address the sized global function is taken', t => {
  const table = symbols([
    {name: 'marker', address: 0x1000, type: 0},
    {name: 'weak', address: 0x1000, size: 8, binding: 2},
    {name: 'global', address: 0x1000, size: 8, binding: 1},
    {name: 'local', address: 0x1000, size: 8, binding: 0},
  ])
  t.is(table.find(address(0x1004))?.name, 'global')
})

test('thread-local and absolute symbols have a name but lie at no address; undefined ones do not exist', t => {
  const table = symbols([
    {name: 'runtime.tlsg', address: 0x10, size: 8, type: 6},
    {name: 'absolute', address: 0x10, type: 1, section: 0xfff1},
    {name: 'import', address: 0x10, section: 0},
  ])
  t.is(table.find(address(0x10)), undefined)
  t.is(table.lookup('runtime.tlsg')?.address, address(0x10))
  t.truthy(table.lookup('absolute'))
  t.is(table.lookup('import'), undefined)
})

test('lookup by name takes the global symbol of several, whole names alone', t => {
  const table = symbols([
    {name: 'twice', address: 0x1000, binding: 0},
    {name: 'twice', address: 0x2000, binding: 1},
    {name: 'twice_more', address: 0x3000},
  ])
  t.is(table.lookup('twice')?.address, address(0x2000))
  t.is(table.lookup('twic'), undefined)
  t.is(table.lookup('twice_mor'), undefined)
  // A name is looked for once.
  t.is(table.lookup('twice'), table.lookup('twice'))
})

test('a stripped library answers from .dynsym; a debug file adds what that leaves out', t => {
  const stripped = open({sections: buildSymbolSections([{name: 'exported', address: 0x1000, size: 8}], true)})
  const debug = open({sections: buildSymbolSections([{name: 'static_function', address: 0x2000, size: 8}])})
  const table = SymbolTable.of(stripped, debug)
  t.is(table.find(address(0x1000))?.name, 'exported')
  t.is(table.find(address(0x2004))?.name, 'static_function')
})

test('a package of split units gives each unit its own part of a section, and the shared strings whole', t => {
  // Version 5, two columns (info, abbrev), one unit in row 1, two slots; the signature is even, so slot 0.
  const index = new BytesBuilder().u16(5, 0).u32(2, 1, 2).u64(0x1234_5678_9abc_def0n, 0).u32(1, 0)
  index.u32(1, 3).u32(4, 2).u32(3, 1)
  const file = open({
    sections: [
      {name: '.debug_cu_index', bytes: index.build()},
      {name: '.debug_info.dwo', bytes: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7)},
      {name: '.debug_abbrev.dwo', bytes: Uint8Array.of(10, 11, 12)},
      {name: '.debug_str.dwo', bytes: Uint8Array.of(0x61, 0)},
    ],
  })
  const splitPackage = SplitPackage.open(file, new Diagnostics())
  const unit = splitPackage?.unit(0x1234_5678_9abc_def0n)
  t.deepEqual(unit?.section('.debug_info.dwo')?.bytes, Uint8Array.of(4, 5, 6))
  t.deepEqual(unit?.section('.debug_abbrev.dwo')?.bytes, Uint8Array.of(12))
  t.deepEqual(unit?.section('.debug_str.dwo')?.bytes, Uint8Array.of(0x61, 0))
  t.is(splitPackage?.unit(0x2n), undefined)
})

test('a note whose sizes do not fit ends the notes, keeping those before', t => {
  const bad = new BytesBuilder().bytes(buildGnuBuildIdNote('aa')).u32(4, 0xfffffff0, 1).text('GNU\0').build()
  const elf = open({sections: [{name: '.n', bytes: bad}], segments: [{type: PT.NOTE, from: '.n'}]})
  t.is(elf.buildId, 'aa')
  t.is(
    open({sections: [{name: '.n', bytes: buildNote('GNU', 3, new Uint8Array()), type: SHT.NOTE}]}).buildId,
    undefined,
  )
})

test('a section that fills one page of the cache stays what it was when the page is read into again', t => {
  const page = 16_384
  const folder = mkdtempSync(join(tmpdir(), 'gotrace-elf-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  // The section begins where a page does; the pages that take its place in the cache are 128 apart (512 in sets of 4).
  const section = new Uint8Array(page).fill(0x5a)
  const sections = [
    {name: '.before', bytes: new Uint8Array(page - 64)},
    {name: '.page', bytes: section},
    {name: '.rest', bytes: new Uint8Array(128 * 4 * page)},
  ]
  const path = join(folder, 'image')
  writeFileSync(path, buildElf({sections}))
  const source = FileSource.open(path)
  t.teardown(() => source.close())
  const file = ElfFile.open(source, new Diagnostics())
  const read = file.section('.page')?.bytes
  for (let number = 1; number <= 4; number++) source.read((1 + 128 * number) * page, 8)
  t.true(read !== undefined && Buffer.compare(read, section) === 0)
})
