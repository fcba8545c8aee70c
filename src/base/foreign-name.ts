/** Bytes of a name that are kept: no compiler's own comes near, and a file can name everything by one long string. */
export const NAME_MAX = 65_536

const utf8 = new TextDecoder('utf-8')

/** A name without its end, which says so. */
export function decodeName(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= NAME_MAX) return utf8.decode(bytes.subarray(start, end))
  return `${utf8.decode(bytes.subarray(start, start + NAME_MAX))}…[${end - start - NAME_MAX} bytes more]`
}
