/** How many frames a release prints of one goroutine (runtime/traceback.go: tracebackInnerFrames, _TracebackMaxFrames). */
const INNER_FRAMES = 50
const OUTER_FRAMES = 50

/** A stack in printing order: Go frames, which count against the limits, and C frames, which do not. */
export interface StackItem<T> {
  frame: T
  counts: boolean
}

export interface FrameWindow<T> {
  frames: T[]
  /** Frames left out after `frames[after - 1]`. */
  elided: {after: number; count: number} | null
}

/**
 * The first and the last 50 Go frames, as Go 1.21+ prints them, in bounded memory however deep the stack is.
 * C frames stay with the Go frame they follow.
 */
export function takeWindow<T>(items: Iterable<StackItem<T>>): FrameWindow<T> {
  const inner: T[] = []
  let counted = 0
  let outer: StackItem<T>[] = []
  let outerCounted = 0
  let dropped = 0
  for (const item of items) {
    if (item.counts) counted++
    if (counted <= INNER_FRAMES) {
      inner.push(item.frame)
      continue
    }
    outer.push(item)
    if (item.counts) outerCounted++
    // Trim in batches: an array shifted once per frame would make deep stacks slow.
    if (outer.length > 8192) ({outer, dropped, outerCounted} = trim(outer, outerCounted, dropped))
  }
  ;({outer, dropped} = trim(outer, outerCounted, dropped))
  const frames = inner.concat(outer.map(item => item.frame))
  return {frames, elided: dropped > 0 ? {after: inner.length, count: dropped} : null}
}

function trim<T>(
  outer: StackItem<T>[],
  counted: number,
  dropped: number,
): {outer: StackItem<T>[]; dropped: number; outerCounted: number} {
  let excess = counted - OUTER_FRAMES
  if (excess <= 0) return {outer, dropped, outerCounted: counted}
  let cut = 0
  const removed = excess
  while (excess > 0) {
    if (outer[cut]?.counts) excess--
    cut++
  }
  // C frames that followed the last Go frame left out go with it.
  while (cut < outer.length && outer[cut]?.counts === false) cut++
  return {outer: outer.slice(cut), dropped: dropped + removed, outerCounted: OUTER_FRAMES}
}
