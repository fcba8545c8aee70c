import type {CoreFile} from '../elf/core-file.ts'
import {findLoadedImages} from '../elf/loaded-image.ts'
import type {OpenFiles} from './open-files.ts'
import {PackedDebugPaths, type PackedFiles} from './packed-files.ts'
import {completeDebugFiles, type Placed, placeWith, prepareZstd} from './placed-module.ts'

/** The images of the core, each with what the package has of it. */
export async function placePacked(core: CoreFile, packed: PackedFiles, files: OpenFiles): Promise<Placed[]> {
  const {diagnostics} = files
  packed.addTo(files)
  const {modules} = packed.manifest
  // As with --exe: the core may not even hold the program's headers.
  const named = packed.manifest.core.program
  const program = named === null ? undefined : files.elf(named)
  const known = findLoadedImages(core, diagnostics)
  const isLost = program !== undefined && !known.some(({isExecutable}) => isExecutable)
  const images = isLost ? findLoadedImages(core, diagnostics, program) : known
  const placed: Placed[] = []
  for (const [index, image] of images.entries()) {
    const module = modules[index]
    const path = module?.path === image.path ? module.image?.path : undefined
    const elf = path === undefined ? undefined : files.elf(path)
    const found = elf && path !== undefined ? {elf, path} : undefined
    const paths = module?.path === image.path ? new PackedDebugPaths(module) : new PackedDebugPaths(undefined)
    const each = placeWith(image, {found, mismatch: module?.mismatch ?? undefined}, files, () => paths)
    await completeDebugFiles(image, each, files, undefined)
    placed.push(each)
  }
  for (const diagnostic of packed.manifest.diagnostics) diagnostics.addKnown(diagnostic)
  await prepareZstd(placed, files)
  return placed
}
