/**
 * How alike two stacks are, from 0 to 1: the position-dependent measure of ReBucket (Dang, Wu, Zhang, Zhang, Nobel,
 * "ReBucket: a method for clustering duplicate crash reports based on call stack similarity", ICSE 2012, section 3),
 * with the weights that its authors found.
 */
export function similarity(one: readonly string[], other: readonly string[]): number {
  const length = Math.min(one.length, other.length)
  if (length === 0) return 0
  let all = 0
  for (let at = 0; at < length; at++) all += Math.exp(-TOP_WEIGHT * at)
  return bestAlignment(one, other) / all
}

/** How fast frames matter less, the farther they are from the top. */
const TOP_WEIGHT = 0.04
/** How much a frame loses that stands elsewhere in the other stack. */
const OFFSET_WEIGHT = 0.13

/** The weight of the frames that both have in the same order, at its best. */
function bestAlignment(one: readonly string[], other: readonly string[]): number {
  let above = new Float64Array(other.length + 1)
  for (let i = 0; i < one.length; i++) {
    const row = new Float64Array(other.length + 1)
    for (let j = 0; j < other.length; j++) {
      const left = Math.max(above[j + 1] ?? 0, row[j] ?? 0)
      row[j + 1] = mayBeSame(one[i], other[j]) ? Math.max(left, (above[j] ?? 0) + weightOf(i, j)) : left
    }
    above = row
  }
  return above[other.length] ?? 0
}

/** How a signature has code without a name: a file, its build, and a place in it (analysis/signature). */
const NAMELESS = /@[0-9a-f]{8}\+0x[0-9a-f]+$|~[0-9a-f]{8}$/

/** A build without symbols has no names for frames that another one has: such a frame may be any of C. */
function mayBeSame(one = '', other = ''): boolean {
  if (one === other) return true
  return NAMELESS.test(one) ? mayBeOfC(other) : NAMELESS.test(other) && mayBeOfC(one)
}

/** Names of Go have their package before a dot; those of C and C++ have none. */
function mayBeOfC(name: string): boolean {
  return NAMELESS.test(name) || !/^[^:(]*\./.test(name)
}

function weightOf(i: number, j: number): number {
  return Math.exp(-TOP_WEIGHT * Math.min(i, j) - OFFSET_WEIGHT * Math.abs(i - j))
}

export interface Signed {
  readonly exact: string
  readonly frames: readonly string[]
}

export interface Similar {
  readonly exact: string
  readonly similarity: number
}

/** From here on two signatures are shown as similar. */
const THRESHOLD = 0.7
/** Signatures that are compared with each other: the first ones. */
export const COMPARED = 2000
const SHOWN = 5
/** Stacks that have no name in common so near the top are no candidates. */
const TOP = 4
const TOP_OF_GO = 2

/** For each signature the others whose frames are like its own, the most alike first. */
export function findSimilar(signatures: readonly Signed[]): Map<string, Similar[]> {
  const compared = signatures.slice(0, COMPARED).filter(({frames}) => frames.length > 0)
  const byFrame = new Map<string, Signed[]>()
  const found = new Map<string, Similar[]>()
  for (const one of compared) {
    const candidates = new Set(topOf(one).flatMap(name => byFrame.get(name) ?? []))
    for (const other of candidates) note(found, one, other)
    // A stack whose names are gone may meet this one further down.
    for (const name of new Set(one.frames)) {
      const list = byFrame.get(name)
      if (list) list.push(one)
      else byFrame.set(name, [one])
    }
  }
  for (const list of found.values()) keepBest(list)
  return found
}

/** The same for one of them alone, the first: no others are compared with each other. */
export function findSimilarTo(one: Signed, others: readonly Signed[]): Similar[] {
  const found = new Map<string, Similar[]>()
  const own = new Set(one.frames)
  for (const other of others.slice(0, COMPARED - 1)) {
    if (topOf(other).some(name => own.has(name))) note(found, one, other)
  }
  return keepBest(found.get(one.exact) ?? [])
}

/** Names that a stack must have in common with another one to be compared with it. */
function topOf({frames}: Signed): string[] {
  const named = frames.filter(name => !NAMELESS.test(name))
  // Where the other one has no names of C, its first ones are of Go.
  return [...named.slice(0, TOP), ...named.filter(name => !mayBeOfC(name)).slice(0, TOP_OF_GO)]
}

function keepBest(list: Similar[]): Similar[] {
  list.sort((a, b) => b.similarity - a.similarity || (a.exact < b.exact ? -1 : 1))
  list.splice(SHOWN)
  return list
}

function note(found: Map<string, Similar[]>, one: Signed, other: Signed): void {
  const exactly = similarity(one.frames, other.frames)
  if (exactly < THRESHOLD) return
  const rounded = Math.round(exactly * 100) / 100
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    const list = found.get(mine.exact) ?? []
    list.push({exact: theirs.exact, similarity: rounded})
    found.set(mine.exact, list)
  }
}
