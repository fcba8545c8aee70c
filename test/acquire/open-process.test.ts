import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {crc32, gzipSync} from 'node:zlib'
import test from 'ava'
import {type OpenProcess, type OpenProcessOptions, openModuleFile, openProcess} from '../../src/acquire/open-process.ts'
import {toAddress} from '../../src/base/address.ts'
import {type Diagnostic, Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {SymbolTable} from '../../src/elf/symtab.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildCore, type CoreSpec} from '../support/core-builder.ts'
import {
  buildElf,
  buildGnuBuildIdNote,
  buildSymbolSections,
  ET,
  PF,
  PT,
  type SectionSpec,
} from '../support/elf-builder.ts'

const PAGE = 0x1000
const ID = 'a1b2c3d4e5'
const OTHER_ID = '0000000000'
const BASE = 0x400000

let counter = 0
const root = mkdtempSync(join(tmpdir(), 'open-process-test-'))
test.after.always(() => rmSync(root, {recursive: true}))

/** A directory of this test's own with the given files. */
function directory(files: Record<string, Uint8Array>): string {
  const path = join(root, String(counter++))
  mkdirSync(path)
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), {recursive: true})
    writeFileSync(join(path, name), bytes)
  }
  return path
}

/** A program of one text page; `text` tells builds apart. */
function program(buildId: string | undefined, sections: SectionSpec[] = [], text = 0x90): Uint8Array {
  const code = {name: '.text', address: BASE + PAGE, bytes: new Uint8Array(0x100).fill(text)}
  const note = {name: '.note.gnu.build-id', type: 7, bytes: buildId ? buildGnuBuildIdNote(buildId) : new Uint8Array(24)}
  return buildElf({
    type: ET.EXEC,
    entry: BASE + PAGE,
    sections: [note, code, ...sections],
    segments: [
      {type: PT.LOAD, withHeaders: true, address: BASE, fileSize: 0x300},
      {type: PT.LOAD, flags: PF.R + PF.X, from: '.text'},
      ...(buildId ? [{type: PT.NOTE, from: note.name, alignment: 4}] : []),
    ],
  })
}

const DEBUG_INFO = {name: '.debug_info', bytes: new Uint8Array(16)}

/** A core of that program, which lay at `path`. */
function core(path: string, image = program(ID), more: Partial<CoreSpec> = {}): Uint8Array {
  return buildCore({
    auxv: [[3, BASE + 64]],
    mappings: [
      {start: BASE, end: BASE + PAGE, path},
      {start: BASE + PAGE, end: BASE + 2 * PAGE, fileOffset: PAGE, path},
    ],
    memory: [
      {address: BASE, bytes: new BytesBuilder().bytes(image.slice(0, PAGE)).padTo(PAGE).build(), flags: PF.R},
      {address: BASE + PAGE, memorySize: PAGE, flags: PF.R + PF.X},
    ],
    ...more,
  })
}

interface Opened extends OpenProcess {
  diagnostics: Diagnostic[]
}

async function open(corePath: string, options: Partial<OpenProcessOptions> = {}): Promise<Opened> {
  const diagnostics = new Diagnostics()
  const process = await openProcess(corePath, {diagnostics, ...options})
  return {...process, diagnostics: diagnostics.list()}
}

function textByte(process: OpenProcess): number | undefined {
  return process.addressSpace.read(toAddress(BASE + PAGE), 1)?.[0]
}

test('the program is found where the core says it was, and its text is readable', async t => {
  const here = directory({app: program(ID)})
  writeFileSync(join(here, 'core'), core(join(here, 'app')))
  const process = await open(join(here, 'core'))
  t.is(process.modules[0]?.imageOrigin, 'file')
  t.is(process.modules[0]?.buildId, ID)
  t.is(textByte(process), 0x90)
  t.deepEqual(process.diagnostics, [])
  process.close()
})

