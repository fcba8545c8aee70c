import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'

/** Bytes that stay in use when what the work made is held; garbage is collected before and after it. */
export function heldBy(work: () => unknown): number {
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  // What arrays lie in is let go in the background: the next collection waits for it.
  const collect = (): void => {
    gc()
    gc()
  }
  collect()
  const before = inUse()
  const made = work()
  collect()
  const held = inUse() - before
  // It must be alive until here.
  if (made === undefined) throw new Error('nothing was made')
  return held
}

function inUse(): number {
  const {heapUsed, arrayBuffers} = process.memoryUsage()
  return heapUsed + arrayBuffers
}
