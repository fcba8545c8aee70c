import type {OpenProcess} from '../../acquire/open-process.ts'
import {analyzeGoroutines, type GoroutinesOptions} from '../../analysis/analyze-goroutines.ts'
import type {FrameReport, GoroutineGroupReport} from '../../report/core-report.ts'
import {type DumpedStack, isInFull, isSystemStack, plainState} from '../../traceback/dumped-stack.ts'
import {DumpedStacks} from '../../traceback/dumped-stacks.ts'
import type {GoroutineSet} from './goroutine-diff.ts'

/**
 * The goroutines of a core, as `goroutines --group` has them.
 * @param other what they are compared with, where that is no core: then the core is read as that was printed, with
 *   wrappers or without, and what its C frames lack is nothing to tell
 */
export function goroutinesOfCore(
  process: OpenProcess,
  path: string,
  options: Pick<GoroutinesOptions, 'tool' | 'maxFrames' | 'demangle' | 'deadline' | 'diagnostics'>,
  other: Iterable<DumpedStack> | undefined,
): GoroutineSet & {readonly isComplete: boolean} {
  const report = analyzeGoroutines(process, {
    ...options,
    traceback: other && isInFull(other) ? 'system' : undefined,
    cgoFrames: 'auto',
    waits: 'left-out',
    query: {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined},
    sort: 'runtime',
    show: 'groups',
    limit: undefined,
  })
  const stacks = new DumpedStacks(path)
  let count = 0
  for (const group of report.groups ?? []) {
    const stack = stackOfGroup(group)
    if (isSystemStack(stack.frames)) continue
    stacks.add(stack)
    count += stack.count
  }
  const program = process.modules.find(({isExecutable}) => isExecutable)
  if (!other) report.conclude()
  return {
    compared: {path, kind: 'core', count, since: null, until: null},
    buildId: program?.buildId ?? null,
    stacks,
    isComplete: report.isComplete(),
  }
}

/** Frames of the seam between Go and C, and of signals, are in the list, but not shown. */
const isShown = ({kind}: FrameReport): boolean => kind !== 'switch' && kind !== 'signal'

function stackOfGroup({
  count,
  goroutines,
  state,
  frames,
  createdBy,
  stop,
  missing,
  elided,
}: GoroutineGroupReport): DumpedStack {
  return {
    count,
    goroutines,
    state: plainState(state),
    frames: frames.filter(isShown).map(({kind, function: name, file, line, module, moduleOffset}) => ({
      function: name ?? `${module ?? '?'}+${moduleOffset ?? '?'}`,
      file,
      line,
      isC: kind !== 'go',
    })),
    createdBy: createdBy?.function ?? null,
    isPartial: missing.length > 0 || (stop !== 'end-of-stack' && stop !== 'frame-limit'),
    cutAfter: elided && frames.slice(0, elided.after).filter(isShown).length,
  }
}
