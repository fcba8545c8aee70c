// Files that a process of batch keeps for its next core: no line shows that another core came before.
import {cpSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import {Random} from '../../lab/fuzz/random.ts'
import {LastingFiles} from '../../src/acquire/lasting-files.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {lastingFrames} from '../../src/commands/answer-caches.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {type LastingFrames, makeLine} from '../../src/triage/core-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-lasting-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const names = ['cfault-segv-go1.27', 'blocked-gcore-go1.24', 'blocked-fault-go1.15', 'blocked-gcore-go1.27']
const fixtures = await Promise.all(names.map(openFixture))
const [first] = fixtures as [Fixture]

/** What goes with the files of a process: the frames that it found in them. */
const framesOf = new WeakMap<LastingFiles, LastingFrames>()

async function lineOf(
  core: string,
  sysroot: string,
  lasting?: LastingFiles,
  softTimeoutMs = 60_000,
): Promise<BatchLine> {
  const analysis = {tool: {name: 'gotrace-core', version: '0'}, maxFrames: 100, demangle: true}
  const item = {path: core, size: 1, mtime: null, uncertain: false, attempt: 1}
  const kept = lasting && (framesOf.get(lasting) ?? lastingFrames())
  if (lasting && kept) framesOf.set(lasting, kept)
  const line = await makeLine(item, {search: {sysroots: [sysroot]}, analysis, softTimeoutMs}, {lasting, kept})
  if (!line) throw new Error(`${core} is no core`)
  return {...line, durationMs: null}
}

function copyOf(sysroot: string): string {
  const copy = mkdtempSync(join(directory, 'root-'))
  cpSync(sysroot, copy, {recursive: true})
  return copy
}

test('the second, the third and another core of a program have the lines of the first', async t => {
  const lasting = new LastingFiles()
  const alone = await Promise.all(fixtures.map(({core, sysroot}) => lineOf(core, sysroot)))
  for (const round of [1, 2, 3]) {
    for (const [index, {core, sysroot, name}] of fixtures.entries()) {
      t.deepEqual(await lineOf(core, sysroot, lasting), alone[index], `${name}, round ${round}`)
    }
  }
})

test('what is damaged in a file is told of every core', async t => {
  const lasting = new LastingFiles()
  const random = new Random(7)
  let told = 0
  for (let round = 0; round < 6; round++) {
    const sysroot = copyOf(first.sysroot)
    const program = join(sysroot, first.meta.command[0] ?? '')
    const bytes = readFileSync(program)
    const header = bytes.length - 4096
    for (let flips = 0; flips < 400; flips++) bytes[4096 + random.below(header - 4096)] = random.below(256)
    writeFileSync(program, bytes)
    const alone = await lineOf(first.core, sysroot)
    told += alone.diagnostics?.warning ?? 0
    for (const turn of [1, 2, 3]) t.deepEqual(await lineOf(first.core, sysroot, lasting), alone, `${round}, ${turn}`)
  }
  t.true(told > 0)
})

test('a file that is another one now is opened anew, whatever its size and time say', async t => {
  const sysroot = copyOf(first.sysroot)
  const program = join(sysroot, first.meta.command[0] ?? '')
  const lasting = new LastingFiles()
  const whole = await lineOf(first.core, sysroot, lasting)
  const {atime, mtime} = statSync(program)
  const bytes = readFileSync(program)
  rmSync(program)
  writeFileSync(program, bytes.fill(0x41, 64))
  utimesSync(program, atime, mtime)
  const damaged = await lineOf(first.core, sysroot)
  t.notDeepEqual(damaged, whole)
  t.deepEqual(await lineOf(first.core, sysroot, lasting), damaged)
})

/** The core as if the process had written over the function names that it had from the program's file. */
function withOwnTables(core: string, executable: string): string {
  const program = ElfFile.open(FileSource.open(executable), new Diagnostics())
  const header = program.sectionHeader('.gopclntab')
  const load = header && program.loadAt(header.address)
  if (!load) throw new Error(`${executable} has no .gopclntab`)
  const bytes = readFileSync(core)
  const own = Buffer.from(program.source.read(load.offset, load.fileSize))
  for (let at = own.indexOf('main.'); at >= 0; at = own.indexOf('main.', at + 1)) own.write('niam', at, 'latin1')
  // gABI, chapter 5: e_phnum, and of each entry p_vaddr, p_offset and p_filesz.
  for (let at = 64; at < 64 + bytes.readUInt16LE(56) * 56; at += 56) {
    const start = Number(bytes.readBigUInt64LE(at + 16))
    if (start !== load.address) continue
    bytes.writeBigUInt64LE(BigInt(bytes.length), at + 8)
    bytes.writeBigUInt64LE(BigInt(own.length), at + 32)
  }
  const changed = join(directory, 'own-tables')
  writeFileSync(changed, Buffer.concat([bytes, own]))
  return changed
}

test('function tables of the file are not those of a core that holds its own', async t => {
  const {core, sysroot, executable} = first
  const changed = withOwnTables(core, executable)
  const alone = await lineOf(changed, sysroot)
  t.true(alone.frames.some(({function: name}) => name?.startsWith('niam.')))
  const lasting = new LastingFiles()
  const usual = await lineOf(core, sysroot, lasting)
  t.true(usual.frames.some(({function: name}) => name?.startsWith('main.')))
  t.deepEqual(await lineOf(changed, sysroot, lasting), alone)
  t.deepEqual(await lineOf(core, sysroot, lasting), usual)
})

test('a core that was broken off leaves nothing behind', async t => {
  const lasting = new LastingFiles()
  const alone = await lineOf(first.core, first.sysroot)
  await lineOf(first.core, first.sysroot, lasting, -1)
  t.is((await lineOf(join(first.directory, 'none'), first.sysroot, lasting)).error?.code, 'not-found')
  t.deepEqual(await lineOf(first.core, first.sysroot, lasting), alone)
})

test('files are kept while nothing was told of them, and closed when there are many', t => {
  const lasting = new LastingFiles()
  const closed: string[] = []
  const open = (path: string): ElfFile =>
    lasting.open(path, () => {
      const source = FileSource.open(path)
      const close = source.close.bind(source)
      source.close = () => {
        closed.push(path)
        close()
      }
      return {elf: ElfFile.open(source, new Diagnostics()), source}
    }).elf
  lasting.begin(new Diagnostics())
  const kept = open(first.executable)
  const diagnostics = new Diagnostics()
  lasting.begin(diagnostics)
  t.is(open(first.executable), kept)
  lasting.diagnostics.add('bad-section', 'damaged')
  t.deepEqual(
    diagnostics.list().map(({code}) => code),
    ['bad-section'],
  )
  lasting.begin(new Diagnostics())
  t.deepEqual(closed, [first.executable])
  t.not(open(first.executable), kept)
  for (let index = 0; index < 70; index++) {
    const path = join(directory, `copy-${index}`)
    cpSync(first.executable, path)
    open(path)
  }
  lasting.begin(new Diagnostics())
  t.is(closed.length, 72)
})
