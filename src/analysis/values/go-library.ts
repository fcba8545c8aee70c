import type {DataType, Member} from '../../dwarf/data-type.ts'
import type {View} from './storage.ts'
import {integer, isMissing, missingValue, plainValue, type Value} from './value.ts'

/** Types of the standard library that are told in its own words; undefined for all others. */
export function readLibraryType(type: DataType, view: View): Value | undefined {
  switch (type.name) {
    case 'time.Time':
      return readTime(type, view)
    case 'time.Duration':
      return readDuration(view)
    case 'sync.Mutex':
      return readMutex(type, view)
    default:
      return undefined
  }
}

function member(type: DataType, name: string): Member | undefined {
  return type.bare.members.find(each => each.name === name)
}

/** Bit 63 of wall says that it has seconds of its own, and ext the monotonic clock (src/time/time.go). */
const HAS_MONOTONIC = 2n ** 63n
/** Seconds from the year 1 to 1885, where those in wall begin, and to 1970. */
const WALL_TO_INTERNAL = (1884n * 365n + 1884n / 4n - 1884n / 100n + 1884n / 400n) * 86400n
const UNIX_TO_INTERNAL = (1969n * 365n + 1969n / 4n - 1969n / 100n + 1969n / 400n) * 86400n
const NANOSECONDS = 1_000_000_000n

function readTime(type: DataType, view: View): Value | undefined {
  const [wallField, extField] = [member(type, 'wall'), member(type, 'ext')]
  if (!wallField || !extField) return undefined
  const [wall, ext] = [view.at(wallField.offset).unsigned(), view.at(extField.offset).unsigned()]
  if (isMissing(wall)) return missingValue(wall)
  if (isMissing(ext)) return missingValue(ext)
  const nanoseconds = wall % 2n ** 30n
  const hasMonotonic = wall >= HAS_MONOTONIC
  const seconds = hasMonotonic ? WALL_TO_INTERNAL + (wall % HAS_MONOTONIC) / 2n ** 30n : BigInt.asIntN(64, ext)
  const text = timeText(seconds - UNIX_TO_INTERNAL, nanoseconds)
  return plainValue(`time.Time(${text})`, text)
}

/** RFC 3339 in UTC; as seconds from 1970 where the year has more than four digits. */
function timeText(seconds: bigint, nanoseconds: bigint): string {
  const milliseconds = Number(seconds) * 1000
  const fraction = nanoseconds === 0n ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  if (seconds < -62_135_596_800n || seconds > 253_402_300_799n || nanoseconds >= NANOSECONDS) {
    return `${seconds}${fraction} s since 1970`
  }
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, `${fraction}Z`)
}

function readDuration(view: View): Value {
  const word = view.unsigned()
  if (isMissing(word)) return missingValue(word)
  const value = BigInt.asIntN(64, word)
  return plainValue(durationText(value), integer(value))
}

const UNITS: readonly (readonly [unit: string, size: bigint])[] = [
  ['ns', 1n],
  ['µs', 1000n],
  ['ms', 1_000_000n],
]

/** time.Duration.String: `1h2m3.5s`, `1.5ms`. */
function durationText(value: bigint): string {
  const [sign, size] = value < 0n ? ['-', -value] : ['', value]
  if (size === 0n) return '0s'
  if (size < NANOSECONDS) {
    const [unit, scale] = UNITS.findLast(([, each]) => size >= each) ?? ['ns', 1n]
    return `${sign}${decimal(size, scale)}${unit}`
  }
  const seconds = size / NANOSECONDS
  const [hours, minutes] = [seconds / 3600n, (seconds / 60n) % 60n]
  const rest = decimal(size % (60n * NANOSECONDS), NANOSECONDS)
  const head = hours > 0n ? `${hours}h${minutes}m` : minutes > 0n ? `${minutes}m` : ''
  return `${sign}${head}${rest}s`
}

function decimal(value: bigint, scale: bigint): string {
  const digits = String(scale).length - 1
  const fraction =
    digits === 0
      ? ''
      : String(value % scale)
          .padStart(digits, '0')
          .replace(/0+$/, '')
  return `${value / scale}${fraction === '' ? '' : `.${fraction}`}`
}

/** state: 1 locked, 2 a waiter is awake, 4 starving, then the number of waiters (src/internal/sync/mutex.go). */
function readMutex(type: DataType, view: View): Value | undefined {
  const own = member(type, 'state')
  const inner = own ? undefined : member(type, 'mu')
  const field = own ?? (inner?.type && member(inner.type, 'state'))
  if (!field) return undefined
  const word = view.at((inner?.offset ?? 0) + field.offset).unsigned(4)
  if (isMissing(word)) return missingValue(word)
  const waiters = Number(word / 8n)
  const states = [word % 2n === 1n ? 'locked' : 'unlocked']
  if ((word / 4n) % 2n === 1n) states.push('starving')
  if (waiters > 0) states.push(`${waiters} waiting`)
  return plainValue(`sync.Mutex {${states.join(', ')}}`, {locked: word % 2n === 1n, waiting: waiters})
}
