import type {Fixture} from '../../lab/fixtures.ts'
import {type Address, toAddress} from '../../src/base/address.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {DwarfInfo} from '../../src/dwarf/dwarf-info.ts'
import {AddressSpace} from '../../src/elf/address-space.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {Module} from '../../src/elf/module.ts'
import {SymbolTable} from '../../src/elf/symtab.ts'
import {GoTables} from '../../src/gosym/func-table.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {GoRuntime} from '../../src/runtime-model/go-runtime.ts'

/**
 * What of the executable a test lets the runtime model see. `strip` leaves function tables alone, as `strip -s` does.
 */
export type Knowledge = 'dwarf' | 'symbols' | 'strip'

export interface OpenedProcess {
  readonly runtime: GoRuntime
  readonly core: CoreFile
  readonly diagnostics: Diagnostics
  /** Address of a symbol of the executable, whatever the model was let see. */
  symbol(name: string): Address | undefined
}

const AT_PHDR = 3
const PT_LOAD = 1
const PT_PHDR = 6

/**
 * Opens a fixture's core with its executable alone, without analysis; `damage` may spoil what the runtime model reads.
 */
export function openProcess(
  fixture: Fixture,
  knowledge: Knowledge,
  release?: GoVersion | 'unknown',
  damage?: (bytes: Uint8Array | undefined) => Uint8Array | undefined,
): OpenedProcess {
  const diagnostics = new Diagnostics()
  const core = CoreFile.open(FileSource.open(fixture.core), diagnostics)
  const image = ElfFile.open(FileSource.open(fixture.executable), diagnostics)
  const headers = image.segments.find(segment => segment.type === PT_PHDR)
  const loadBias = Number(core.auxv.get(AT_PHDR)) - (headers?.address ?? 0)
  const at = (link: number): Address => toAddress(link + loadBias)
  const path = fixture.meta.command[0] as string
  const module = new Module({
    path,
    start: at(image.linkStart),
    end: at(image.linkEnd),
    loadBias,
    image,
    imageOrigin: 'file',
  })
  const memory = new AddressSpace(core, [module])
  const symbols = SymbolTable.of(image)
  const symbol = (name: string): Address | undefined => {
    const found = symbols.lookup(name)
    return found && at(found.address)
  }
  const given = GoVersion.parse(fixture.meta.go)
  const tables = GoTables.open({
    memory,
    version: release === 'unknown' ? undefined : given,
    firstModuledata: symbol('runtime.firstmoduledata'),
    candidates: image.segments
      .filter(segment => segment.type === PT_LOAD)
      .map(({address, memorySize, writable}) => ({start: at(address), end: at(address + memorySize), writable})),
    diagnostics,
  })
  const dwarf = new DwarfInfo(image, {diagnostics})
  const runtime =
    tables &&
    GoRuntime.open({
      memory: damage ? {read: (address, length) => damage(memory.read(address, length))} : memory,
      version: release === 'unknown' ? undefined : (release ?? given),
      releases: tables.releases,
      tables,
      symbols: name => (knowledge === 'strip' ? undefined : symbol(name)),
      layouts: names => (knowledge === 'dwarf' ? dwarf.structLayouts(names) : new Map()),
      threadIds: new Set(core.threads.map(thread => thread.tid)),
      diagnostics,
    })
  if (!runtime && !damage) throw new Error(`${fixture.name}: no Go runtime: ${JSON.stringify(diagnostics.list())}`)
  return {runtime: runtime as GoRuntime, core, diagnostics, symbol}
}
