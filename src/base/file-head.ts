import {closeSync} from 'node:fs'
import {pathStats} from './path-stats.ts'
import {openRegularFile, readRegularFile} from './regular-file.ts'

/** The first bytes of a file, fewer where it is shorter. @throws InputError not-found, unreadable */
export function readFileHead(path: string, length: number): Uint8Array {
  const {fd} = openRegularFile(path)
  try {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, readRegularFile(fd, bytes, 0, path))
  } finally {
    closeSync(fd)
  }
}

export function isThere(path: string): boolean {
  return pathStats(path) !== undefined
}
