import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import {type CrashCause, findCrashCause, findRuntimeDeath} from './crash-cause.ts'

/** A crash, and the threads as the Go runtime sees them that it is told by. */
export interface Crash {
  readonly threads: ThreadStacks
  readonly cause: CrashCause
}

/**
 * The crash as the runtime tells it that died first. Where none died it is told by the one whose goroutine is on the
 * thread that the kernel names.
 */
export function findCrash(images: readonly ThreadStacks[]): Crash {
  const threads = crashedImage(images)
  return {threads, cause: findCrashCause(threads.process, threads)}
}

function crashedImage(images: readonly ThreadStacks[]): ThreadStacks {
  const [program] = images as [ThreadStacks]
  if (images.length === 1) return program
  const deaths = images.flatMap(threads => {
    const cause = findRuntimeDeath(threads.process, threads)
    return cause ? [{threads, rank: rankOf(threads, cause)}] : []
  })
  const [first] = deaths.sort((a, b) => a.rank - b.rank)
  return first?.threads ?? imageOnThread(images, program.process.core.threads[0]?.tid)
}

/**
 * In the order of the core's threads; last what died of a signal that somebody sent, as a dying runtime does: SIGABRT
 * to its own thread, at level crash SIGQUIT to the process (runtime.crash, signal_unix.go). Another runtime whose
 * handler that is dies of it in turn.
 */
function rankOf({process: {core}}: ThreadStacks, {kind, signal, thread}: CrashCause): number {
  const wasSent = kind === 'signal' && (signal?.code ?? 0) <= 0
  const place = core.threads.findIndex(({tid}) => tid === thread?.thread.tid)
  return place + (wasSent ? core.threads.length : 0)
}

/** The runtime whose goroutine a thread runs; else whose M it runs; else the program's. */
export function imageOnThread(images: readonly ThreadStacks[], tid: number | undefined): ThreadStacks {
  const [program] = images as [ThreadStacks]
  if (images.length === 1 || tid === undefined) return program
  return (
    images.find(threads => threads.isOnGoroutine(tid)) ??
    images.find(threads => threads.machineOf(tid) !== undefined) ??
    program
  )
}
