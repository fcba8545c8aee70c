import type {ByteSource} from '../base/byte-source.ts'
import type {FileRange} from '../base/read-record.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import type {Module} from '../elf/module.ts'
import type {UsedDebugFiles} from './debug-files.ts'
import type {OpenFiles} from './open-files.ts'

/** A file that was opened for a module. */
export interface OpenedFile {
  readonly path: string
  readonly elf: ElfFile
  readonly source: ByteSource
  /** What cannot be read of it, for it comes from a package. */
  readonly holes: readonly FileRange[]
}

/** The files of one module. */
export interface Belongings {
  readonly module: Module
  readonly image: OpenedFile | undefined
  readonly separate: OpenedFile | undefined
  readonly supplementary: OpenedFile | undefined
  readonly split: readonly {readonly name: string; readonly compDir: string | undefined; readonly file: OpenedFile}[]
  readonly packages: readonly OpenedFile[]
}

export function belongingsOf(module: Module, used: UsedDebugFiles, files: OpenFiles): Belongings {
  const opened = (path: string | undefined): OpenedFile | undefined => {
    const elf = path === undefined ? undefined : files.elf(path)
    return elf && path !== undefined ? {path, elf, source: elf.source, holes: files.holesOf(path)} : undefined
  }
  const {separate, supplementary, split, packages} = used
  return {
    module,
    image: module.imageOrigin === 'file' ? opened(module.imagePath) : undefined,
    separate: opened(separate),
    supplementary: opened(supplementary),
    split: split.flatMap(({name, compDir, path}) => {
      const file = opened(path)
      return file ? [{name, compDir, file}] : []
    }),
    packages: packages.map(opened).filter(file => file !== undefined),
  }
}
