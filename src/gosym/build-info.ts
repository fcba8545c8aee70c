import {type Address, offsetAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readString, readU8} from '../base/memory-reader.ts'
import {type Section, SectionMemory} from '../base/section-source.ts'
import {type ScanRange, scanWords} from './memory-scan.ts'
import {GoVersion} from './version.ts'

/** A module that the program was built from (runtime/debug.Module). */
export interface GoModule {
  path: string
  version: string
  sum: string | undefined
  replace: GoModule | undefined
}

/** What `go version -m` prints. */
export interface BuildInfo {
  /** undefined where the text names no release. */
  version: GoVersion | undefined
  versionText: string
  /** Import path of the main package. */
  path: string | undefined
  main: GoModule | undefined
  modules: GoModule[]
  /** `build` lines (1.18+): `-ldflags`, `CGO_ENABLED`, `GOEXPERIMENT`, `DefaultGODEBUG`, … */
  settings: Map<string, string>
}

/** `FF 20 "Go buildinf:"` and the pointer size 8, as two words of halves (debug/buildinfo, Go 1.18). */
const MAGIC_LOW = 0x6f4720ff
const MAGIC_HIGH = 0x69756220
const MAGIC_TAIL = [0x6c, 0x64, 0x69, 0x6e, 0x66, 0x3a]
const FLAG_BIG_ENDIAN = 1
const FLAG_INLINE_STRINGS = 2
const HEADER_SIZE = 32
/** Longest strings believed: a modinfo with thousands of modules stays below a few hundred kB. */
const VERSION_LIMIT = 1024
const MODINFO_LIMIT = 16 * 1024 * 1024

/** Build info from the `.go.buildinfo` section; 1.13–1.17 keep pointers there, followed through `memory`. */
export function parseBuildInfo(section: Section, memory?: MemoryReader): BuildInfo | undefined {
  const both = new SectionMemory(section, memory)
  const end = offsetAddress(section.address, section.bytes.length)
  if (end === undefined) return undefined
  return findBuildInfo(both, [{start: section.address, end, writable: true}])
}

/** Build info by its magic, 16-byte aligned, in the given ranges (the first writable segment of the executable). */
export function findBuildInfo(memory: MemoryReader, ranges: readonly ScanRange[]): BuildInfo | undefined {
  for (const range of ranges) {
    for (const at of scanWords(memory, range, 16, MAGIC_HIGH, low => low === MAGIC_LOW)) {
      const info = readBuildInfo(memory, at)
      if (info) return info
    }
  }
  return undefined
}

/** Build info whose header is at `address`. */
export function readBuildInfo(memory: MemoryReader, address: Address): BuildInfo | undefined {
  const header = memory.read(address, HEADER_SIZE)?.slice()
  if (!header || MAGIC_TAIL.some((byte, index) => header[8 + index] !== byte)) return undefined
  const flags = header[15] as number
  if (header[14] !== 8 && flags < FLAG_INLINE_STRINGS) return undefined
  if (flags % 2 === FLAG_BIG_ENDIAN) return undefined
  const strings = flags >= FLAG_INLINE_STRINGS ? inlineStrings(memory, address) : pointedStrings(memory, address)
  if (strings?.version === undefined || strings.version === '') return undefined
  return {
    version: GoVersion.parse(strings.version),
    versionText: strings.version,
    ...parseModuleInfo(stripFraming(strings.modinfo ?? '')),
  }
}

/** The string variable `runtime.buildVersion`; it is not NUL-terminated, its neighbours follow. */
export function readBuildVersion(memory: MemoryReader, variable: Address): GoVersion | undefined {
  const text = readBuildVersionText(memory, variable)
  return text === undefined ? undefined : GoVersion.parse(text)
}

export function readBuildVersionText(memory: MemoryReader, variable: Address): string | undefined {
  return readGoString(memory, variable, VERSION_LIMIT)
}

interface RawStrings {
  version: string | undefined
  modinfo: string | undefined
}

