import {closeSync} from 'node:fs'
import {InputError} from './errors.ts'
import {openRegularFile, readRegularFile} from './regular-file.ts'

/** All bytes of a file. @throws InputError where it cannot be read, or is larger than a file of that kind is */
export function readWholeFile(path: string, sizeMax: number): Uint8Array {
  const {fd, size} = openRegularFile(path)
  try {
    if (size > sizeMax) {
      throw new InputError('too-large', `${path}: ${size} bytes, more than ${sizeMax}`, 'name a smaller file')
    }
    const bytes = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const read = readRegularFile(fd, bytes.subarray(filled), filled, path)
      if (read === 0) break
      filled += read
    }
    return bytes.subarray(0, filled)
  } finally {
    closeSync(fd)
  }
}
