import {type Address, addressOfWord, hex, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {type ByteSource, BytesSource} from '../../base/byte-source.ts'
import {Cursor} from '../../base/cursor.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import type {CoreExtent} from '../../elf/core-segments.ts'
import {findDynamicSymbol} from '../../elf/dynamic-symbols.ts'
import type {Module} from '../../elf/module.ts'
import {AT} from '../../elf/notes.ts'
import {STB, STT, SymbolTable} from '../../elf/symtab.ts'
import type {MemoryImage} from '../../emulate/emulated-memory.ts'
import type {EmulatedModule, EmulatedProgram} from '../../emulate/emulated-program.ts'
import {PltStubs} from '../../symbolize/plt-stubs.ts'
import type {DeadProcess} from './dead-process.ts'

/** Where an ELF header has its fields (gABI ch. 4, Elf64_Ehdr). */
const EHDR_SIZE = 64
const E_PHOFF = 32
const E_PHNUM = 56
/** New memory lies in a part of the address space that is at least so large, and not at its beginning. */
const FREE_RANGE = 2 ** 36
const FREE_MARGIN = 2 ** 30
const LOWEST = 2 ** 32
const MAPS_MAX = 20_000

type Process = Pick<DeadProcess, 'core' | 'modules' | 'memory' | 'isExecutable'>

/** The dead process as code that runs in it would see it. */
export function emulatedProgram(process: Process): EmulatedProgram {
  const {core, modules} = process
  const ordered = [...modules].sort((a, b) => Number(b.isExecutable) - Number(a.isExecutable))
  const executable = ordered.find(each => each.isExecutable)
  return {
    modules: ordered.map(module => emulatedModule(process, module)),
    open: path => openAsProcess(process, path),
    executablePath: executable?.path ?? '',
    pid: core.process?.pid ?? core.threads[0]?.tid ?? 1,
    tid: core.threads[0]?.tid ?? 1,
  }
}

function emulatedModule(process: Process, module: Module): EmulatedModule {
  const {image} = module
  const stubs = image && new PltStubs(image)
  let table: SymbolTable | undefined
  const symbols = () => {
    table ??= SymbolTable.of(...(image ? [image] : []))
    return table
  }
  const inside = <T>(address: Address, find: (linkAddress: Address) => T): T | undefined => {
    const linkAddress = module.linkAddress(address)
    return linkAddress === undefined ? undefined : find(linkAddress)
  }
  return {
    path: module.path,
    start: module.start,
    end: module.end,
    loadBias: module.loadBias,
    isExecutable: module.isExecutable,
    programHeaders: programHeaders(process, module),
    lookup: name => {
      const symbol = symbols().lookup(name)
      if (!symbol || symbol.binding === STB.STB_LOCAL || symbol.type === STT.STT_TLS) return undefined
      return {address: module.toAddress(symbol.address), isIndirect: symbol.type === STT.STT_GNU_IFUNC}
    },
    symbolAt: address =>
      inside(address, linkAddress => {
        const symbol = image && findDynamicSymbol(image, linkAddress)
        return symbol && {name: symbol.name, address: module.toAddress(symbol.address)}
      }),
    slotName: place => inside(place, linkAddress => stubs?.slotName(linkAddress)),
    isStub: address => inside(address, linkAddress => stubs?.covers(linkAddress)) ?? false,
  }
}

/** The kernel tells where those of the program are; a library has them behind its ELF header. */
function programHeaders({core, memory}: Process, module: Module): EmulatedModule['programHeaders'] {
  const [address, count] = [core.auxv.get(AT.AT_PHDR), core.auxv.get(AT.AT_PHNUM)]
  const told = address === undefined ? undefined : addressOfWord(address)
  if (module.isExecutable && told !== undefined && count !== undefined) return {address: told, count: Number(count)}
  const bytes = memory.read(module.start, EHDR_SIZE)
  if (!bytes) return undefined
  const header = new Cursor(bytes, `${module.path}:header`)
  header.seek(E_PHOFF)
  const offset = header.number64()
  header.seek(E_PHNUM)
  return offset === 0 ? undefined : {address: toAddress(module.start + offset), count: header.u16()}
}

const BUILD_ID_PATH = /\/\.build-id\/([0-9a-f]{2})\/([0-9a-f]+)(?:\.debug)?$/

/** A module, its debug file, or the list of mappings: what the analysis has, and nothing else. */
function openAsProcess(process: Process, path: string): ByteSource | undefined {
  if (path === '/proc/self/maps') return new BytesSource(new TextEncoder().encode(listMappings(process)), path)
  if (path === '/proc/self/exe') return fileOf(process.modules.find(({isExecutable}) => isExecutable))
  const module = process.modules.find(each => each.path === path)
  if (module) return fileOf(module)
  const [, first, rest] = BUILD_ID_PATH.exec(path) ?? []
  const owner = first && process.modules.find(({buildId}) => buildId === first + rest)
  if (owner) return owner.debug.symbols?.source
  return process.modules.map(({debug}) => debug.symbols?.source).find(source => source?.name === path)
}

function fileOf(module: Module | undefined): ByteSource | undefined {
  return module?.imageOrigin === 'file' ? module.image?.source : undefined
}

/** As proc(5) has it, without devices and inodes. */
function listMappings({core}: Process): string {
  const lines: string[] = []
  for (let at: number = NULL_ADDRESS; Number.isFinite(at) && lines.length < MAPS_MAX; ) {
    const extent = core.segments.extentAt(at)
    if (extent.state !== 'unmapped') lines.push(describeMapping(core, at, extent))
    if (extent.end <= at) break
    at = extent.end
  }
  return lines.join('')
}

function describeMapping({mappings}: CoreFile, at: number, {end, readable, writable, executable}: CoreExtent): string {
  const file = mappings.find(mapping => mapping.start <= at && at < mapping.end)
  const offset = file ? file.fileOffset + (at - file.start) : 0
  const rights = `${readable ? 'r' : '-'}${writable ? 'w' : '-'}${executable ? 'x' : '-'}p`
  const range = `${hex(at).slice(2)}-${hex(end).slice(2)}`
  return `${range} ${rights} ${offset.toString(16).padStart(8, '0')} 00:00 0 ${file?.path ?? ''}\n`
}

export function memoryImage({core, memory, isExecutable}: Process): MemoryImage {
  return {
    memory,
    rightsAt: address => {
      const extent = core.segments.extentAt(address)
      if (extent.state !== 'unmapped') return extent
      // gcore leaves out the segments of files that nobody has written to.
      return {writable: false, executable: isExecutable(address)}
    },
  }
}

/** Where a wide range begins that the process did not use. */
export function freeAddress({core, modules}: Process): Address | undefined {
  const {segments} = core
  for (let at: number = NULL_ADDRESS; Number.isFinite(at); ) {
    const {state, end} = segments.extentAt(at)
    const start = Math.max(at, LOWEST)
    const isTaken = modules.some(module => module.end > start && module.start < Math.min(end, start + FREE_RANGE))
    if (state === 'unmapped' && end - start > FREE_RANGE && !isTaken)
      return toAddress(start + FREE_MARGIN - (start % 4096))
    if (end <= at) return undefined
    at = end
  }
  return undefined
}
