import type {FrameReport, GoroutineGroupReport, GoroutineReport} from '../report/core-report.ts'
import {renderGoroutine} from './go-text.ts'
import type {Style} from './style.ts'

/** IDs that a group's header names. */
const IDS_SHOWN = 20

/** One block a goroutine, as `analyze` prints it. Yields text that ends in a newline. */
export function* renderGoroutinesText(goroutines: Iterable<GoroutineReport>, style: Style): Generator<string> {
  let separator = ''
  for (const goroutine of goroutines) {
    yield separator + renderGoroutine(goroutine, style)
    separator = '\n'
  }
}

/** One block a group: `12 goroutines [chan receive]: 3 5 7 …`, then the stack that they share. */
export function* renderGroupsText(groups: Iterable<GoroutineGroupReport>, style: Style): Generator<string> {
  let separator = ''
  for (const group of groups) {
    yield separator + renderGroup(group, style)
    separator = '\n'
  }
}

function renderGroup(group: GoroutineGroupReport, style: Style): string {
  const {count, state, goroutines, minWaitMinutes: least, maxWaitMinutes: most} = group
  const wait =
    !most || least === null ? '' : least === most ? `, ${most} minutes` : `, ${Math.max(least, 0)}-${most} minutes`
  const ids = goroutines.slice(0, IDS_SHOWN).join(' ') + (count > IDS_SHOWN ? ' …' : '')
  const header = `${count} goroutine${count === 1 ? '' : 's'} [${state}${wait}]: ${ids}`
  const {createdBy, elided} = group
  const frames = count === 1 ? group.frames : group.frames.map(withoutArguments)
  return renderGoroutine({header, frames, createdBy, elided, ancestors: [], detailed: false}, style)
}

function withoutArguments(frame: FrameReport): FrameReport {
  return frame.kind === 'go' && !frame.inlined ? {...frame, args: '...'} : frame
}
