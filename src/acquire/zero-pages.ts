/** As long as the longest run that is asked of: a block of 64 KiB. */
const ZEROS = new Uint8Array(65536)

/** Whether bytes, at most 64 KiB, are zeros: a sparse file needs no room for them. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
  return part.equals(ZEROS.subarray(0, end - start))
}
