/**
 * Three kinds of 64-bit value, kept apart by the compiler (docs/architecture.md, "Numbers").
 * amd64 user addresses are below 2^47, so a double holds them exactly; raw words do not fit one.
 */

declare const addressBrand: unique symbol
declare const offsetBrand: unique symbol

/** Exact virtual address of the dead process, 0 <= a < 2^53. Made only by a reader or by this file. */
export type Address = number & {readonly [addressBrand]: 'Address'}
/** 64 raw bits with no meaning yet: a register, a stack slot, a DWARF stack value. */
export type Word = bigint
/** u32 offset from a module's lowest link address: the key of every per-module table. */
export type ModuleOffset = number & {readonly [offsetBrand]: 'ModuleOffset'}

/** Numbers below it are exact in a double. */
export const ADDRESS_LIMIT = 2 ** 53
const WORD_LIMIT = BigInt(ADDRESS_LIMIT)

export const NULL_ADDRESS = 0 as Address

/**
 * Stands for a word that is no address of user space (>= 2^53), a wild rip or rsp: nothing is mapped there. Who prints
 * it has the word.
 */
export const NOWHERE = 0x1fffffffffffff as Address

/** The number as an address. Callers have checked that it is an integer below 2^53; this is the one cast. */
export function toAddress(value: number): Address {
  return value as Address
}

/** The address that a raw word spells, or undefined where a double would round it (>= 2^53). */
export function addressOfWord(word: Word): Address | undefined {
  return word >= 0n && word < WORD_LIMIT ? (Number(word) as Address) : undefined
}

/** What the upper half of 64 bits counts by. */
export const TWO_32 = 0x100000000

/** 64 bits as a double: exact below 2^53, rounded and so at least 2^53 above. */
export function number64At(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true)
}

/** `address + delta`, or undefined where the sum leaves the 53-bit range. */
export function offsetAddress(address: Address, delta: number): Address | undefined {
  const sum = address + delta
  return sum >= 0 && Number.isSafeInteger(sum) ? (sum as Address) : undefined
}

/** The module-relative key of an address; undefined outside u32. */
export function moduleOffset(address: Address, moduleBase: Address): ModuleOffset | undefined {
  const offset = address - moduleBase
  return offset >= 0 && offset <= 0xffffffff ? (offset as ModuleOffset) : undefined
}

/** Three hexadecimal digits by their value, with leading zeros: those that were asked for. */
const TRIPLES = new Array<string | undefined>(0x1000)

function triple(value: number): string {
  TRIPLES[value] ??= (0x1000 + value).toString(16).slice(1)
  return TRIPLES[value]
}

/**
 * Lower-case `0x…` without padding, as Go's runtime prints addresses and words. Numbers of addresses' size are put
 * together from triples: V8's own conversion is made for fractions and takes 200 to 260 ns for them, this takes 50.
 */
export function hex(value: number | bigint): string {
  if (typeof value === 'bigint' || !(value >= 0x80000000 && value < 0x1000000000000)) return `0x${value.toString(16)}`
  const high = Math.floor(value / 0x1000000)
  const low = value - high * 0x1000000
  const tail = triple(Math.floor(low / 0x1000)) + triple(low % 0x1000)
  if (high < 0x1000) return `0x${high.toString(16)}${tail}`
  return `0x${Math.floor(high / 0x1000).toString(16)}${triple(high % 0x1000)}${tail}`
}
