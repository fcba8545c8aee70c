import type {SignedFrame} from './frame-choice.ts'

/** Of a stack that ran over, frames of a function that is at least this often on it go round. */
const OFTEN = 3
/** Share of the commonest function's frames: what is rarer was called from the circle now and then. */
const SHARE = 0.1

/**
 * The way to the innermost frame without what it went round: between two frames of one function a recursion went, as
 * deep as the data had it. Innermost first.
 */
export function foldCycles(frames: readonly SignedFrame[]): SignedFrame[] {
  const way: SignedFrame[] = []
  const placeOf = new Map<string, number>()
  for (const frame of [...frames].reverse()) {
    const key = keyOf(frame)
    const place = placeOf.get(key)
    if (place === undefined) {
      placeOf.set(key, way.length)
      way.push(frame)
      continue
    }
    for (const folded of way.splice(place + 1)) placeOf.delete(keyOf(folded))
  }
  return way.reverse()
}

function keyOf({kind, name, closure = name}: SignedFrame): string {
  return `${kind} ${closure}`
}

/**
 * Of a stack that ran over: the functions that went round, in the order of their names, and the way to the first of
 * them. Which one met the guard, and what it had called, is chance.
 */
export function foldOverflow(frames: readonly SignedFrame[]): SignedFrame[] {
  const counts = new Map<string, number>()
  let most = 0
  for (const {name} of frames) {
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    most = Math.max(most, count)
  }
  const least = Math.max(OFTEN, most * SHARE)
  const isRound = ({name}: SignedFrame): boolean => (counts.get(name) ?? 0) >= least
  const circle = new Map<string, SignedFrame>()
  for (const frame of frames) if (isRound(frame)) circle.set(frame.name, frame)
  if (circle.size === 0) return foldCycles(frames)
  const round = [...circle.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return [...round, ...foldCycles(frames.slice(frames.findLastIndex(isRound) + 1))]
}

/** Functions that go round, at most, and how often they do before they are shown once. */
const [ROUND_MAX, TIMES] = [16, 3]

/** Lines, what is there several times one behind the other once: thousands of frames of a recursion say one thing. */
export function foldRepeated(lines: readonly string[]): string[] {
  const folded: string[] = []
  for (let at = 0; at < lines.length; ) {
    const round = findRound(lines, at)
    folded.push(...lines.slice(at, at + round.length))
    if (round.times > 1)
      folded.push(`the same ${round.length > 1 ? `${round.length} ` : ''}${round.times - 1} times more`)
    at += round.length * round.times
  }
  return folded
}

function findRound(lines: readonly string[], start: number): {length: number; times: number} {
  for (let length = 1; length <= ROUND_MAX; length++) {
    let end = start + length
    while (end < lines.length && lines[end] === lines[end - length]) end++
    const times = Math.floor((end - start) / length)
    if (times >= TIMES) return {length, times}
  }
  return {length: 1, times: 1}
}
