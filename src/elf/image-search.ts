import {type Address, hex, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError} from '../base/errors.ts'
import type {CoreFile} from './core-file.ts'
import type {ElfFile} from './elf-file.ts'
import {PT} from './elf-headers.ts'
import type {LoadedImage} from './loaded-image.ts'
import {type MemoryImage, openMemoryImage} from './memory-image.ts'
import {DT, parseDynamic} from './segment-sections.ts'

const PAGE_SIZE = 4096
/** Images that are looked at: the largest programs load a thousand libraries, and each costs memory. */
export const IMAGES_MAX = 3000
const DYNAMIC_SIZE_MAX = 65536
/** Linux: arch/x86/entry/vdso/Makefile. */
const VDSO_NAME = 'linux-vdso.so.1'

/** An image of which the core's memory alone tells. */
export function imageInMemory(path: string, start: Address, image: MemoryImage): LoadedImage {
  return {
    path,
    deleted: false,
    isExecutable: false,
    start,
    end: toAddress(image.elf.linkEnd + image.loadBias),
    mappings: [],
    loadBias: image.loadBias,
    buildIds: image.elf.buildIds,
    memoryImage: image.elf,
  }
}

/**
 * Images by the ELF headers that mappings begin with, for cores that name neither files nor the program: known by the
 * name that the image has for itself. A file that was read into memory is none: its code cannot be run.
 */
export function* searchImages(core: CoreFile, diagnostics: Diagnostics): Generator<LoadedImage> {
  let count = 0
  for (const {start} of core.segments.dumped()) {
    if (start % PAGE_SIZE !== 0) continue
    const image = openMemoryImage(core.memory, start, `[image at ${hex(start)}]`, diagnostics)
    if (!image || !isRunnable(core, image)) continue
    if (isEnough(count++, diagnostics)) return
    const name = sonameOf(image.elf)
    yield imageInMemory(name === VDSO_NAME ? '[vdso]' : (name ?? image.elf.name), start, image)
  }
}

/** Whether one image more than these would be too many, which is told. */
export function isEnough(count: number, diagnostics: Diagnostics): boolean {
  if (count < IMAGES_MAX) return false
  diagnostics.add('modules-left-out', `the core tells of more than ${IMAGES_MAX} executables and libraries`, {
    hint: 'frames in those that were left out have no name; please report it where the process really had so many',
  })
  return true
}

function isRunnable(core: CoreFile, {elf, loadBias}: MemoryImage): boolean {
  const code = elf.segments.filter(segment => segment.type === PT.PT_LOAD && segment.executable)
  return code.length > 0 && code.every(({address}) => core.segments.extentAt(address + loadBias).executable)
}

/** Linkers give DT_DEBUG to programs alone. */
export function hasDebugTag({memoryImage}: Pick<LoadedImage, 'memoryImage'>): boolean {
  return memoryImage !== undefined && dynamicTags(memoryImage)?.has(DT.DT_DEBUG) === true
}

function sonameOf(elf: ElfFile): string | undefined {
  try {
    const offset = dynamicTags(elf)?.get(DT.DT_SONAME)
    const strings = elf.section('.dynstr')
    if (offset === undefined || !strings || offset >= strings.bytes.length) return undefined
    const cursor = new Cursor(strings.bytes, `${elf.name}:.dynstr`)
    cursor.seek(offset)
    return cursor.cstring() || undefined
  } catch (error) {
    if (error instanceof GotraceError) return undefined
    throw error
  }
}

function dynamicTags(elf: ElfFile): ReadonlyMap<number, number> | undefined {
  const segment = elf.segments.find(candidate => candidate.type === PT.PT_DYNAMIC)
  const bytes = segment && elf.readAtLinkAddress(segment.address, Math.min(segment.fileSize, DYNAMIC_SIZE_MAX))
  return bytes && parseDynamic(new Cursor(bytes.slice(), `${elf.name}:.dynamic`))
}
