/** FNV-1a of 32 bits, for tables that find a name by its bytes. */
export const HASH_START = 0x811c9dc5

/** The hash of what came before and the bytes from `start` to `end`; unsigned. */
export function hashBytes(bytes: Uint8Array, start = 0, end = bytes.length, before = HASH_START): number {
  let hash = before
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash >>> 0
}
