import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Extent} from '../base/extent.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {GoFunction, GoPlace} from './go-function.ts'
import type {ScanRange} from './memory-scan.ts'
import {
  effectiveVersion,
  type FoundModule,
  findModuledata,
  findPclntabHeaders,
  type Moduledata,
  readModuledata,
} from './moduledata.ts'
import {type LastingRun, lastingTables, ModuleTables} from './module-tables.ts'
import {Pclntab, type PclntabHeader, placesFromHeader, readPclntabHeader} from './pclntab.ts'
import {releaseLayout} from './pclntab-layout.ts'
import {admitReleases} from './release-markers.ts'
import type {GoVersion} from './version.ts'

export interface OpenProcess {
  memory: MemoryReader
  version: GoVersion | undefined
  /** `runtime.firstmoduledata`, where symbols tell it. */
  firstModuledata: Address | undefined
  /**
   * Where to search otherwise: the segments of the modules that may hold Go code, in the order of the search. A section
   * `.gopclntab` first, or at least what is executable last, saves most of the time.
   */
  candidates: readonly ScanRange[]
  diagnostics: Diagnostics
  /** The file that serves an address, where it outlives this process with what was read of it. */
  lasting?: ((address: Address) => LastingRun | undefined) | undefined
}

export interface OpenFile {
  /** The file's content at its link addresses (SectionMemory makes one of a section). */
  memory: MemoryReader
  version: GoVersion | undefined
  /** Start of the `.gopclntab` section or the symbol `runtime.pclntab`; else the ranges are searched. */
  header: Address | undefined
  candidates: readonly ScanRange[]
  /** Symbol `runtime.text`; without it the header's textStart (1.18–1.25). Not needed up to 1.17. */
  textStart: Address | undefined
  /** Symbol `go:func.*` (`go.func.*` in 1.18 and 1.19). Without it no inlined calls and no arguments from 1.18 on. */
  gofunc: Address | undefined
  diagnostics: Diagnostics
}

/** A process has one module, or a few with plugins: a longer chain is damage. */
const MODULE_LIMIT = 1024
const HEADER_LIMIT = 64
/** Of the names of all functions: the largest programs have some megabytes. */
const NAMES_MAX = 64 * 1024 * 1024

interface Circumstances {
  readonly lostModule: Address | undefined
  readonly lasting: OpenProcess['lasting']
}

/** The functions of all Go code in a process or a file. */
export class GoTables {
  /** The version given, or the oldest release that writes such tables. */
  readonly version: GoVersion
  /** 'tables': no version was given, so releases that share a format are told apart by marker functions alone. */
  readonly versionSource: 'given' | 'tables'
  /** The minor releases that may have written these tables. */
  readonly releases: {readonly first: number; readonly last: number}
  /** Empty where only a file's pclntab is known. */
  readonly modules: readonly Moduledata[]
  /** Where the chain of modules leads to one that cannot be read, as of a plugin whose file is gone. */
  readonly lostModule: Address | undefined
  readonly #tables: readonly ModuleTables[]
  /** Of `placeAt`. */
  #last: GoFunction | undefined

