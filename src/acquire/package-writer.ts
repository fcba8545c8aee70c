import {join} from 'node:path'
import type {ByteSource} from '../base/byte-source.ts'
import type {Diagnostic, DiagnosticCode} from '../base/diagnostics.ts'
import type {FileRange, ReadRecord} from '../base/read-record.ts'
import type {Belongings, OpenedFile} from './belongings.ts'
import type {CrashRecord} from './crash-record.ts'
import type {OpenProcess} from './open-process.ts'
import {
  MANIFEST_NAME,
  makeManifest,
  type PackageManifest,
  type PackedFile,
  type PackedModule,
} from './package-manifest.ts'
import type {TarMember} from './tar-archive.ts'

const COPY_SIZE = 1024 * 1024
/** sh_flags (gABI ch. 4, "Sections"). */
const SHF_EXECINSTR = 4
/** What the search for files says; all else is said again when the package is read. */
const OF_SEARCH: readonly DiagnosticCode[] = [
  'bad-file',
  'build-id-mismatch',
  'debug-file-mismatch',
  'debuginfod-failed',
  'exe-is-debug-file',
  'file-changed',
  'module-not-found',
  'module-unverified',
  'no-supplementary-file',
  'too-many-files',
  'unpacking-failed',
]

export interface PackageContent {
  readonly tool: PackageManifest['tool']
  /** The core as it is to be packed. */
  readonly core: {readonly size: number; chunks(): Iterable<Uint8Array>}
  /** What was said until all was read. */
  readonly diagnostics: readonly Diagnostic[]
  /** What was read of each file, by path: other code of it is left out. undefined: files are packed whole. */
  readonly fileRecords: ReadonlyMap<string, ReadRecord> | undefined
  /** Texts and values were left out of the core. */
  readonly isRedacted: boolean
  /** What is noted of the crash; undefined: what the program that took the core noted. */
  readonly record?: CrashRecord | undefined
  /** Further members, by name. */
  readonly beside?: Readonly<Record<string, Uint8Array>>
}

/** The members of a package: its manifest, the core, then the files of the process under the names they had. */
export function* packageMembers(process: OpenProcess, content: PackageContent): Generator<TarMember> {
  const box = new Box(content.fileRecords)
  const belongings = process.belongings()
  const program = belongings.find(({module}) => module.isExecutable)?.image
  const manifest = makeManifest({
    tool: content.tool,
    core: {
      member: 'core',
      path: process.path,
      compression: process.compression,
      program: program?.path ?? null,
      recorded: recordOf(process, content),
    },
    modules: belongings.map(each => packModule(each, process.remediesFor(each.module), box)),
    diagnostics: content.diagnostics.filter(({code}) => OF_SEARCH.includes(code)),
  })
  yield {name: MANIFEST_NAME, size: manifest.length, chunks: () => [manifest]}
  yield {name: 'core', size: content.core.size, chunks: () => content.core.chunks()}
  for (const [name, bytes] of Object.entries(content.beside ?? {})) {
    yield {name, size: bytes.length, chunks: () => [bytes]}
  }
  yield* box.members()
}

/** Of a core that is to be clean no name of a machine or of what ran on it. */
function recordOf(process: OpenProcess, {record, isRedacted}: PackageContent): CrashRecord | null {
  const recorded = record ?? process.recorded
  if (!recorded) return null
  return isRedacted
    ? {...recorded, unit: undefined, container: undefined, cgroup: undefined, host: undefined}
    : recorded
}

function packModule(each: Belongings, remedies: readonly string[], box: Box): PackedModule {
  const {module, image, separate, supplementary, split, packages} = each
  return {
    path: module.path,
    image: image ? box.add(image, module.path, true) : null,
    mismatch: module.mismatch ?? null,
    remedies,
    separate: separate ? box.add(separate) : null,
    supplementary: supplementary ? box.add(supplementary) : null,
    split: split.map(({name, compDir, file}) => ({name, compDir: compDir ?? null, file: box.add(file)})),
    packages: packages.map(file => box.add(file)),
  }
}

/** The files that a package takes, each once. */
class Box {
  readonly #records: PackageContent['fileRecords']
  readonly #files = new Map<string, {file: PackedFile; source: ByteSource}>()
  readonly #names = new Set<string>(['core', MANIFEST_NAME])

  constructor(records: PackageContent['fileRecords']) {
    this.#records = records
  }

  /** @param as where the process knew it: unpacked, `root` is then a sysroot */
  add(opened: OpenedFile, as = opened.path, isImage = false): PackedFile {
    const known = this.#files.get(opened.path)
    if (known) return known.file
    const unread = isImage && this.#records ? [...unreadCode(opened, this.#records.get(opened.path))] : []
    // What a package lacks nothing has read.
    const holes = unread.length > 0 ? unread : opened.holes
    const file = {member: this.#nameOf(as), path: opened.path, holes}
    this.#files.set(opened.path, {file, source: opened.source})
    return file
  }

  *members(): Generator<TarMember> {
    for (const {file, source} of this.#files.values()) {
      yield {name: file.member, size: source.size, chunks: () => copy(source, file.holes)}
    }
  }

  #nameOf(path: string): string {
    // `..` and the like end at the root.
    const name = join('root', join('/', path))
    const free = this.#names.has(name) ? `${name}.${this.#names.size}` : name
    this.#names.add(free)
    return free
  }
}

/** Code that no report needed. A file without section headers is packed whole: where its code lies is not known. */
function* unreadCode({elf}: OpenedFile, record: ReadRecord | undefined): Generator<FileRange> {
  const read = record ? [...record.ranges()] : []
  for (const {flags, offset, size} of elf.sections) {
    const isCode = Math.floor(flags / SHF_EXECINSTR) % 2 === 1 && offset + size <= elf.source.size
    if (isCode) yield* between(read, {start: offset, end: offset + size})
  }
}

/** What of a range no part covers; the parts are in order. */
function* between(parts: readonly FileRange[], {start, end}: FileRange): Generator<FileRange> {
  let at = start
  for (const part of parts) {
    if (part.end <= at || part.start >= end) continue
    if (part.start > at) yield {start: at, end: part.start}
    at = Math.min(part.end, end)
  }
  if (at < end) yield {start: at, end}
}

/** The file, with zeros in its holes, which are not read. */
function* copy(source: ByteSource, holes: readonly FileRange[]): Generator<Uint8Array> {
  const whole = {start: 0, end: source.size}
  const kept = [...between(holes, whole)].map(range => ({...range, isHole: false}))
  const left = holes.map(range => ({...range, isHole: true}))
  for (const {start, end, isHole} of [...kept, ...left].sort((a, b) => a.start - b.start)) {
    for (let at = start; at < end; at += COPY_SIZE) {
      const length = Math.min(COPY_SIZE, end - at)
      yield isHole ? new Uint8Array(length) : new Uint8Array(source.read(at, length))
    }
  }
}
