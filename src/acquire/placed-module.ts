import {toAddress} from '../base/address.ts'
import {BytesSource} from '../base/byte-source.ts'
import type {BuildIds} from '../elf/build-id.ts'
import {ElfFile} from '../elf/elf-file.ts'
import type {LoadedImage} from '../elf/loaded-image.ts'
import {loadBiasOf} from '../elf/memory-image.ts'
import {Module} from '../elf/module.ts'
import {hasDebugInfo, ModuleDebugFiles} from './debug-files.ts'
import type {DebugPaths, DebugSubject} from './debug-paths.ts'
import type {FindResult} from './module-finder.ts'
import type {OpenFiles} from './open-files.ts'
import type {SymbolServers} from './symbol-servers.ts'
import {unpackXzBytes} from './xz-stream.ts'

/** MiniDebugInfo of the largest libraries unpacks to a few megabytes. */
const MINI_DEBUG_INFO_MAX = 256 * 1024 * 1024

/** An image of the process, and the file that was found for it. */
export interface Placed {
  image: LoadedImage
  result: FindResult
  debug: ModuleDebugFiles
  /** A file was looked for. */
  isSought: boolean
}

export function placeWith(
  image: LoadedImage,
  result: FindResult,
  files: OpenFiles,
  pathsOf: (subject: DebugSubject) => DebugPaths,
): Placed {
  const {found} = result
  const subject = {
    path: image.path,
    image: found?.elf ?? image.memoryImage,
    imagePath: found?.path,
    buildIds: image.buildIds,
  }
  return {image, result, debug: new ModuleDebugFiles(subject, files, pathsOf(subject)), isSought: true}
}

/** What can only be had asynchronously: MiniDebugInfo (xz) and files of servers, for images without symbols. */
export async function completeDebugFiles(
  image: LoadedImage,
  placed: Placed,
  files: OpenFiles,
  servers: SymbolServers | undefined,
): Promise<void> {
  const {debug, result} = placed
  const elf = result.found?.elf
  if (servers) await fetchDebugFiles(idsOf(image, elf), debug, servers)
  if (elf && (hasDebugInfo(elf) || elf.sectionHeader('.symtab'))) return
  if (elf) await addMiniDebugInfo(elf, debug, files)
}

function idsOf({buildIds}: LoadedImage, elf: ElfFile | undefined): BuildIds {
  return {gnu: buildIds.gnu ?? elf?.buildId, go: buildIds.go ?? elf?.goBuildId}
}

async function fetchDebugFiles(ids: BuildIds, debug: ModuleDebugFiles, servers: SymbolServers): Promise<void> {
  if (!debug.dwarf) {
    const path = await servers.find(ids, 'debuginfo')
    if (path !== undefined) debug.addCandidate(path)
  }
  const supplementaryId = debug.missingSupplementary
  const supplementary = {gnu: supplementaryId, go: undefined}
  const path = supplementaryId === undefined ? undefined : await servers.find(supplementary, 'debuginfo')
  if (path !== undefined) debug.addSupplementary(path)
}

async function addMiniDebugInfo(elf: ElfFile, debug: ModuleDebugFiles, files: OpenFiles): Promise<void> {
  if (!elf.sectionHeader('.gnu_debugdata') || elf.sectionHeader('.symtab') || debug.separateFile) return
  const section = elf.section('.gnu_debugdata')
  const name = `${elf.name}:.gnu_debugdata`
  const bytes = section && (await unpackXzBytes(section.bytes, name, MINI_DEBUG_INFO_MAX))
  try {
    if (bytes) debug.addMiniDebugInfo(ElfFile.open(new BytesSource(bytes, name), files.diagnostics))
  } catch (error) {
    files.diagnostics.addError('bad-section', error, {where: name})
  }
}

/** Node 20 has no zstd of its own: its decoder starts only for files that need it. */
export async function prepareZstd(placed: readonly Placed[], files: OpenFiles): Promise<void> {
  if (files.zstd.ready) return
  for (const {debug} of placed) {
    if (files.deadline?.isOver('the search for debug files')) break
    debug.openFiles()
  }
  for (const file of files) {
    if (!file.needsZstd) continue
    await files.zstd.prepare()
    return
  }
}

export function toModule({image, result, debug}: Placed): Module {
  const elf = result.found?.elf
  const first = image.mappings[0]
  const fromFile = elf && first ? loadBiasOf(elf, first.start, first.fileOffset) : undefined
  const loadBias = image.loadBias ?? fromFile ?? first?.start ?? 0
  const linkEnd = elf ? elf.linkEnd + loadBias : 0
  // Of an image that only the link map told of, the file gives the extent.
  const end = image.mappings.length > 0 ? image.end : Math.max(image.end, linkEnd)
  return new Module({
    path: image.path,
    start: image.start,
    end: toAddress(end),
    loadBias,
    isExecutable: image.isExecutable,
    deleted: image.deleted,
    mappings: image.mappings,
    buildIds: image.buildIds,
    image: elf ?? image.memoryImage,
    imageOrigin: elf ? 'file' : 'memory',
    imagePath: result.found?.path,
    mismatch: result.mismatch,
    debug,
  })
}