test('a rebuilt program is never used: one line tells both build IDs and what to do', async t => {
  const here = directory({app: program(OTHER_ID, [], 0xcc)})
  writeFileSync(join(here, 'core'), core(join(here, 'app')))
  for (const options of [{}, {exe: join(here, 'app')}]) {
    const process = await open(join(here, 'core'), options)
    const [module] = process.modules
    t.is(module?.imageOrigin, 'memory')
    t.is(module?.mismatch, OTHER_ID)
    t.is(textByte(process), undefined)
    t.is(process.diagnostics.length, 1)
    t.is(process.diagnostics[0]?.code, 'build-id-mismatch')
    t.regex(process.diagnostics[0]?.message ?? '', new RegExp(`${OTHER_ID}.*${ID}`))
    t.regex(process.diagnostics[0]?.hint ?? '', /--exe/)
    process.close()
  }
})

test('the right build is found behind a wrong one, packed beside the core', async t => {
  const here = directory({'old/app': program(OTHER_ID), 'app.gz': gzipSync(program(ID))})
  writeFileSync(join(here, 'core'), core(join(here, 'old/app')))
  const process = await open(join(here, 'core'))
  t.is(process.modules[0]?.imagePath, join(here, 'app.gz'))
  t.is(textByte(process), 0x90)
  t.deepEqual(process.diagnostics, [])
  process.close()
})

test('--sysroot goes before the path itself, by full path or flat', async t => {
  const here = directory({'root/srv/app': program(ID), 'flat/app': program(ID)})
  writeFileSync(join(here, 'core'), core('/srv/app'))
  for (const sysroot of ['root', 'flat']) {
    const process = await open(join(here, 'core'), {sysroots: [join(here, sysroot)]})
    t.true(process.modules[0]?.imagePath?.startsWith(join(here, sysroot)))
    process.close()
  }
})

test('without build IDs the program headers must be the same', async t => {
  const image = program(undefined)
  const larger = program(undefined, [], 0x90).slice()
  new DataView(larger.buffer).setUint8(64 + 56 + 32, 0x80)
  const here = directory({same: image, other: larger})
  writeFileSync(join(here, 'core'), core('/gone/app', image))
  const same = await open(join(here, 'core'), {exe: join(here, 'same')})
  t.is(same.modules[0]?.imageOrigin, 'file')
  const other = await open(join(here, 'core'), {exe: join(here, 'other')})
  t.is(other.modules[0]?.imageOrigin, 'memory')
  t.is(other.diagnostics[0]?.code, 'build-id-mismatch')
})

test('where the core holds no header page the mappings must agree, and the report says it is unverified', async t => {
  const here = directory({app: program(ID)})
  const memory = [{address: BASE + PAGE, memorySize: PAGE, flags: PF.R + PF.X}]
  writeFileSync(join(here, 'core'), core(join(here, 'app'), program(ID), {memory}))
  const process = await open(join(here, 'core'))
  t.is(process.modules[0]?.imageOrigin, 'file')
  t.is(process.modules[0]?.loadBias, 0)
  t.deepEqual(
    process.diagnostics.map(diagnostic => diagnostic.code),
    ['module-unverified'],
  )
  const mappings = [
    {start: BASE, end: BASE + PAGE, path: join(here, 'app')},
    {start: BASE + 0x9000, end: BASE + 0xa000, fileOffset: PAGE, path: join(here, 'app')},
  ]
  const elsewhere = [{address: BASE + 0x9000, memorySize: PAGE, flags: PF.R + PF.X}]
  writeFileSync(join(here, 'core2'), core(join(here, 'app'), program(ID), {memory: elsewhere, mappings}))
  t.is((await open(join(here, 'core2'))).modules[0]?.imageOrigin, 'none')
})

test('a program that is nowhere is named, with the option that helps', async t => {
  const here = directory({})
  writeFileSync(join(here, 'core'), core('/gone/app (deleted)'))
  const process = await open(join(here, 'core'))
  t.is(process.diagnostics[0]?.code, 'module-not-found')
  t.is(process.diagnostics[0]?.hint, 'name it: --exe app')
  t.is(process.modules[0]?.imageOrigin, 'memory')
})

