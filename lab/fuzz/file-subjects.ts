import {readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import type {Command} from '@oclif/core'
import {openInput} from '../../src/acquire/core-input.ts'
import {readTar, writeTar} from '../../src/acquire/tar-archive.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import Analyze from '../../src/commands/analyze.ts'
import Diff from '../../src/commands/diff.ts'
import Goroutines from '../../src/commands/goroutines.ts'
import Info from '../../src/commands/info.ts'
import Minimise from '../../src/commands/minimise.ts'
import Pack from '../../src/commands/pack.ts'
import TriageDiff from '../../src/commands/triage/diff.ts'
import TriageExport from '../../src/commands/triage/export.ts'
import TriageList from '../../src/commands/triage/list.ts'
import TriageMark from '../../src/commands/triage/mark.ts'
import TriageShow from '../../src/commands/triage/show.ts'
import {parsePageQuery} from '../../src/commands/triage/signature-query.ts'
import {makeLine} from '../../src/triage/core-line.ts'
import {StoreSite} from '../../src/triage/site/store-site.ts'
import {CrashStore} from '../../src/triage/store/crash-store.ts'
import {openFixture} from '../fixtures.ts'
import type {CommandRunner} from './command-runner.ts'
import {applyEdits, editBytes, editDocument, type FileDamage} from './file-mutator.ts'
import type {Random} from './random.ts'

/** A command line about a file; JSON: whether its answer is one document. */
export interface FileQuestion {
  readonly command: Command.Class
  readonly argv: readonly string[]
  readonly json: boolean
}

/** A kind of file that commands read besides cores and what processes consist of. */
export interface FileSubject {
  damage(random: Random): FileDamage
  /** Writes the damaged file. */
  write(path: string, damage: FileDamage): void
  questions(path: string): readonly FileQuestion[]
  /** What else reads it; faults, a line each. */
  ask?(path: string): Promise<string[]>
}

export const FILE_SUBJECTS = ['package', 'minimal', 'store', 'traceback', 'profile', 'pprof', 'lines'] as const
export type FileSubjectName = (typeof FILE_SUBJECTS)[number]

const CRASH = 'blocked-quit-go1.15'

/** @param directory for what is made on the way */
export async function fileSubject(
  name: FileSubjectName,
  runner: CommandRunner,
  directory: string,
): Promise<FileSubject> {
  const fixture = await openFixture(CRASH)
  const flags = ['-e', fixture.executable, '--sysroot', fixture.sysroot]
  const at = (file: string): string => join(directory, file)
  const made = async (file: string, command: Command.Class, ...argv: string[]): Promise<Uint8Array> => {
    const {exitCode, stderr} = await runner.run(command, [fixture.core, ...flags, ...argv, '-o', at(file)])
    if (exitCode !== 0) throw new Error(stderr)
    return readFileSync(at(file))
  }
  switch (name) {
    case 'package':
      await made('sound.pack', Pack)
      return packageSubject(await unpacked(at('sound.pack')), at('other.core'))
    case 'minimal':
      return coreSubject(await made('sound.core', Minimise), flags, at('other.core'))
    case 'store':
      return storeSubject(await soundStore(at('sound.db')), await aSignature())
    case 'traceback':
      return dumpSubject(Buffer.from(fixture.stderr), at('sound.txt'))
    case 'profile':
      return dumpSubject(Buffer.from(PROFILE), at('sound.txt'))
    case 'pprof':
      return dumpSubject(gunzipSync(await made('sound.pb.gz', Goroutines)), at('sound.pb'))
    case 'lines':
      return linesSubject(await soundLines(), at('sound.ndjson'))
  }
}

const PROFILE = `goroutine profile: total 4
3 @ 0x43e0d6 0x46e1e1
# labels: {"pod":"x"}
#\t0x4861c6\tmain.(*T).run+0x16\t\t/app/main.go:12
#\t0x43e0d6\truntime.main+0x1f6\t/go/src/runtime/proc.go:250

1 @ 0x43e0d6
#\t0x4861c6\tmain.main.func1+0x1\t/app/main.go:9
`

async function unpacked(path: string): Promise<Uint8Array> {
  const {source} = await openInput(path, {diagnostics: new Diagnostics()})
  const bytes = Uint8Array.from(source.read(0, source.size))
  source.close()
  return bytes
}

const query = (command: Command.Class, ...argv: string[]): FileQuestion => ({
  command,
  argv: [...argv, '--color', 'never'],
  json: argv.includes('--json'),
})

function packageSubject(archive: Uint8Array, small: string): FileSubject {
  const [[first, {start, size}] = ['', {start: 0, size: 0}], ...rest] = readTar(new BytesSource(archive, 'package'))
  const manifest = new TextDecoder().decode(archive.subarray(start, start + size))
  const members = rest.map(([name, place]) => ({name, bytes: archive.subarray(place.start, place.start + place.size)}))
  return {
    damage: random =>
      random.once(3)
        ? {edits: editBytes(archive.length, random)}
        : {edits: [], document: editDocument(manifest, random)},
    write: (path, {edits, document}) => {
      if (document === undefined) return writeFileSync(path, applyEdits(archive, edits))
      const all = [{name: first, bytes: Buffer.from(document)}, ...members]
      const parts = all.map(({name, bytes}) => ({name, size: bytes.length, chunks: () => [bytes]}))
      writeFileSync(path, Buffer.concat([...writeTar(parts)]))
    },
    questions: path => {
      rmSync(small, {force: true})
      return [
        query(Analyze, path),
        query(Analyze, path, '--json', '--source', '2'),
        query(Info, path, '--json'),
        {...query(Minimise, path, '-o', small), argv: [path, '-o', small]},
      ]
    },
  }
}

function coreSubject(core: Uint8Array, flags: readonly string[], small: string): FileSubject {
  return {
    damage: random => ({edits: editBytes(random.once(2) ? Math.min(core.length, 16384) : core.length, random)}),
    write: (path, {edits}) => writeFileSync(path, applyEdits(core, edits)),
    questions: path => {
      rmSync(small, {force: true})
      return [
        query(Analyze, path, ...flags, '--json'),
        query(Info, path, ...flags),
        {...query(Minimise, path, '-o', small), argv: [path, ...flags, '-o', small]},
      ]
    },
  }
}

async function soundLines(): Promise<string[]> {
  const lines: string[] = []
  for (const crash of ['callback-deep-go1.24', 'blocked-panic-go1.15']) {
    const {core, sysroot, executable} = await openFixture(crash)
    const line = await makeLine(
      {path: core, size: 0, mtime: null, attempt: 1, uncertain: true},
      {
        search: {exe: executable, sysroots: [sysroot]},
        analysis: {tool: {name: 'gotrace-core', version: '0'}, maxFrames: 1000, demangle: true},
        softTimeoutMs: 60_000,
      },
    )
    lines.push(JSON.stringify(line))
  }
  return lines
}

async function soundStore(path: string): Promise<Uint8Array> {
  const store = await CrashStore.open(path, 'write')
  for (const line of await soundLines()) await store.add(JSON.parse(line))
  await store.close()
  return readFileSync(path)
}

/** The exact signature of one of the lines. */
async function aSignature(): Promise<string> {
  const [line = '{}'] = await soundLines()
  return JSON.parse(line).signature.exact
}

function storeSubject(store: Uint8Array, exact: string): FileSubject {
  return {
    damage: random => ({edits: editBytes(store.length, random)}),
    write: (path, {edits}) => {
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(path + end, {force: true})
      writeFileSync(path, applyEdits(store, edits))
    },
    questions: path => [
      query(TriageList, '--store', path, '--json'),
      query(TriageList, '--store', path),
      query(TriageShow, exact, '--store', path, '--json'),
      {command: TriageExport, argv: ['--store', path, '--format', 'csv'], json: false},
      query(TriageDiff, '--store', path, '--since', '2020-01-01', '--json'),
      query(Diff, path, path, '--json'),
      query(TriageMark, exact, '--known', '--store', path, '--json'),
    ],
    ask: path => askSite(path, exact),
  }
}

async function askSite(path: string, exact: string): Promise<string[]> {
  let store: CrashStore
  try {
    store = await CrashStore.open(path, 'read')
  } catch (error) {
    return (error as {code?: string}).code === undefined ? [`serve: throws ${(error as Error).stack}`] : []
  }
  const now = () => '2026-11-27T12:00:00.000Z'
  const parseQuery = (asked: URLSearchParams) => parsePageQuery(asked, Date.parse(now()))
  const tool = {name: 'gotrace-core', version: '0'}
  const site = new StoreSite({store, tool, token: undefined, author: 'me', now, parseQuery})
  const faults: string[] = []
  try {
    for (const address of ['/', '/api/signatures', `/signatures/${exact}`, `/api/signatures/${exact}`, '/reports/x']) {
      const {status, body} = await site.answer({method: 'GET', path: address, query: new URLSearchParams(), body: ''})
      if (status === 500 || body.includes('\n    at ')) faults.push(`serve ${address}: ${status} ${body.slice(0, 500)}`)
    }
  } finally {
    await store.close()
  }
  return faults
}

function dumpSubject(dump: Uint8Array, sound: string): FileSubject {
  return {
    damage: random => ({edits: editBytes(dump.length, random)}),
    write: (path, {edits}) => {
      writeFileSync(sound, dump)
      writeFileSync(path, applyEdits(dump, edits))
    },
    questions: path => [query(Diff, sound, path, '--json'), query(Diff, path, sound)],
  }
}

function linesSubject(lines: readonly string[], sound: string): FileSubject {
  const whole = Buffer.from(`${lines.join('\n')}\n`)
  return {
    damage: random =>
      random.once(3)
        ? {edits: editBytes(whole.length, random)}
        : {edits: [], document: editDocument(lines[0] ?? '', random)},
    write: (path, {edits, document}) => {
      writeFileSync(sound, whole)
      if (document === undefined) writeFileSync(path, applyEdits(whole, edits))
      else writeFileSync(path, `${[document, ...lines.slice(1)].join('\n')}\n`)
    },
    questions: path => [query(Diff, sound, path, '--json'), query(Diff, path, sound)],
  }
}
