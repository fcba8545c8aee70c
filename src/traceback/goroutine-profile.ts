import type {DumpedFrame, DumpedStack} from './dumped-stack.ts'

/** runtime/pprof, printCountProfile: `goroutine profile: total 12`. */
const TITLE = /^goroutine profile: total \d+\r?$/m
const SAMPLE = /^(\d+) @(?: 0x[0-9a-f]+)*$/
/** runtime/pprof, printStackRecord: pc, function, offset, place, with tabs between for a reader's sake. */
const FRAME = /^#\t0x[0-9a-f]+\t(.+)\+0x[0-9a-f]+\t+(.*):(\d+)$/

export function holdsGoroutineProfile(text: string): boolean {
  return TITLE.test(text)
}

/** The stacks of a goroutine profile with debug=1, each with how many goroutines have it. */
export function parseGoroutineProfile(text: string): DumpedStack[] {
  const stacks: (DumpedStack & {frames: DumpedFrame[]})[] = []
  for (const line of text.split('\n')) {
    const plain = line.endsWith('\r') ? line.slice(0, -1) : line
    const [, count] = SAMPLE.exec(plain) ?? []
    if (count !== undefined) {
      stacks.push({count: Number(count), goroutines: [], state: null, frames: [], createdBy: null})
      continue
    }
    const [, name, file, number] = FRAME.exec(plain) ?? []
    if (name === undefined) continue
    stacks.at(-1)?.frames.push({function: name, file: file ?? null, line: Number(number), isC: false})
  }
  return stacks
}