test('an executable that the user names and that is none is an input error', async t => {
  const here = directory({text: new TextEncoder().encode('#!/bin/sh\n'), other: core('/x')})
  writeFileSync(join(here, 'core'), core('/gone/app'))
  for (const name of ['text', 'missing', 'other', '.']) {
    const error = await t.throwsAsync(open(join(here, 'core'), {exe: join(here, name)}), {instanceOf: InputError})
    t.regex(error?.hint ?? '', /--exe/)
  }
})

test('debug information is taken from the image, else from the build-ID tree', async t => {
  const own = directory({app: program(ID, [DEBUG_INFO])})
  writeFileSync(join(own, 'core'), core(join(own, 'app')))
  const inside = await open(join(own, 'core'))
  t.is(inside.modules[0]?.debug.dwarf?.name, join(own, 'app'))
  const tree = `debug/.build-id/${ID.slice(0, 2)}/${ID.slice(2)}.debug`
  const symbols = buildSymbolSections([{name: 'from_debug_file', address: BASE + PAGE, size: 8}])
  const here = directory({app: program(ID), [tree]: program(ID, [DEBUG_INFO, ...symbols])})
  writeFileSync(join(here, 'core'), core(join(here, 'app')))
  const {modules} = await open(join(here, 'core'), {debugDirs: [join(here, 'debug')]})
  t.is(modules[0]?.debug.dwarf?.name, join(here, tree))
  const file = modules[0]?.debug.symbols
  t.is(file && SymbolTable.of(file).find(toAddress(BASE + PAGE + 4))?.name, 'from_debug_file')
})

test('a debug file of another build is passed over', async t => {
  const here = directory({app: program(ID), 'debug/app.debug': program(OTHER_ID, [DEBUG_INFO])})
  writeFileSync(join(here, 'core'), core(join(here, 'app')))
  const {modules} = await open(join(here, 'core'), {debugDirs: [join(here, 'debug')]})
  t.is(modules[0]?.debug.dwarf, undefined)
})

test('.gnu_debuglink names a file beside the image, which its CRC proves where there is no build ID', async t => {
  const debug = program(undefined, [DEBUG_INFO])
  const link = (crc: number): SectionSpec => ({
    name: '.gnu_debuglink',
    bytes: new BytesBuilder().cstring('app.dbg').align(4).u32(crc).build(),
  })
  const right = directory({app: program(undefined, [link(crc32(debug))]), '.debug/app.dbg': debug})
  const good = await openModuleFile(join(right, 'app'), {diagnostics: new Diagnostics()})
  t.is(good.module.debug.dwarf?.name, join(right, '.debug/app.dbg'))
  const wrong = directory({app: program(undefined, [link(1)]), '.debug/app.dbg': debug})
  const bad = await openModuleFile(join(wrong, 'app'), {diagnostics: new Diagnostics()})
  t.is(bad.module.debug.dwarf, undefined)
})

test('a dwz supplementary file is found by build ID, relative to the debug file', async t => {
  const alt = new BytesBuilder().cstring('dwz/common.debug').hex('5eed5eed').build()
  const here = directory({
    app: program(ID, [DEBUG_INFO, {name: '.gnu_debugaltlink', bytes: alt}]),
    'dwz/common.debug': program('5eed5eed', [DEBUG_INFO]),
  })
  const {module} = await openModuleFile(join(here, 'app'), {diagnostics: new Diagnostics()})
  t.is(module.debug.supplementary?.name, join(here, 'dwz/common.debug'))
})

test('a dwz supplementary file keeps its place below .dwz in a tree of its own', async t => {
  const alt = new BytesBuilder().cstring('/usr/lib/debug/.dwz/x86_64-linux-gnu/common.debug').hex('5eed5eed').build()
  const here = directory({
    app: program(ID, [DEBUG_INFO, {name: '.gnu_debugaltlink', bytes: alt}]),
    'tree/.dwz/x86_64-linux-gnu/common.debug': program('5eed5eed', [DEBUG_INFO]),
  })
  const tree = join(here, 'tree')
  const {module} = await openModuleFile(join(here, 'app'), {diagnostics: new Diagnostics(), debugDirs: [tree]})
  t.is(module.debug.supplementary?.name, join(tree, '.dwz/x86_64-linux-gnu/common.debug'))
})

