import {toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {PT} from '../elf/elf-headers.ts'
import {SymbolTable} from '../elf/symtab.ts'
import {findBuildInfo} from '../gosym/build-info.ts'
import {GoTables} from '../gosym/func-table.ts'
import type {ScanRange} from '../gosym/memory-scan.ts'
import {RelocatedImage} from './relocated-image.ts'

/** Go's own tables from a file alone, as if it were loaded `loadBias` above where it was linked; undefined where it holds no Go code. */
export function openGoFileTables(image: ElfFile, diagnostics: Diagnostics, loadBias = 0): GoTables | undefined {
  if (!mayHoldGo(image)) return undefined
  const memory = new RelocatedImage(image, loadBias)
  const candidates: ScanRange[] = image.segments
    .filter(({type, fileSize}) => type === PT.PT_LOAD && fileSize > 0)
    .map(({address, fileSize, writable}) => {
      const start = toAddress(address + loadBias)
      return {start, end: toAddress(start + fileSize), writable}
    })
  const moduledata = SymbolTable.of(image).lookup('runtime.firstmoduledata')?.address
  return GoTables.open({
    memory,
    version: findBuildInfo(memory, candidates)?.version,
    firstModuledata: moduledata && toAddress(moduledata + loadBias),
    candidates,
    diagnostics,
  })
}

/** Sections that Go's linker writes; a file without section headers may be anything. */
function mayHoldGo(image: ElfFile): boolean {
  const {sections} = image
  if (sections.length === 0) return image.goBuildId !== undefined
  return sections.some(
    ({name, size}) => size > 0 && /^\.(gopclntab|go\.buildinfo|note\.go\.buildid|gosymtab)$/.test(name),
  )
}
