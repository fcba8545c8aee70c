import {framesOf, isCFrame, type Traceback, type TracebackBlock, type TracebackFrame} from './traceback.ts'

export interface Count {
  ok: number
  of: number
}

export type Verdict = 'ok' | 'diff' | 'none'

/** How a traceback of ours stands against the runtime's own. */
export interface Comparison {
  /** Blocks equal in every line, and in their header. */
  readonly goroutines: Count
  readonly frames: Count
  readonly headers: Count
  readonly relay: Count
  readonly order: Verdict
  readonly crashHeader: Verdict
  readonly runtimeStack: Verdict
  readonly registers: Verdict
  /** Goroutines of ours that the runtime printed nowhere. */
  readonly extra: readonly string[]
  /** Each difference for a reader: what was wanted and what we have. */
  readonly differences: readonly string[]
}

const unavailable = 'stack unavailable'

export function compareTracebacks(want: Traceback, got: Traceback): Comparison {
  const differences: string[] = []
  const found = new Map(got.blocks.map(block => [block.id, block]))
  const goroutines = {ok: 0, of: 0}
  const frames = {ok: 0, of: 0}
  const headers = {ok: 0, of: 0}
  const relay = {ok: 0, of: 0}
  const walked = want.blocks.filter(block => isGoroutine(block) && !isUnavailable(block))
  for (const block of walked) {
    const other = found.get(block.id)
    tally(headers, other?.header === block.header)
    frames.of += goFrames(block).length
    frames.ok += other ? commonFrames(goFrames(block), goFrames(other)) : 0
    tally(goroutines, sameBlock(block, other, differences))
  }
  for (const block of relayed(want, walked)) tally(relay, sameBlock(block, found.get(block.id), differences))
  return {
    goroutines,
    frames,
    headers,
    relay,
    order: compareOrder(walked, got.blocks, differences),
    crashHeader: compareLines('crash header', want.crashHeader, got.crashHeader, differences),
    runtimeStack: compareRuntimeStack(want, got, differences),
    registers: compareLines('registers', want.registers, got.registers, differences),
    extra: extraGoroutines(want, got, differences),
    differences,
  }
}

/** C frames of the runtime's symbolizer that stand in our text, in the same order and the same words. */
export function compareCFrames(want: Traceback, got: Traceback): {count: Count; differences: string[]} {
  const found = new Map(got.blocks.map(block => [block.id, block]))
  const count = {ok: 0, of: 0}
  const differences: string[] = []
  for (const block of want.blocks.filter(isGoroutine)) {
    const wanted = framesOf(block).filter(isCFrame)
    const other = found.get(block.id)
    const ours = other ? framesOf(other).filter(isCFrame) : []
    const common = commonFrames(wanted.map(asSymbolized), ours.map(asSymbolized))
    count.of += wanted.length
    count.ok += common
    if (common < wanted.length) {
      differences.push(`goroutine ${block.id}: C frames`, ...printed('-', wanted), ...printed('+', ours))
    }
  }
  return {count, differences}
}

/**
 * What two symbolizers must agree on. The pc is left out, for a traceback function gives the address of the call and an
 * unwinder that of the return; so is the line in a generated export stub, which calls the context function on one line
 * and Go on another.
 */
function asSymbolized(frame: TracebackFrame): TracebackFrame {
  const position = frame.position.replace(/ ?pc=0x[0-9a-f]+$/, '').replace(/(_cgo_export\.c):\d+$/, '$1')
  return {call: frame.call, position}
}

function isGoroutine(block: TracebackBlock): boolean {
  return block.id !== '0' && block.id !== 'runtime stack'
}

function isUnavailable(block: TracebackBlock): boolean {
  return block.lines[0]?.includes(unavailable) ?? false
}

/** What other threads printed of goroutines that the first section does not have, or has without a stack. */
function relayed(want: Traceback, walked: readonly TracebackBlock[]): TracebackBlock[] {
  const known = new Set(walked.map(block => block.id))
  return want.relay.filter(block => {
    if (!isGoroutine(block) || isUnavailable(block) || known.has(block.id)) return false
    known.add(block.id)
    return true
  })
}

