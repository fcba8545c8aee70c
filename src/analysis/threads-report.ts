import {hex} from '../base/address.ts'
import type {CoreThread} from '../elf/core-file.ts'
import {USER_REGS} from '../elf/notes.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import {reportNativeFrame} from './c-frames.ts'
import type {FrameReport, ThreadReport} from './core-report.ts'
import type {DeadProcess} from './dead-process.ts'
import {FrameFilter, reportGoFrame} from './go-frames.ts'
import type {ThreadStack, ThreadStacks} from './thread-stacks.ts'

/** Every thread with its whole stack: Go frames and C frames stitched, from the registers out. */
export function reportThreads(process: DeadProcess, threads: ThreadStacks): ThreadReport[] {
  return process.core.threads.map(thread => reportThread(process, threads, thread))
}

function reportThread(process: DeadProcess, threads: ThreadStacks, thread: CoreThread): ThreadReport {
  const stack = threads.ofThread(thread.tid)
  const frames = stack ? reportStack(process, stack) : []
  const {machine, goroutine} = stack ?? {}
  return {
    id: thread.tid,
    name: thread.name ?? null,
    m: machine?.id ?? null,
    goroutine: goroutine && isRunning(goroutine, stack) ? goroutine.id : null,
    signal: stack?.interruptions[0]?.signal?.signal ?? null,
    frames,
    stop: stack?.stop ?? null,
    registers: reportUserRegisters(thread),
  }
}

/** A spare M's goroutine is dead: its thread has none. */
function isRunning(goroutine: Goroutine, _stack: ThreadStack | undefined): boolean {
  return !goroutine.isDead
}

function reportStack(process: DeadProcess, stack: ThreadStack): FrameReport[] {
  const {version, memory} = process
  const filter = new FrameFilter({version, level: 2, whole: true}, true)
  return stack.frames.flatMap(frame => {
    const {go, pc, sp, lookupPc, foundBy, cfa} = frame
    if (!go) return reportNativeFrame(process, frame)
    const module = memory.moduleAt(pc)
    const placement = {module: module?.path ?? null, moduleOffset: module ? hex(pc - module.start) : null}
    const physical = {fn: go, pc, symPc: lookupPc, sp, fp: cfa ?? sp, calleeFuncID: 'normal' as const}
    return [...filter.visible(physical)].map(visible => reportGoFrame(visible, version, memory, placement, foundBy))
  })
}

function reportUserRegisters({registers}: CoreThread): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, index] of Object.entries(USER_REGS)) {
    const word = registers[index]
    if (word !== undefined) out[name] = hex(word)
  }
  return out
}
