import type {Place, PlaceList} from './place.ts'
import type {Random} from './random.ts'
import type {Damage} from './working-copy.ts'

/** Where numbers change their nature: widths, signs, what a double holds, what an address can be. */
const EDGE_NUMBERS: readonly bigint[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 31, 32, 33, 47, 48, 52, 53, 63, 64].flatMap(bits => {
    const power = bits === 64 ? 0n : 2n ** BigInt(bits)
    return [power - 1n, power, power + 1n]
  }),
  0xffffffffff600000n,
  0x8000000000000000n,
  0x7fffffffffffn,
  0xdeadbeefdeadbeefn,
]
/** What a terminal obeys, what ends a line or a string, what is no UTF-8, and a great deal of one letter. */
const HOSTILE_TEXTS = [
  '1b5b33316d',
  '0a676f726f7574696e65203120',
  'e280ae',
  'c29b33316d',
  'ff',
  '00',
  '2e2e2f2e2e2f',
  '5f5a',
  '5f5a4e53',
  '25732573',
]
/** A number in LEB128 (DWARF 5, 7.6) that never ends, one of 70 bits, one of -1. */
const LONG_LEBS = ['80'.repeat(24), `${'ff'.repeat(9)}7f`, `${'80'.repeat(9)}01`, '7f']
const RUN_MAX = 4096

/** Changes made from places and a seed alone: the same places and the same seed give the same changes. */
export function mutate(places: PlaceList, random: Random): Damage[] {
  if (random.once(12)) return [cut(places, random), ...(random.once(3) ? [change(places, random)] : [])]
  const count = random.pick([1, 1, 1, 1, 2, 2, 3, 5, 12, 40])
  // Several changes of one kind break what one alone does not: a list, a chain, a pair of sizes.
  const kind = random.once(2) ? random.pick([...places.kinds.keys()]) : undefined
  return Array.from({length: count}, () => change(places, random, kind))
}

/** A file ends where one of its parts begins or ends, or a little beside it. */
function cut(places: PlaceList, random: Random): Damage {
  const file = random.once(2) ? 'core' : random.pick([...places.edges.keys()])
  const edge = random.pick(places.edges.get(file) ?? [0])
  return {file, size: Math.max(0, edge + random.pick([0, 0, -1, 1, -8, 7, -4095, 4096]))}
}

function change(places: PlaceList, random: Random, wanted?: string): Damage {
  const kind = wanted ?? random.pick([...places.kinds.keys()])
  const place = random.pick(places.kinds.get(kind) ?? [])
  return WAYS[place.holds](place, places, random)
}

type Way = (place: Place, places: PlaceList, random: Random) => Damage

const WAYS: Readonly<Record<Place['holds'], Way>> = {
  word: (place, _, random) => put(place, random.once(2) ? random.pick(EDGE_NUMBERS) : BigInt(random.below(2 ** 16))),
  size: (place, places, random) =>
    put(place, random.once(3) ? near(places.sizes.get(place.file) ?? 0, random) : random.pick(EDGE_NUMBERS)),
  offset: (place, places, random) => {
    if (random.once(2)) return put(place, near(random.pick(places.edges.get(place.file) ?? [0]), random))
    return put(
      place,
      random.once(2) ? random.pick(EDGE_NUMBERS) : BigInt(random.below(places.sizes.get(place.file) ?? 1)),
    )
  },
  pointer: (place, places, random) => {
    if (places.addresses.length > 0 && !random.once(3)) return put(place, near(random.pick(places.addresses), random))
    return put(place, random.pick(EDGE_NUMBERS))
  },
  text: (place, _, random) => {
    const text = random.once(4) ? '41'.repeat(Math.min(place.size, RUN_MAX)) : random.pick(HOSTILE_TEXTS)
    return within(place, random.below(place.size), text)
  },
  bytes: (place, _, random) => {
    const at = random.once(4) ? random.below(Math.min(place.size, 16)) : random.below(place.size)
    return within(place, at, randomBytes(random))
  },
}

function randomBytes(random: Random): string {
  if (random.once(3)) return random.pick(LONG_LEBS)
  if (random.once(8)) return random.pick(['00', 'ff', '41']).repeat(random.pick([16, 64, RUN_MAX]))
  if (random.once(8)) return random.pick(HOSTILE_TEXTS)
  const length = random.pick([1, 1, 1, 2, 4, 8])
  return Array.from({length}, () => hexByte(random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]))).join('')
}

function near(value: number, random: Random): bigint {
  return BigInt(value) + BigInt(random.pick([0, 0, 0, 0, 1, -1, 8, -8, 16, -16, 4096, -4096]))
}

/** A number in as many bytes as the place has, little-endian. */
function put(place: Place, value: bigint): Damage {
  const bytes = Array.from({length: place.size}, (_, index) => (BigInt.asUintN(64, value) >> BigInt(8 * index)) & 0xffn)
  return {file: place.file, at: place.at, bytes: bytes.map(byte => hexByte(Number(byte))).join('')}
}

/** What would not fit is left off, so that a change stays in what it is meant for. */
function within(place: Place, at: number, bytes: string): Damage {
  return {file: place.file, at: place.at + at, bytes: bytes.slice(0, 2 * (place.size - at))}
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}