test('a supplementary file of DWARF 5 is known by the checksum that both sides hold', async t => {
  const sup = (isSupplementary: number, name: string, checksum: string): SectionSpec => ({
    name: '.debug_sup',
    bytes: new BytesBuilder().u16(5).u8(isSupplementary).cstring(name).u8(4).hex(checksum).build(),
  })
  const supplementary = (checksum: string) => buildElf({type: ET.REL, sections: [DEBUG_INFO, sup(1, '', checksum)]})
  const here = directory({
    app: program(ID, [DEBUG_INFO, sup(0, 'common.sup', '5eed5eed')]),
    other: program(ID, [DEBUG_INFO, sup(0, 'other.sup', '5eed5eed')]),
    'common.sup': supplementary('5eed5eed'),
    'other.sup': supplementary('00000000'),
  })
  const diagnostics = new Diagnostics()
  const {module} = await openModuleFile(join(here, 'app'), {diagnostics})
  t.is(module.debug.supplementary?.name, join(here, 'common.sup'))
  const other = await openModuleFile(join(here, 'other'), {diagnostics})
  t.is(other.module.debug.supplementary, undefined)
  t.is(diagnostics.list()[0]?.code, 'no-supplementary-file')
})

test('what was not linked, and a core, are no modules', async t => {
  const here = directory({'a.o': buildElf({type: ET.REL, sections: [DEBUG_INFO]}), core: core('/app')})
  for (const name of ['a.o', 'core']) {
    await t.throwsAsync(openModuleFile(join(here, name), {diagnostics: new Diagnostics()}), {instanceOf: InputError})
  }
})

test('a split unit is found by its name in the compilation directory, else beside the image', async t => {
  const dwo = buildElf({type: ET.REL, sections: [{name: '.debug_info.dwo', bytes: new Uint8Array(8)}]})
  const here = directory({'bin/app': program(ID, [DEBUG_INFO]), 'build/a.dwo': dwo, 'bin/b.dwo': dwo})
  const {module} = await openModuleFile(join(here, 'bin/app'), {diagnostics: new Diagnostics()})
  t.is(module.debug.splitUnit('a.dwo', join(here, 'build'), undefined)?.name, join(here, 'build/a.dwo'))
  t.is(module.debug.splitUnit('b.dwo', '/gone', 1n)?.name, join(here, 'bin/b.dwo'))
  t.is(module.debug.splitUnit('c.dwo', '/gone', 1n), undefined)
})

test('MiniDebugInfo (xz) gives symbols alone', async t => {
  // An ELF file whose only symbol is `mini_symbol` at 0x401000, packed by xz.
  const here = directory({
    app: program(ID, [{name: '.gnu_debugdata', bytes: Uint8Array.from(Buffer.from(MINI, 'base64'))}]),
  })
  const {module} = await openModuleFile(join(here, 'app'), {diagnostics: new Diagnostics()})
  t.is(module.debug.dwarf, undefined)
  const {symbols} = module.debug
  t.is(symbols && SymbolTable.of(symbols).find(toAddress(0x401000))?.name, 'mini_symbol')
})

const MINI =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AGfAGldAD+RRYRoPYmm2orMk+JO8e468LmOnXArqZcc25RZxz4IW9JO4YLphNlc9QNsLxoYtC6ilU82XeHQ/qOC7ziD0ek+ck4/G2K5XxL4R/bQCIcILDb1njlsFLlGx/VfRNZYrsrFz9WYAjQSAAAAAACXV67fcBFkxQABhQGgAwAAWt9l/7HEZ/sCAAAAAARZWg=='
