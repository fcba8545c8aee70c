import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {readAddress} from '../base/memory-reader.ts'
import {readGoString} from './interface-value.ts'

import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

const LABEL_LIMIT = 1000
/** A pair of Go strings: key and value, of 16 bytes each. */
const PAIR_SIZE = 32
const STRING_SIZE = 16

/**
 * A goroutine's profiler labels (runtime/pprof), in the order that a traceback prints them; g.labels points to a
 * pprof.labelMap, which was a map up to 1.23 and is a slice of pairs in a struct since. Maps have no order: their
 * labels are sorted by key.
 */
export function readLabels(access: RuntimeAccess, labels: Address): ReadonlyMap<string, string> {
  if (labels === NULL_ADDRESS) return new Map()
  return access.release.atLeast(24) ? readLabelList(access, labels) : readLabelMap(access, labels)
}

function readLabelList(access: RuntimeAccess, labels: Address): Map<string, string> {
  const found = new Map<string, string>()
  const header = access.memory.read(labels, 16)
  if (!header) return found
  const cursor = new Cursor(header, 'labels')
  const list = cursor.word()
  const length = cursor.word()
  if (list >= 2n ** 47n || length > LABEL_LIMIT) return found
  for (let index = 0; index < Number(length); index++) {
    addPair(access, found, toAddress(Number(list) + index * PAIR_SIZE), STRING_SIZE)
  }
  return found
}

function addPair(access: RuntimeAccess, found: Map<string, string>, key: Address, toValue: number): void {
  const name = readGoString(access.memory, key)
  const value = readGoString(access.memory, toAddress(key + toValue))
  if (name !== undefined && value !== undefined) found.set(name, value)
}

/** Slots of a map bucket, and where its keys begin (bmap, src/runtime/map.go). */
const BUCKET_SLOTS = 8
const BUCKET_SIZE = BUCKET_SLOTS + BUCKET_SLOTS * PAIR_SIZE + 8
const MAX_BUCKET_BITS = 12

function readLabelMap(access: RuntimeAccess, labels: Address): Map<string, string> {
  const found = new Map<string, string>()
  const address = readAddress(access.memory, labels)
  const map = address === undefined ? undefined : RemoteStruct.read(access.memory, address, access.layouts.hmap)
  if (!map || map.number('count') > LABEL_LIMIT || map.u8('B') > MAX_BUCKET_BITS) return found
  const bits = map.u8('B')
  readBuckets(access, found, map.pointer('buckets'), 2 ** bits)
  // While a map grows, what has not moved yet is in the old half.
  readBuckets(access, found, map.pointer('oldbuckets'), 2 ** Math.max(bits - 1, 0))
  return new Map([...found].sort((a, b) => (a[0] < b[0] ? -1 : 1)))
}

function readBuckets(access: RuntimeAccess, found: Map<string, string>, buckets: Address, count: number): void {
  if (buckets === NULL_ADDRESS) return
  // Marks below this are not hashes: empty and moved slots; 1.12 took one value more for them.
  const minTopHash = access.release.atLeast(12) ? 5 : 4
  for (const {bucket, marks} of bucketsOf(access, buckets, count)) {
    for (const [slot, mark] of marks.entries()) {
      if (mark < minTopHash) continue
      const key = toAddress(bucket + BUCKET_SLOTS + slot * STRING_SIZE)
      addPair(access, found, key, BUCKET_SLOTS * STRING_SIZE)
    }
  }
}

/** The buckets of a map, each with those that overflowed from it, and the marks of their slots. */
function* bucketsOf(
  {memory}: RuntimeAccess,
  buckets: Address,
  count: number,
): Generator<{bucket: Address; marks: Uint8Array}> {
  let budget = LABEL_LIMIT
  for (let index = 0; index < count; index++) {
    let bucket = toAddress(buckets + index * BUCKET_SIZE)
    while (bucket !== NULL_ADDRESS && budget-- > 0) {
      const marks = memory.read(bucket, BUCKET_SLOTS)?.slice()
      if (!marks) break
      yield {bucket, marks}
      bucket = readAddress(memory, toAddress(bucket + BUCKET_SIZE - 8)) ?? NULL_ADDRESS
    }
  }
}
