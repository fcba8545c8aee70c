import {type DumpedFrame, PROFILE_DEPTH} from './dumped-stack.ts'
import type {DumpedStacks} from './dumped-stacks.ts'

/** runtime/pprof, printCountProfile: `goroutine profile: total 12`. */
const TITLE = /^goroutine profile: total \d+\r?$/
const SAMPLE = /^(\d+) @((?: 0x[0-9a-f]+)*)$/
/** runtime/pprof, printStackRecord: pc, function, offset, place, with tabs between for a reader's sake. */
const FRAME = /^#\t0x[0-9a-f]+\t(.+)\+0x[0-9a-f]+\t+(.*):(\d+)$/

export function startsGoroutineProfile(line: string): boolean {
  return TITLE.test(line)
}

/** The stacks of a goroutine profile with debug=1, each with how many goroutines have it. */
export function parseGoroutineProfile(lines: Iterable<string>, stacks: DumpedStacks): void {
  let sample: {count: number; depth: number; frames: DumpedFrame[]} | undefined
  const end = (): void => {
    if (!sample) return
    const {count, depth, frames} = sample
    const cutAfter = depth >= PROFILE_DEPTH ? frames.length : null
    stacks.add({count, goroutines: [], state: null, frames, createdBy: null, isPartial: false, cutAfter})
  }
  for (const line of lines) {
    const plain = line.endsWith('\r') ? line.slice(0, -1) : line
    const [, count, pcs = ''] = SAMPLE.exec(plain) ?? []
    if (count !== undefined) {
      end()
      sample = {count: Number(count), depth: pcs.split(' ').length - 1, frames: []}
      continue
    }
    const [, name, file, number] = FRAME.exec(plain) ?? []
    if (name === undefined) continue
    sample?.frames.push({function: name, file: file ?? null, line: Number(number), isC: false})
  }
  end()
}
