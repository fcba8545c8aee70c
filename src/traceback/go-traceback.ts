import {type DumpedFrame, type DumpedStack, isSystemStack, plainState} from './dumped-stack.ts'
import type {DumpedStacks} from './dumped-stacks.ts'

/** runtime.goroutineheader (traceback.go): labels are inside of the brackets in Go 1.26, behind them from 1.27 on. */
const HEADER = /^goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[(.*)\](?: \{.*\})?:$/
/** runtime.traceback2: `file:line`, then the offset, then fp, sp and pc, as the level asks for them. */
const PLACE = /^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?(?: (?:fp|sp|pc)=0x[0-9a-f]+)*$/
const CREATED = /^created by (.+?)(?: in goroutine \d+)?$/
/** What the runtime says between frames, of a stack that is deeper than it shows. */
const ELIDED = /^\.\.\./
/** What it says of a stack that it could not walk. */
const UNWALKED = /^\t?goroutine running on other thread/
const ANCESTORS = /^\[originating from goroutine \d+\]:$/

/** Whether a line is the first one of a goroutine's block. */
export function startsTraceback(line: string): boolean {
  return /^goroutine \d+ .*\[.*\].*:\r?$/.test(line)
}

/**
 * The goroutines of a traceback: what a dying program writes to standard error, what SIGQUIT asks for, runtime.Stack,
 * or the goroutine profile with debug=2. Those that the runtime started for itself are left out, as Go lists them at
 * the higher levels alone. A goroutine that is there twice, for each thread of a crash prints its own, counts once.
 */
export function parseGoTraceback(lines: Iterable<string>, stacks: DumpedStacks): void {
  const known = new Map<number, {index: number; hasFrames: boolean}>()
  const end = (block: Block | undefined): void => {
    if (!block) return
    const earlier = known.get(block.id)
    // What was printed first may say only that it runs on another thread.
    if (earlier?.hasFrames) return
    const stack = isSystemStack(block.frames) ? undefined : block.stack
    if (earlier) stacks.replace(earlier.index, stack)
    const index = earlier?.index ?? stacks.add(stack)
    known.set(block.id, {index, hasFrames: block.frames.length > 0})
  }
  let block: Block | undefined
  for (const line of lines) {
    const plain = line.endsWith('\r') ? line.slice(0, -1) : line
    const header = HEADER.exec(plain)
    if (header) {
      end(block)
      block = new Block(Number(header[1]), header[2] ?? '')
    } else if (plain.trim() === '') {
      end(block)
      block = undefined
    } else block?.add(plain)
  }
  end(block)
}

/** Frames of one stack that are read; the runtime shows 100 (traceback.go), this program as many as it is told to. */
const DEPTH_MAX = 100_000

/** The lines of one goroutine. */
class Block {
  readonly id: number
  readonly #state: string
  readonly frames: DumpedFrame[] = []
  #createdBy: string | null = null
  /** A function whose place is on the next line. */
  #pending: {function: string; isC: boolean} | undefined
  #isOver = false
  #isUnwalked = false
  #cutAfter: number | null = null

  constructor(id: number, state: string) {
    this.id = id
    this.#state = plainState(state)
  }

  add(line: string): void {
    const place = PLACE.exec(line)
    if (place && this.#pending) {
      if (this.frames.length < DEPTH_MAX) {
        this.frames.push({...this.#pending, file: place[1] ?? null, line: Number(place[2])})
      } else this.#cutAfter ??= DEPTH_MAX
      this.#pending = undefined
    } else if (!this.#isOver && (!line.startsWith('\t') || UNWALKED.test(line))) this.#addCall(line)
  }

  #addCall(line: string): void {
    const [, creator] = CREATED.exec(line) ?? []
    this.#pending = undefined
    if (creator !== undefined || ANCESTORS.test(line)) {
      this.#createdBy ??= creator ?? null
      // Its place follows, and perhaps the stacks of those who started it.
      this.#isOver = true
    } else if (UNWALKED.test(line)) {
      this.#isUnwalked = true
    } else if (ELIDED.test(line)) {
      this.#cutAfter ??= this.frames.length
    } else {
      // Neither a value nor a type has a parenthesis in the arguments.
      const end = line.endsWith(')') ? line.lastIndexOf('(') : -1
      this.#pending = {function: end > 0 ? line.slice(0, end) : line, isC: end <= 0}
    }
  }

  get stack(): DumpedStack {
    return {
      count: 1,
      goroutines: [this.id],
      state: this.#state,
      frames: this.frames,
      createdBy: this.#createdBy,
      isPartial: this.#isUnwalked,
      cutAfter: this.#cutAfter,
    }
  }
}