/** 1.18+: each string inline behind its length as a uvarint. */
function inlineStrings(memory: MemoryReader, address: Address): RawStrings | undefined {
  const version = inlineString(memory, offsetAddress(address, HEADER_SIZE), VERSION_LIMIT)
  if (!version) return undefined
  return {version: version.text, modinfo: inlineString(memory, version.next, MODINFO_LIMIT)?.text}
}

function inlineString(memory: MemoryReader, start: Address | undefined, limit: number) {
  let at = start
  let length = 0
  for (let scale = 1; ; scale *= 0x80) {
    const byte = at === undefined ? undefined : readU8(memory, at)
    if (byte === undefined || at === undefined || scale > 2 ** 28) return undefined
    length += (byte % 0x80) * scale
    at = offsetAddress(at, 1)
    if (byte < 0x80) break
  }
  if (at === undefined || length > limit) return undefined
  const text = readString(memory, at, length, limit)
  return text === undefined ? undefined : {text, next: offsetAddress(at, length)}
}

/** 1.13–1.17: pointers to two string headers in writable data. */
function pointedStrings(memory: MemoryReader, address: Address): RawStrings {
  const stringAt = (offset: number, limit: number): string | undefined => {
    const slot = offsetAddress(address, offset)
    const variable = slot === undefined ? undefined : readAddress(memory, slot)
    return variable === undefined ? undefined : readGoString(memory, variable, limit)
  }
  return {version: stringAt(16, VERSION_LIMIT), modinfo: stringAt(24, MODINFO_LIMIT)}
}

function readGoString(memory: MemoryReader, variable: Address, limit: number): string | undefined {
  const pointer = readAddress(memory, variable)
  const lengthAt = offsetAddress(variable, 8)
  const length = lengthAt === undefined ? undefined : readAddress(memory, lengthAt)
  if (pointer === undefined || length === undefined || length > limit) return undefined
  return readString(memory, pointer, length, limit)
}

/** The text stands between two sentinels of 16 bytes (cmd/go/internal/modload, infoStart and infoEnd). */
function stripFraming(modinfo: string): string {
  // The sentinels are not UTF-8, so they are found by the lines and not by their length in characters.
  const start = modinfo.search(/(?:path|mod|dep|build)\t/)
  const end = modinfo.lastIndexOf('\n')
  return start < 0 || end < start ? '' : modinfo.slice(start, end)
}

/** The lines of a modinfo: `path`, `mod`, `dep`, `=>` (replaces the one above), `build`; tab-separated. */
export function parseModuleInfo(text: string): Omit<BuildInfo, 'version' | 'versionText'> {
  const info: Omit<BuildInfo, 'version' | 'versionText'> = {
    path: undefined,
    main: undefined,
    modules: [],
    settings: new Map(),
  }
  let last: GoModule | undefined
  for (const line of text.split('\n')) {
    const [kind, first = '', version = '', sum] = line.split('\t')
    const module: GoModule = {path: first, version, sum: sum === '' ? undefined : sum, replace: undefined}
    if (kind === 'path') info.path = first
    else if (kind === 'mod') {
      info.main = module
      last = module
    } else if (kind === 'dep') {
      info.modules.push(module)
      last = module
    } else if (kind === '=>' && last) last.replace = module
    else if (kind === 'build') addSetting(info.settings, line.slice('build\t'.length))
  }
  return info
}

/** `key=value`, either side in Go quotes where it holds a blank, a quote or `=` (runtime/debug, Go 1.18). */
function addSetting(settings: Map<string, string>, text: string): void {
  const match = /^("(?:[^"\\]|\\.)*"|`[^`]*`|[^=]*)=(.*)$/.exec(text)
  if (match) settings.set(unquote(match[1] as string), unquote(match[2] as string))
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
}

function unquote(text: string): string {
  if (text.length >= 2 && text.startsWith('`') && text.endsWith('`')) return text.slice(1, -1)
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  return text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U0010([0-9a-f]{4})|U000([0-9a-f]{5})|(.))/gi,
      (whole, x, u, high, low, one) => {
        if (one !== undefined) return ESCAPES[one] ?? whole
        if (high !== undefined) return String.fromCodePoint(0x100000 + Number.parseInt(high, 16))
        return String.fromCodePoint(Number.parseInt(x ?? u ?? low, 16))
      },
    )
}
