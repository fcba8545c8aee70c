import {InputError, messageOf} from '../base/errors.ts'

/** What unpacking a file may come to. A few kilobytes can be made to unpack to anything. */
export interface UnpackLimits {
  /** Bytes that are not zeros: zeros take no room. */
  readonly diskMax: number
  /** How many times as much a file may unpack to as was read of it. */
  readonly ratioMax: number
  /** What unpacks to no more than this is read in seconds, whatever its ratio. */
  readonly ratioCountedFrom: number
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** Cores of some megabytes pack to a thousandth, for most of them is zeros; lz4 comes to 255 at most. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = {
  diskMax: 64 * GIB,
  ratioMax: 200,
  ratioCountedFrom: 4 * GIB,
}

/** A sparse core of a program with a large address space can be very large and still pack into little. */
const SIZE_MAX = 512 * GIB

/**
 * Asked while a file unpacks, so that one that is made of nothing ends early, however long it is.
 * @throws InputError too-large
 */
export function checkUnpackedSize(name: string, size: number, packedSize: number, limits: UnpackLimits): void {
  if (size > SIZE_MAX) {
    throw new InputError(
      'too-large',
      `${name}: unpacks to more than ${sizeText(SIZE_MAX)}`,
      'unpack it by hand, and name that',
    )
  }
  if (size <= limits.ratioCountedFrom || size <= packedSize * limits.ratioMax) return
  throw new InputError(
    'too-large',
    `${name}: its first ${sizeText(packedSize)} unpack to ${sizeText(size)}, over ${limits.ratioMax} times as much (--unpack-ratio)`,
    'it may have been made to fill disks; where it is a core, allow more: --unpack-ratio N',
  )
}

export function tooMuchDisk(name: string, diskMax: number): InputError {
  return new InputError(
    'too-large',
    `${name}: unpacks to more than ${sizeText(diskMax)} that are not zeros (--unpack-disk)`,
    'allow more: --unpack-disk GB; or unpack it by hand, and name that',
  )
}

/** The temporary folder is full, missing, or cannot be written. */
export function noRoom(name: string, directory: string, cause: unknown): InputError {
  return new InputError(
    'no-room',
    `${name}: it cannot be unpacked in ${directory}: ${messageOf(cause)}`,
    'name a folder with room in the environment: TMPDIR=/var/tmp; or unpack it by hand, and name that',
    {cause},
  )
}

function sizeText(size: number): string {
  const [unit, name] = size < GIB ? [MIB, 'MiB'] : [GIB, 'GiB']
  return `${Math.floor((size / unit) * 10) / 10} ${name}`
}
