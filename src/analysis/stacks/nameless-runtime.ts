import {type Address, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'
import type {ThreadStack} from './thread-walk.ts'

/** The runtime's own goroutines alone wait so, from start to end in its functions (src/runtime/runtime2.go). */
const REASONS_OF_SYSTEM: ReadonlySet<string> = new Set([
  'force gc (idle)',
  'GC sweep wait',
  'GC scavenge wait',
  'GC worker (idle)',
  'finalizer wait',
  'cleanup wait',
])
/** runtime.main (src/runtime/proc.go). */
const MAIN_ID = 1
/** Those of the runtime start first. */
const GOROUTINE_LIMIT = 1000

/** As they wait in the functions of channels alone, which are among the first of the package (src/runtime/chan.go). */
const REASONS_OF_CHANNELS: ReadonlySet<string> = new Set(['chan receive', 'chan send'])

/**
 * Which code is proven to be of the runtime where no function table tells. The linker puts the functions of a package
 * side by side (cmd/link, textaddress: by library), so that all between two of the runtime's is the runtime's. How far
 * the package reaches beyond those that are known is not known. `thread`: of the crash.
 */
export function runtimeCodeOf(
  images: readonly DeadProcess[],
  thread: Pick<ThreadStack, 'frames' | 'interruptions'> | undefined,
): (pc: Address) => boolean {
  const nameless = images.filter(({tables}) => !tables)
  const raised = nameless.length === 0 || !thread ? [] : placesOfRaise(thread)
  const ranges = nameless.flatMap(image => rangeOf(image, raised) ?? [])
  return pc => ranges.some(({start, end}) => pc >= start && pc <= end)
}

function rangeOf(image: DeadProcess, raised: readonly Address[]): {start: number; end: number} | undefined {
  let [start, end] = [Number.POSITIVE_INFINITY, 0]
  const add = (pc: Address) => {
    if (!isNamelessImage(image, pc)) return
    start = Math.min(start, pc)
    end = Math.max(end, pc)
  }
  let count = 0
  for (const goroutine of image.runtime?.goroutines() ?? []) {
    for (const pc of placesInRuntime(image, goroutine)) add(pc)
    if (++count >= GOROUTINE_LIMIT) break
  }
  for (const pc of raised) add(pc)
  return end === 0 ? undefined : {start, end}
}

/** What a goroutine has of the runtime's code: where it began, who made it, where it is parked, and who parked it. */
function placesInRuntime({memory}: DeadProcess, goroutine: Goroutine): Address[] {
  const {id, status, startpc, gopc, sched, stack} = goroutine
  if (status.number === GOROUTINE_STATUS._Gwaiting) {
    const reason = goroutine.waitReason
    if (REASONS_OF_SYSTEM.has(reason)) return [startpc, gopc, sched.pc]
    // sched.bp is that of runtime.gopark, which has called mcall.
    const isQueued = REASONS_OF_CHANNELS.has(reason) && goroutine.waitingOn.length > 0 && isOnStack(stack, sched.bp)
    const caller = isQueued ? readAddress(memory, toAddress(sched.bp + 8)) : undefined
    if (caller !== undefined) return [sched.pc, caller]
  }
  return id === MAIN_ID ? [startpc] : []
}

/** runtime.raise, in the last file of the package (sys_linux_amd64.s). */
function placesOfRaise({frames, interruptions}: Pick<ThreadStack, 'frames' | 'interruptions'>): Address[] {
  return interruptions.flatMap(({index, isRaise}) => (isRaise ? (frames[index]?.pc ?? []) : []))
}
