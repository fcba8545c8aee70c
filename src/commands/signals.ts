import type {TidyOnSignal} from '../acquire/debuginfod.ts'

/** Signals that ask a program to end; each ends it, unless it is listened for. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

const tidies = new Set<() => void>()

/**
 * Listens for signals only while something is to be tidied up, for a signal that is listened for does not end a loop in
 * synchronous code. Afterwards the signal ends the process as it would have. A process of batch ends by itself when it
 * is told to.
 */
export const tidyOnSignal: TidyOnSignal = tidy => {
  if (tidies.size === 0) listen()
  tidies.add(tidy)
  return () => {
    tidies.delete(tidy)
    if (tidies.size === 0) unlisten()
  }
}

function listen(): void {
  for (const name of SIGNALS) process.on(name, tidyAndEnd)
  process.on('exit', tidyAll)
}

function unlisten(): void {
  for (const name of SIGNALS) process.removeListener(name, tidyAndEnd)
  process.removeListener('exit', tidyAll)
}

function tidyAll(): void {
  for (const tidy of tidies) tidy()
}

function tidyAndEnd(signal: NodeJS.Signals): void {
  tidyAll()
  unlisten()
  process.kill(process.pid, signal)
}
