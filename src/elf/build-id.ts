import {GotraceError} from '../base/errors.ts'
import {type ElfNote, NT_FDO_PACKAGING_METADATA, NT_GNU_BUILD_ID, NT_GO_BUILD_ID} from './notes.ts'

export interface BuildIds {
  /** NT_GNU_BUILD_ID, lower-case hex. */
  gnu: string | undefined
  /** Go's own, ASCII (four parts with slashes). */
  go: string | undefined
}

/** Longer contents are not build IDs: the usual is 20 bytes, Go's some 83. */
const DESC_SIZE_MAX = 1024

/** The build IDs among some notes; what cannot be read has none. */
export function findBuildIds(notes: Iterable<ElfNote>): BuildIds {
  const ids: BuildIds = {gnu: undefined, go: undefined}
  try {
    for (const note of notes) {
      if (note.descSize === 0 || note.descSize > DESC_SIZE_MAX) continue
      if (note.owner === 'GNU' && note.type === NT_GNU_BUILD_ID) ids.gnu ??= hexDigits(note.desc().bytes)
      else if (note.owner === 'Go' && note.type === NT_GO_BUILD_ID) ids.go ??= note.desc().cstring()
    }
  } catch (error) {
    // Notes of a .debug file may point at bytes that were stripped away: that is no build ID, not a failure.
    if (!(error instanceof GotraceError)) throw error
  }
  return ids
}

/** The text of the package's note among some notes. */
export function findPackageNote(notes: Iterable<ElfNote>): string | undefined {
  try {
    for (const {owner, type, descSize, desc} of notes) {
      if (owner === 'FDO' && type === NT_FDO_PACKAGING_METADATA && descSize <= DESC_SIZE_MAX) return desc().cstring()
    }
  } catch (error) {
    if (!(error instanceof GotraceError)) throw error
  }
  return undefined
}

/** Two digits a byte, as build IDs and checksums are written. */
export function hexDigits(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether two files are the same build: undefined where neither kind of ID is on both sides. */
export function sameBuild(a: BuildIds, b: BuildIds): boolean | undefined {
  if (a.gnu !== undefined && b.gnu !== undefined) return a.gnu === b.gnu
  if (a.go !== undefined && b.go !== undefined) return a.go === b.go
  return undefined
}
