import {type Address, toAddress} from '../../base/address.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'

const utf8 = new TextDecoder('utf-8')

/** A text in quotes, as JSON and Go write it: what is not to be seen is escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

/** A text as far as it could be read. */
export interface FoundText {
  readonly text: string
  /** Bytes that were left out; undefined: not known how many. */
  readonly left: number | undefined
}

/** Text of that many bytes, of which `limit` are read; undefined where memory is missing. */
export function textAt(memory: MemoryReader, address: Address, length: number, limit: number): FoundText | undefined {
  if (length === 0) return {text: '', left: 0}
  const bytes = memory.read(address, Math.min(length, limit))
  return bytes && textOf(bytes, length - bytes.length)
}

/** A cut may fall into the middle of a character, which is left out then. */
export function textOf(bytes: Uint8Array, left: number): FoundText {
  const whole = left > 0 ? bytes.subarray(0, wholeLength(bytes)) : bytes
  return {text: utf8.decode(whole), left: left + bytes.length - whole.length}
}

/** Length without a character that is begun but not ended (RFC 3629, 3). */
function wholeLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) return bytes.length
    if (byte < 0xc0) continue
    const need = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return need > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

/** Text up to a NUL, of which `limit` bytes are read; undefined where memory ends before either. */
export function terminatedTextAt(memory: MemoryReader, address: Address, limit: number): FoundText | undefined {
  const collected: number[] = []
  for (let at = 0; collected.length <= limit; at++) {
    const byte = memory.read(toAddress(address + at), 1)?.[0]
    if (byte === undefined) return undefined
    if (byte === 0) return textOf(Uint8Array.from(collected), 0)
    collected.push(byte)
  }
  const kept = textOf(Uint8Array.from(collected.slice(0, limit)), 1)
  return {text: kept.text, left: undefined}
}

/** `"abc"`, `"abc"...+12 more`, `"abc"...` */
export function renderText({text, left}: FoundText): string {
  if (left === undefined) return `${quoted(text)}...`
  return left > 0 ? `${quoted(text)}...+${left} more` : quoted(text)
}