function tally(count: Count, ok: boolean): void {
  count.of++
  if (ok) count.ok++
}

/** Go frames and notes: C frames are compared apart, since the symbolizer that printed them is not ours. */
function goFrames(block: TracebackBlock): TracebackFrame[] {
  return framesOf(block).filter(frame => !isCFrame(frame))
}

function sameBlock(want: TracebackBlock, got: TracebackBlock | undefined, differences: string[]): boolean {
  if (got === undefined) {
    differences.push(`goroutine ${want.id}: missing`, `- ${want.header}`)
    return false
  }
  const wanted = [want.header, ...goFrames(want).flatMap(linesOf)]
  const ours = [got.header, ...goFrames(got).flatMap(linesOf)]
  return compareLines(`goroutine ${want.id}`, wanted, ours, differences) !== 'diff'
}

function linesOf(frame: TracebackFrame): string[] {
  return frame.position === '' ? [frame.call] : [frame.call, frame.position]
}

function compareLines(what: string, want: readonly string[], got: readonly string[], differences: string[]): Verdict {
  if (want.length === 0 && got.length === 0) return 'none'
  let different = 0
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    if (want[i] === got[i]) continue
    different++
    if (different === 1) differences.push(`${what}:`)
    if (different <= maxShown) differences.push(`  - ${want[i] ?? '(nothing)'}`, `  + ${got[i] ?? '(nothing)'}`)
  }
  if (different > maxShown) differences.push(`  ${different - maxShown} more lines differ`)
  return different === 0 ? 'ok' : 'diff'
}

const maxShown = 12

function compareOrder(
  walked: readonly TracebackBlock[],
  got: readonly TracebackBlock[],
  differences: string[],
): Verdict {
  const wanted = walked.map(block => block.id)
  const known = new Set(wanted)
  const ours = got.map(block => block.id).filter(id => known.has(id))
  const present = new Set(ours)
  const comparable = wanted.filter(id => present.has(id))
  if (comparable.join() === ours.join()) return 'ok'
  differences.push('order of goroutines:', `  - ${comparable.join(' ')}`, `  + ${ours.join(' ')}`)
  return 'diff'
}

function compareRuntimeStack(want: Traceback, got: Traceback, differences: string[]): Verdict {
  const find = (traceback: Traceback): TracebackBlock | undefined =>
    traceback.blocks.find(block => block.id === 'runtime stack' || block.id === '0')
  const wanted = find(want)
  const ours = find(got)
  const lines = (block: TracebackBlock | undefined): string[] => (block ? [block.header, ...block.lines] : [])
  return compareLines('stack of the system goroutine', lines(wanted), lines(ours), differences)
}

function extraGoroutines(want: Traceback, got: Traceback, differences: string[]): string[] {
  const known = new Set([...want.blocks, ...want.relay].map(block => block.id))
  const extra = got.blocks.filter(block => isGoroutine(block) && !known.has(block.id))
  for (const block of extra)
    differences.push(`goroutine ${block.id}: the runtime did not print it`, `+ ${block.header}`)
  return extra.map(block => block.id)
}

/** Length of the longest common subsequence of two lists of frames. */
function commonFrames(want: readonly TracebackFrame[], got: readonly TracebackFrame[]): number {
  const wanted = want.map(frame => `${frame.call}\n${frame.position}`)
  const ours = got.map(frame => `${frame.call}\n${frame.position}`)
  let row = new Uint32Array(ours.length + 1)
  for (const frame of wanted) {
    const next = new Uint32Array(ours.length + 1)
    for (let j = 0; j < ours.length; j++) {
      next[j + 1] = frame === ours[j] ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0)
    }
    row = next
  }
  return row[ours.length] ?? 0
}

function printed(mark: string, frames: readonly TracebackFrame[]): string[] {
  return frames.map(frame => `  ${mark} ${frame.call} ${frame.position.trim()}`)
}
