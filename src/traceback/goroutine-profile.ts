import {type DumpedFrame, type DumpedStack, PROFILE_DEPTH} from './dumped-stack.ts'

/** runtime/pprof, printCountProfile: `goroutine profile: total 12`. */
const TITLE = /^goroutine profile: total \d+\r?$/m
const SAMPLE = /^(\d+) @((?: 0x[0-9a-f]+)*)$/
/** runtime/pprof, printStackRecord: pc, function, offset, place, with tabs between for a reader's sake. */
const FRAME = /^#\t0x[0-9a-f]+\t(.+)\+0x[0-9a-f]+\t+(.*):(\d+)$/

export function holdsGoroutineProfile(text: string): boolean {
  return TITLE.test(text)
}

/** The stacks of a goroutine profile with debug=1, each with how many goroutines have it. */
export function parseGoroutineProfile(text: string): DumpedStack[] {
  const samples: {count: number; depth: number; frames: DumpedFrame[]}[] = []
  for (const line of text.split('\n')) {
    const plain = line.endsWith('\r') ? line.slice(0, -1) : line
    const [, count, pcs = ''] = SAMPLE.exec(plain) ?? []
    if (count !== undefined) {
      samples.push({count: Number(count), depth: pcs.split(' ').length - 1, frames: []})
      continue
    }
    const [, name, file, number] = FRAME.exec(plain) ?? []
    if (name === undefined) continue
    samples.at(-1)?.frames.push({function: name, file: file ?? null, line: Number(number), isC: false})
  }
  return samples.map(({count, depth, frames}) => ({
    count,
    goroutines: [],
    state: null,
    frames,
    createdBy: null,
    isPartial: false,
    cutAfter: depth >= PROFILE_DEPTH ? frames.length : null,
  }))
}
