import {FileSource} from '../base/byte-source.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError} from '../base/errors.ts'
import {ElfFile} from '../elf/elf-file.ts'
import {PT, SHT} from '../elf/elf-headers.ts'
import type {Artifact} from '../report/vocabulary.ts'
import {buildKeys} from './build-key.ts'
import {hasDebugInfo} from './debug-files.ts'

/** Whether the file at a path is one of that key: a store may hold anything under any name. */
export function hasKey(path: string, key: string): boolean {
  let source: FileSource | undefined
  try {
    source = FileSource.open(path)
    return buildKeys(ElfFile.open(source, new Diagnostics()).buildIds).includes(key)
  } catch (error) {
    if (error instanceof GotraceError) return false
    throw error
  } finally {
    source?.close()
  }
}

/** What a file serves as: code, debug information, or both. None: nothing that is looked for by build ID. */
export function artifactsOf(elf: ElfFile): Artifact[] {
  if (elf.type !== 'exec' && elf.type !== 'dyn') return []
  const isLoaded = elf.segments.some(({type, fileSize}) => type === PT.PT_LOAD && fileSize > 0)
  // `objcopy --only-keep-debug` and dwz leave no code.
  const hasCode = isLoaded && elf.sectionHeader('.text')?.type !== SHT.SHT_NOBITS
  const hasNames = hasDebugInfo(elf) || (!hasCode && elf.sectionHeader('.symtab') !== undefined)
  return [...(hasCode ? (['executable'] as const) : []), ...(hasNames ? (['debuginfo'] as const) : [])]
}
