import {writeSync} from 'node:fs'

/** As long as the longest run that is asked of: a block of 64 KiB. */
const ZEROS = new Uint8Array(65536)

/** Whether bytes, at most 64 KiB, are zeros: a sparse file needs no room for them. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
  return part.equals(ZEROS.subarray(0, end - start))
}

/** A write may take less than it is given. @throws what the system says */
export function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done)
}
