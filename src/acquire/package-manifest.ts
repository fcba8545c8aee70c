import type {ByteSource} from '../base/byte-source.ts'
import {DIAGNOSTIC_CODES, type Diagnostic, type DiagnosticCode} from '../base/diagnostics.ts'
import {FormatError, messageOf, UnsupportedError} from '../base/errors.ts'
import type {FileRange} from '../base/read-record.ts'
import type {Compression} from './core-input.ts'
import {type CrashRecord, HANDLERS, RECORD_SOURCES} from './crash-record.ts'

/** The first member of a package, by which it is known. */
export const MANIFEST_NAME = 'gotrace-core.json'
const FORMAT = 'gotrace-core package'
const VERSION = 1
/** As much of a package as tells that it is one. */
export const PACKAGE_HEAD_SIZE = 32
const MANIFEST_MAX = 64 * 1024 * 1024

/** A file of the process, or of its debug information. */
export interface PackedFile {
  /** Its name in the archive. */
  readonly member: string
  /** Where it was found. */
  readonly path: string
  /** Parts of it that are not in the archive: zeros stand there. */
  readonly holes: readonly FileRange[]
}

/** What was found for one module, in the order of the images that the core tells of. */
export interface PackedModule {
  readonly path: string
  readonly image: PackedFile | null
  /** The build ID of a file that was refused. */
  readonly mismatch: string | null
  readonly remedies: readonly string[]
  readonly separate: PackedFile | null
  readonly supplementary: PackedFile | null
  readonly split: readonly {readonly name: string; readonly compDir: string | null; readonly file: PackedFile}[]
  readonly packages: readonly PackedFile[]
}

export interface PackageManifest {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly tool: {readonly name: string; readonly version: string}
  readonly core: {
    readonly member: string
    readonly path: string
    readonly compression: Compression
    /** Where the program was found, if the core does not tell where it lay. */
    readonly program: string | null
    /** What the program that took the core noted of the crash. */
    readonly recorded: CrashRecord | null
  }
  readonly modules: readonly PackedModule[]
  /** What the search for the files met. */
  readonly diagnostics: readonly Diagnostic[]
}

export function makeManifest(content: Omit<PackageManifest, 'format' | 'version'>): Uint8Array {
  const manifest: PackageManifest = {format: FORMAT, version: VERSION, ...content}
  // What is not known is null, never left out.
  const text = JSON.stringify(manifest, (_, value) => (value === undefined ? null : value), 1)
  return new TextEncoder().encode(`${text}\n`)
}

/** Whether these bytes begin a package: the name of its first member. */
export function isPackageHead(head: Uint8Array): boolean {
  const name = new TextEncoder().encode(`${MANIFEST_NAME}\0`)
  return name.every((byte, index) => head[index] === byte)
}

/** @throws FormatError · UnsupportedError where a later version wrote it */
export function readManifest(source: ByteSource): PackageManifest {
  if (source.size > MANIFEST_MAX) throw new FormatError(source.name, `a manifest of ${source.size} bytes`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(source.read(0, source.size)))
  } catch (cause) {
    throw new FormatError(source.name, messageOf(cause), {cause})
  }
  const field = new Field(value, source.name)
  if (field.of('format').text() !== FORMAT) throw field.of('format').error(`no ${FORMAT}`)
  const version = field.of('version').count()
  if (version !== VERSION) throw new UnsupportedError(`${source.name}: a package of version ${version}, not ${VERSION}`)
  const [tool, core] = [field.of('tool'), field.of('core')]
  return {
    format: FORMAT,
    version: VERSION,
    tool: {name: tool.of('name').text(), version: tool.of('version').text()},
    core: {
      member: core.of('member').text(),
      path: core.of('path').text(),
      compression: core.of('compression').choice(['none', 'gzip', 'zstd', 'lz4', 'xz'] as const),
      program: core.of('program').orNull(each => each.text()),
      // Packages of an earlier version of this program have none.
      recorded: core.has('recorded') ? core.of('recorded').orNull(toRecord) : null,
    },
    modules: field.of('modules').list(toModule),
    diagnostics: field.of('diagnostics').list(toDiagnostic),
  }
}

function toModule(field: Field): PackedModule {
  return {
    path: field.of('path').text(),
    image: field.of('image').orNull(toFile),
    mismatch: field.of('mismatch').orNull(each => each.text()),
    remedies: field.of('remedies').list(each => each.text()),
    separate: field.of('separate').orNull(toFile),
    supplementary: field.of('supplementary').orNull(toFile),
    split: field.of('split').list(each => ({
      name: each.of('name').text(),
      compDir: each.of('compDir').orNull(directory => directory.text()),
      file: toFile(each.of('file')),
    })),
    packages: field.of('packages').list(toFile),
  }
}

function toRecord(field: Field): CrashRecord {
  const text = (name: TextFact): string | undefined => field.of(name).orNull(each => each.text()) ?? undefined
  const count = (name: CountFact): number | undefined => field.of(name).orNull(each => each.count()) ?? undefined
  return {
    handler: field.of('handler').choice(HANDLERS),
    source: field.of('source').choice(RECORD_SOURCES),
    name: text('name'),
    pid: count('pid'),
    uid: count('uid'),
    time: text('time'),
    signal: count('signal'),
    exe: text('exe'),
    unit: text('unit'),
    container: text('container'),
    cgroup: text('cgroup'),
    host: text('host'),
  }
}

type CountFact = 'pid' | 'uid' | 'signal'
type TextFact = Exclude<keyof CrashRecord, CountFact | 'handler' | 'source'>

function toFile(field: Field): PackedFile {
  return {
    member: field.of('member').text(),
    path: field.of('path').text(),
    holes: field.of('holes').list(each => ({start: each.of('start').count(), end: each.of('end').count()})),
  }
}

function toDiagnostic(field: Field): Diagnostic {
  return {
    code: field.of('code').choice(Object.keys(DIAGNOSTIC_CODES) as DiagnosticCode[]),
    severity: field.of('severity').choice(['info', 'warning', 'error'] as const),
    message: field.of('message').text(),
    where: field.of('where').orNull(each => each.text()),
    count: field.of('count').count(),
    hint: field.of('hint').orNull(each => each.text()),
  }
}

/** A value of a JSON document that anybody may have written, and its place in it. */
class Field {
  readonly #value: unknown
  readonly #where: string

  constructor(value: unknown, where: string) {
    this.#value = value
    this.#where = where
  }

  error(reason: string): FormatError {
    return new FormatError(this.#where, reason)
  }

  of(name: string): Field {
    const value = this.#value
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) throw this.error(`no ${name}`)
    return new Field((value as Readonly<Record<string, unknown>>)[name], `${this.#where}.${name}`)
  }

  has(name: string): boolean {
    const value = this.#value
    return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
  }

  text(): string {
    if (typeof this.#value !== 'string') throw this.error('no text')
    return this.#value
  }

  count(): number {
    const value = this.#value
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.error('no count')
    return value
  }

  choice<T extends string>(words: readonly T[]): T {
    const word = words.find(each => each === this.#value)
    if (word === undefined) throw this.error('none of the known words')
    return word
  }

  list<T>(read: (item: Field) => T): T[] {
    if (!Array.isArray(this.#value)) throw this.error('no list')
    return this.#value.map((item, index) => read(new Field(item, `${this.#where}[${index}]`)))
  }

  orNull<T>(read: (field: Field) => T): T | null {
    return this.#value === null ? null : read(this)
  }
}
