// Any stack across Go and C, put together from parts that are made at random: what may be left out, and what never is.
import {deepEqual, equal} from 'node:assert/strict'
import test from 'ava'
import type {Random} from '../../../lab/fuzz/random.ts'
import type {CSegment} from '../../../src/analysis/stacks/c-segments.ts'
import {type StitchedFrame, stitchStack} from '../../../src/analysis/stacks/stitched-stack.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {MissingReason, StopReason} from '../../../src/report/vocabulary.ts'
import type {GoFrame, GoStackWalk} from '../../../src/unwind/goroutine-walk.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {forAll, listOf} from '../../support/for-all.ts'

const STOPS: readonly StopReason[] = ['unmapped', 'no-progress', 'no-unwind-info', 'frame-limit', 'overwritten']

interface Parts {
  readonly leaf: CSegment | undefined
  readonly go: readonly GoFrame[]
  readonly stop: StopReason
  /** By the CFA of each cgocallback frame. */
  readonly below: ReadonlyMap<number, CSegment | MissingReason>
}

/** pcs count up from the innermost frame of each kind, so that every frame has one of its own. */
function anyParts(random: Random): Parts {
  let pc = 0x1000
  const anyStop = (): StopReason => (random.once(3) ? random.pick(STOPS) : 'end-of-stack')
  const anySegment = (): CSegment => {
    const frames = listOf(random, 4, () => ({pc: pc++}) as unknown as UnwindFrame)
    const elided = random.once(4) ? {after: random.below(frames.length + 1), count: 1 + random.below(9)} : null
    return {frames, elided, missing: [], landing: undefined, stop: anyStop()}
  }
  const below = new Map<number, CSegment | MissingReason>()
  const leaf = random.once(3) ? undefined : anySegment()
  const go = listOf(random, 8, (): GoFrame => {
    const isCallback = random.once(3)
    const fp = toAddress(0xc000000000 + pc)
    if (isCallback)
      below.set(fp, random.once(4) ? random.pick(['abandoned', ...STOPS] as MissingReason[]) : anySegment())
    const fn = {funcID: isCallback ? 'cgocallback' : 'normal'} as GoFrame['fn']
    return {fn, pc: toAddress(pc++), symPc: toAddress(pc), sp: fp, fp}
  })
  return {leaf, go, stop: anyStop(), below}
}

function stitch({leaf, go, stop, below}: Parts): {items: StitchedFrame[]; stop: StopReason} {
  const rest = [...go]
  const walk = {next: () => rest.shift(), end: {stop}} as unknown as GoStackWalk
  const callbacks = {below: (cfa: number) => below.get(cfa) as CSegment | MissingReason}
  const steps = stitchStack({leaf, go: walk, foundBy: 'gobuf', callbacks})
  const items: StitchedFrame[] = []
  let next = steps.next()
  // A Go frame comes in the same object each time.
  for (; !next.done; next = steps.next()) items.push({...next.value})
  return {items, stop: next.value}
}

const isSegment = (part: CSegment | MissingReason | undefined): part is CSegment => typeof part === 'object'
const segmentsOf = ({leaf, go, below}: Parts): (CSegment | MissingReason)[] => [
  ...(leaf ? [leaf] : []),
  ...go.flatMap(({fp}) => below.get(fp) ?? []),
]
const pcOf = (item: StitchedFrame): number[] => ('frame' in item ? [item.frame.pc] : [])

test('every frame of every part is there once, Go and C each in the order of the calls', t => {
  forAll(t, 1000, random => {
    const parts = anyParts(random)
    const {items} = stitch(parts)
    const go = items.filter(({kind}) => kind === 'go').flatMap(pcOf)
    const native = items.filter(({kind}) => kind === 'native').flatMap(pcOf)
    deepEqual(
      go,
      parts.go.map(({pc}) => pc),
    )
    deepEqual(
      native,
      segmentsOf(parts)
        .filter(isSegment)
        .flatMap(({frames}) => frames.map(({pc}) => pc)),
    )
  })
})

test('the C frames that called a callback stand behind its frame and before the Go frame that called C', t => {
  forAll(t, 1000, random => {
    const parts = anyParts(random)
    const {items} = stitch(parts)
    for (const [index, frame] of parts.go.entries()) {
      const start = items.findIndex(item => item.kind === 'go' && item.frame.pc === frame.pc) + 1
      const next = parts.go[index + 1]
      const end = next ? items.findIndex(item => item.kind === 'go' && item.frame.pc === next.pc) : items.length
      const between = items
        .slice(start, end)
        .filter(({kind}) => kind === 'native')
        .flatMap(pcOf)
      const segment = parts.below.get(frame.fp)
      deepEqual(between, isSegment(segment) ? segment.frames.map(({pc}) => pc) : [])
    }
  })
})

test('whatever is missing is a seam that says why, and the innermost of these is the stop of the whole', t => {
  forAll(t, 1000, random => {
    const parts = anyParts(random)
    const {items, stop} = stitch(parts)
    const expected = [...segmentsOf(parts).map(part => (isSegment(part) ? part.stop : part)), parts.stop]
    const missing = expected.filter(reason => reason !== 'end-of-stack')
    deepEqual(
      items.flatMap(item => (item.kind === 'seam' && item.missing ? [item.missing] : [])),
      missing,
    )
    equal(stop, missing.find(reason => reason !== 'abandoned') ?? 'end-of-stack')
  })
})

test('frames that were left out are counted where they were', t => {
  forAll(t, 500, random => {
    const parts = anyParts(random)
    const counts = segmentsOf(parts).flatMap(part => (isSegment(part) && part.elided ? [part.elided.count] : []))
    deepEqual(
      stitch(parts).items.flatMap(item => (item.kind === 'left-out' ? [item.count] : [])),
      counts,
    )
  })
})

test('behind a frame of cgocallback, and nowhere else, the next Go frame was planted', t => {
  forAll(t, 500, random => {
    const parts = anyParts(random)
    const planted = stitch(parts).items.flatMap(item => (item.kind === 'go' ? [item.isPlanted] : []))
    deepEqual(
      planted,
      parts.go.map((_, index) => index > 0 && parts.below.has(parts.go[index - 1]?.fp ?? 0)),
    )
  })
})
