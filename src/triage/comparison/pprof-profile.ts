import {Profile} from 'pprof-format'
import {
  type DumpedFrame,
  type DumpedStack,
  PROFILE_DEPTH,
  plainState,
  withoutTypeArguments,
} from '../../traceback/dumped-stack.ts'

/** What our own profiles say of each sample. */
const STATE_LABEL = 'goroutine state'

/**
 * The stacks of a goroutine profile in the format of pprof, unpacked.
 * @returns undefined where the bytes are no profile; what it is of instead, where it is not of goroutines
 */
export function parsePprof(bytes: Uint8Array): DumpedStack[] | {kind: string} | undefined {
  const profile = decode(bytes)
  if (!profile || profile.sampleType.length === 0) return undefined
  const text = (index: number | bigint): string => profile.stringTable.strings[Number(index)] ?? ''
  const kinds = profile.sampleType.map(({type}) => text(type))
  const column = kinds.findIndex(kind => kind === 'goroutine' || kind === 'goroutines')
  if (column < 0) return {kind: kinds.join(', ')}
  const functions = new Map(profile.function.map(each => [Number(each.id), each]))
  const frames = new Map<number, DumpedFrame[]>()
  for (const {id, line: lines} of profile.location) {
    const ofLocation = lines.map(({functionId, line}) => {
      const known = functions.get(Number(functionId))
      const file = known ? text(known.filename) : ''
      const name = known ? withoutTypeArguments(text(known.name)) : '?'
      return {function: name, file: file || null, line: Number(line) || null, isC: isOfC(name, file)}
    })
    frames.set(Number(id), ofLocation)
  }
  return profile.sample.map(({locationId, value, label}) => {
    const state = label.find(({key}) => text(key) === STATE_LABEL)
    const stack = locationId.flatMap(id => frames.get(Number(id)) ?? [])
    return {
      count: Number(value[column] ?? 0),
      goroutines: [],
      state: state ? plainState(text(state.str)) : null,
      frames: stack,
      createdBy: null,
      isPartial: false,
      cutAfter: locationId.length >= PROFILE_DEPTH ? stack.length : null,
    }
  })
}

/** Go's own profiles have no C; others that we make do. A name of Go has its package before a dot. */
function isOfC(name: string, file: string): boolean {
  return !name.includes('.') || (file !== '' && !/\.(?:go|s)$/.test(file))
}

function decode(bytes: Uint8Array): Profile | undefined {
  try {
    return Profile.decode(bytes)
  } catch {
    return undefined
  }
}