  private constructor(
    found: readonly {pclntab: Pclntab; moduledata?: Moduledata}[],
    version: GoVersion,
    admitted: GoTables['releases'] | undefined,
    {lostModule, lasting}: Circumstances,
  ) {
    this.version = version
    this.versionSource = admitted ? 'tables' : 'given'
    this.releases = admitted ?? {first: version.minor, last: version.minor}
    this.modules = found.flatMap(({moduledata}) => moduledata ?? [])
    this.lostModule = lostModule
    this.#tables = found.map(({pclntab, moduledata}) => {
      const run = lasting?.(pclntab.places.header)
      return run ? lastingTables(run, pclntab, version, moduledata) : new ModuleTables(pclntab, version, moduledata)
    })
  }

  /** Tables of a process, through its moduledata; undefined where no Go code is found. */
  static open(input: OpenProcess): GoTables | undefined {
    const {memory, version, firstModuledata, candidates, diagnostics, lasting} = input
    let first = firstModuledata === undefined ? undefined : readModuledata(memory, firstModuledata, version)
    if (!first) {
      if (firstModuledata !== undefined) {
        diagnostics.add('bad-moduledata', 'runtime.firstmoduledata does not fit any known release; searching for it', {
          where: `0x${firstModuledata.toString(16)}`,
        })
      }
      first = searchModuledata(memory, candidates, version)
    }
    if (!first) return GoTables.fromPclntab({...input, header: undefined, textStart: undefined, gofunc: undefined})
    const {chain, lost} = followChain(memory, first, version, diagnostics)
    return GoTables.#make(chain, version, first.moduledata.header, {lostModule: lost, lasting})
  }

  /** Tables of a file that is not running, from its pclntab alone. */
  static fromPclntab(input: OpenFile): GoTables | undefined {
    const {memory, version, diagnostics, textStart, gofunc} = input
    const named = input.header === undefined ? undefined : readPclntabHeader(memory, input.header)
    const headers = named ? [named] : findPclntabHeaders(memory, input.candidates)
    for (const header of headers) {
      const text = textStart ?? (header.textStart === NULL_ADDRESS ? undefined : header.textStart)
      if (text === undefined && header.layout.textStart !== undefined) {
        diagnostics.add('no-text-start', 'the function table is relative to runtime.text, which nothing tells', {
          where: `0x${header.address.toString(16)}`,
          hint: 'give the file with its symbol table',
        })
        continue
      }
      const release = releaseLayout(effectiveVersion(version, undefined, header))
      const places = placesFromHeader(memory, header, release, text ?? NULL_ADDRESS, gofunc)
      if (!places) continue
      return GoTables.#make([{pclntab: new Pclntab(memory, places)}], version, header)
    }
    return undefined
  }

  static #make(
    found: readonly {pclntab: Pclntab; moduledata?: Moduledata}[],
    version: GoVersion | undefined,
    header: PclntabHeader,
    circumstances: Circumstances = {lostModule: undefined, lasting: undefined},
  ): GoTables | undefined {
    const effective = effectiveVersion(version, undefined, header)
    if (effective === version) return new GoTables(found, version, undefined, circumstances)
    const [first] = found
    if (!first) return undefined
    const {lostModule} = circumstances
    const asProbe = {lostModule, lasting: undefined}
    const probe = new GoTables(found, effective, {first: effective.minor, last: effective.minor}, asProbe)
    const admitted = admitReleases(header, first.pclntab, name => probe.functionNamed(name) !== undefined)
    const rebuilt = found.map(({pclntab, moduledata}) => reread(pclntab, moduledata, admitted.readAs))
    return new GoTables(rebuilt, admitted.readAs, admitted, circumstances)
  }

  /**
   * The function whose code covers `pc` (minpc <= pc < maxpc); undefined for C code, padding of other linkers and
   * damage.
   */
  functionAt(pc: Address): GoFunction | undefined {
    const last = this.#last
    if (last && pc >= last.entry && pc < last.end) return last
    for (const tables of this.#tables) if (tables.covers(pc)) return tables.functionAt(pc)
    return undefined
  }

  /** GoFunction.placeAt; undefined where no function is. Many pcs are asked for in ascending order. */
  placeAt(pc: Address, extent: Extent): GoPlace | undefined {
    const last = this.#last
    const found = last && pc >= last.entry && pc < last.end ? last : this.#locate(pc, extent)
    this.#last = found
    return found?.placeAt(pc, extent)
  }

  #locate(pc: Address, extent: Extent): GoFunction | undefined {
    for (const tables of this.#tables) if (tables.covers(pc, extent)) return tables.locate(pc, extent)
    return undefined
  }

  /** The function of that name, as the tables have it; the first one where several modules have it. */
  functionNamed(name: string): GoFunction | undefined {
    for (const tables of this.#tables) {
      const found = tables.functionNamed(name)
      if (found) return found
    }
    return undefined
  }

  /**
   * Names of functions that begin so, those that are inlined everywhere too: of all that the tables name. Empty for
   * releases before 1.16, which have no table of names alone.
   */
  *namesBeginning(prefix: string): Generator<string> {
    const pattern = new RegExp(`(?<=\\0)${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[^\\0]{1,500}(?=\\0)`, 'g')
    for (const {pclntab} of this.#tables) {
      const {funcnametab, pclntable} = pclntab.places
      const length = funcnametab.end - funcnametab.start
      if (funcnametab.start === pclntable.start || length > NAMES_MAX) continue
      const bytes = pclntab.memory.read(funcnametab.start, length)
      if (bytes) for (const [name] of `\0${new TextDecoder().decode(bytes)}`.matchAll(pattern)) yield name
    }
  }
}

/** A module that was read under a stand-in version, read again under a better one. */
function reread(
  pclntab: Pclntab,
  moduledata: Moduledata | undefined,
  version: GoVersion,
): {pclntab: Pclntab; moduledata?: Moduledata} {
  const again = moduledata && readModuledata(pclntab.memory, moduledata.address, version)
  if (again) return again
  const renewed = new Pclntab(pclntab.memory, {...pclntab.places, release: releaseLayout(version)})
  return moduledata ? {pclntab: renewed, moduledata} : {pclntab: renewed}
}

/** Headers one after the other, until one has a moduledata: the search ends where the first good one is. */
function searchModuledata(
  memory: MemoryReader,
  candidates: readonly ScanRange[],
  version: GoVersion | undefined,
): FoundModule | undefined {
  let tried = 0
  for (const header of findPclntabHeaders(memory, candidates)) {
    const found = findModuledata(memory, candidates, header, version)
    if (found || ++tried >= HEADER_LIMIT) return found
  }
  return undefined
}

/** The modules by `next`, the first one first; a bad link ends the chain and costs what hangs on it. */
function followChain(
  memory: MemoryReader,
  first: FoundModule,
  version: GoVersion | undefined,
  diagnostics: Diagnostics,
): {chain: FoundModule[]; lost: Address | undefined} {
  const chain = [first]
  const seen = new Set<number>([first.moduledata.address])
  let next = first.moduledata.next
  while (next !== NULL_ADDRESS) {
    const found = seen.has(next) || chain.length >= MODULE_LIMIT ? undefined : readModuledata(memory, next, version)
    if (!found) {
      diagnostics.add('bad-moduledata', 'the chain of Go modules is damaged', {where: `0x${next.toString(16)}`})
      return {chain, lost: next}
    }
    seen.add(next)
    chain.push(found)
    next = found.moduledata.next
  }
  return {chain, lost: undefined}
}
