/** Bytes of a name that are kept: no compiler's own comes near, and a file can name everything by one long string. */
export const NAME_MAX = 65_536

const utf8 = new TextDecoder('utf-8')

/** Text of which `limit` bytes are kept. It says where it was cut, for how much more there is need not be known. */
export function decodeText(bytes: Uint8Array, limit: number, isLonger = bytes.length > limit): string {
  if (!isLonger) return utf8.decode(bytes)
  // A decoder that expects more leaves out the half of a character at the end.
  const kept = new TextDecoder('utf-8').decode(bytes.subarray(0, limit), {stream: true})
  return `${kept}…[cut after ${limit} bytes]`
}

/** The name between two places. */
export function decodeName(bytes: Uint8Array, start: number, end: number): string {
  return decodeText(bytes.subarray(start, end), NAME_MAX)
}
