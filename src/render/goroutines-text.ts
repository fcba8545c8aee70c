import type {FrameReport, GoReport, GoroutineGroupReport, GoroutinesReport} from '../report/core-report.ts'
import {ofImage, RuntimeHeadings, renderGoroutine, renderImage} from './go-text.ts'
import {rendered} from './rendered.ts'
import type {Style} from './style.ts'

/** IDs that a group's header names. */
const IDS_SHOWN = 20

/** One block a goroutine, as `analyze` prints it, or one a group. Yields text that ends in a newline. */
export function* renderGoroutinesText(
  {go, goroutines, groups}: Pick<GoroutinesReport, 'goroutines' | 'groups'> & {go: Pick<GoReport, 'images'>},
  style: Style,
): Generator<string> {
  const runtimes = new RuntimeHeadings()
  const blocks = rendered(goroutines ?? [], each => renderGoroutine(each, style))
  yield* separated(blocks, ({goroutine, text}) => {
    const runtime = runtimes.above(goroutine)
    return runtime === null ? text : `${renderImage(runtime, go, style)}\n${text}`
  })
  yield* separated(groups ?? [], group => renderGroup(group, style))
}

function* separated<T>(items: Iterable<T>, render: (item: T) => string): Generator<string> {
  let separator = ''
  for (const item of items) {
    yield separator + render(item)
    separator = '\n'
  }
}

/** `12 goroutines [chan receive]: 3 5 7 …`, then the stack that they share. */
function renderGroup(group: GoroutineGroupReport, style: Style): string {
  const {image, count, state, goroutines, minWaitMinutes: least, maxWaitMinutes: most} = group
  const wait =
    !most || least === null ? '' : least === most ? `, ${most} minutes` : `, ${Math.max(least, 0)}-${most} minutes`
  const ids = goroutines.slice(0, IDS_SHOWN).join(' ') + (count > IDS_SHOWN ? ' …' : '')
  const header = `${count} goroutine${count === 1 ? '' : 's'}${ofImage(image)} [${state}${wait}]: ${ids}`
  const {createdBy, elided, missing} = group
  const frames = count === 1 ? group.frames : group.frames.map(markArguments)
  return renderGoroutine(
    {header, remarks: [], frames, createdBy, elided, missing, ancestors: [], detailed: false},
    style,
  )
}

function markArguments(frame: FrameReport): FrameReport {
  return frame.kind === 'go' && !frame.inlined && frame.args === null ? {...frame, args: '...'} : frame
}
