/** One `goroutine N [state]:` block of a traceback, or a `runtime stack:` block. */
export interface TracebackBlock {
  /** Goroutine number; `runtime stack` for the stack of a g0. */
  readonly id: string
  readonly header: string
  /** Every line below the header up to the blank line, registers left out. */
  readonly lines: readonly string[]
}

/** A traceback as the Go runtime prints it at GOTRACEBACK=crash. */
export interface Traceback {
  /** What stands before the first block: panic or fatal error text, signal, PC. */
  readonly crashHeader: readonly string[]
  readonly blocks: readonly TracebackBlock[]
  readonly registers: readonly string[]
  /** Blocks that other threads printed after the first `-----` (runtime/signal_unix.go, crash relay). */
  readonly relay: readonly TracebackBlock[]
}

export interface TracebackFrame {
  readonly call: string
  readonly position: string
}

const blockHeader = /^(?:goroutine (\d+) .*\[.*\].*:|(runtime stack):)$/
const register = /^(rax|rbx|rcx|rdx|rdi|rsi|rbp|rsp|r8|r9|r1[0-5]|rip|rflags|cs|fs|gs) +0x[0-9a-f]+$/
const crashStart =
  /^(panic: |fatal error: |SIG[A-Z0-9]+: |Signal \d+|unexpected fault address |runtime: goroutine stack exceeds )/
// Ends of a block that has no blank line behind it: our own section of threads that have no goroutine.
const foreignSection = /^thread \d+ \[/
// Another Go runtime of the process, which the one that died knew nothing of.
const otherRuntime = /^Go runtime of /

/** Parses the text of a dying runtime, or ours. What the program itself printed before the crash is passed over. */
export function parseTraceback(text: string): Traceback {
  const lines = text.split('\n')
  const start = Math.max(
    0,
    lines.findIndex(line => crashStart.test(line)),
  )
  const relayStart = lines.findIndex((line, index) => index >= start && line === '-----')
  const all = lines.slice(start, relayStart < 0 ? undefined : relayStart)
  const firstBlock = all.findIndex(line => blockHeader.test(line) || foreignSection.test(line))
  const first = all.slice(0, endOfDying(all, firstBlock))
  const registersStart = first.findIndex(line => register.test(line))
  const crashHeader = trimBlank(first.slice(0, firstBlock < 0 ? first.length : firstBlock))
  return {
    crashHeader,
    blocks: firstBlock < 0 ? [] : parseBlocks(first.slice(firstBlock)),
    registers: registersStart < 0 ? [] : takeRegisters(first.slice(registersStart)),
    relay: relayStart < 0 ? [] : parseBlocks(lines.slice(relayStart)),
  }
}

/** Where a second runtime begins, in our text and in that of a library, whose last signal the host handles. */
function endOfDying(lines: readonly string[], firstBlock: number): number | undefined {
  const isOther = (line: string, index: number) =>
    otherRuntime.test(line) || (firstBlock >= 0 && index > firstBlock && /^SIG[A-Z]+: /.test(line))
  const end = lines.findIndex(isOther)
  return end < 0 ? undefined : end
}

function parseBlocks(lines: readonly string[]): TracebackBlock[] {
  const blocks: TracebackBlock[] = []
  let open: {id: string; header: string; lines: string[]} | undefined
  for (const line of lines) {
    const match = blockHeader.exec(line)
    if (match) {
      open = {id: match[1] ?? 'runtime stack', header: line, lines: []}
      blocks.push(open)
    } else if (line === '' || register.test(line) || foreignSection.test(line)) {
      open = undefined
    } else {
      open?.lines.push(line)
    }
  }
  return blocks
}

function takeRegisters(lines: readonly string[]): string[] {
  const end = lines.findIndex(line => !register.test(line))
  return lines.slice(0, end < 0 ? lines.length : end)
}

function trimBlank(lines: readonly string[]): string[] {
  let end = lines.length
  while (end > 0 && lines[end - 1] === '') end--
  return lines.slice(0, end)
}

/** The lines of a block in pairs: the call and where it is. A line that stands alone has an empty position. */
export function framesOf(block: TracebackBlock): TracebackFrame[] {
  const frames: TracebackFrame[] = []
  for (let i = 0; i < block.lines.length; i++) {
    const call = block.lines[i] ?? ''
    const next = block.lines[i + 1]
    if (next?.startsWith('\t') && !call.startsWith('\t')) {
      frames.push({call, position: next})
      i++
    } else {
      frames.push({call, position: ''})
    }
  }
  return frames
}

/** C frames as runtime.printCgoTraceback prints them: a name without arguments, or `non-Go function`. */
export function isCFrame(frame: TracebackFrame): boolean {
  if (frame.call.startsWith('non-Go function')) return true
  if (frame.call.startsWith('created by ') || frame.call.startsWith('...') || frame.call.startsWith('\t')) return false
  return !frame.call.endsWith(')') && /(^\t| )pc=0x[0-9a-f]+$/.test(frame.position)
}
