import {writeSync} from 'node:fs'

/**
 * A write may take less than it is given.
 * @param offset in the file; undefined: behind what was written last
 * @throws what the system says
 */
export function writeAll(fd: number, bytes: Uint8Array, offset?: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset === undefined ? null : offset + done)
  }
}
