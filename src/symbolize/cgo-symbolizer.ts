import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {SourceFrame} from './source-frame.ts'

/**
 * The struct that the runtime hands to the symbolizer function of runtime.SetCgoTraceback (traceback.go,
 * cgoSymbolizerArg; the same from Go 1.7 to 1.27). The runtime sets `pc` alone: all else stays as the last call left
 * it.
 */
export interface CgoSymbolizerArg {
  pc: Address
  file: string | null
  lineno: number
  func: string | null
  entry: Address
  /** Not 0: call again with the same pc for the next outer frame. */
  more: number
  /** The symbolizer's own; not 0 while more follows. Here: how many frames of the pc have been handed out. */
  data: number
}

export function emptySymbolizerArg(): CgoSymbolizerArg {
  return {pc: NULL_ADDRESS, file: null, lineno: 0, func: null, entry: NULL_ADDRESS, more: 0, data: 0}
}

/** A symbolizer function as a C library would give it to the runtime: one frame a call, innermost inline first. */
export class CgoSymbolizer {
  readonly #locate: (pc: Address) => readonly SourceFrame[]

  constructor(locate: (pc: Address) => readonly SourceFrame[]) {
    this.#locate = locate
  }

  /** What it does not know it sets to zero: a stale name would be printed as this pc's. */
  call(arg: CgoSymbolizerArg): void {
    if (arg.pc === NULL_ADDRESS) {
      arg.more = 0
      arg.data = 0
      return
    }
    const frames = this.#locate(arg.pc)
    const index = arg.more === 0 ? 0 : arg.data
    const frame = frames[index]
    arg.file = frame?.file ?? null
    arg.lineno = frame?.line ?? 0
    arg.func = frame?.function ?? null
    arg.entry = frame?.entry ?? NULL_ADDRESS
    arg.more = index + 1 < frames.length ? 1 : 0
    arg.data = arg.more === 0 ? 0 : index + 1
  }

  /** The struct after each call that the runtime makes for one pc (traceback.go, printOneCgoTraceback). */
  *steps(arg: CgoSymbolizerArg, pc: Address): Generator<CgoSymbolizerArg> {
    arg.pc = pc
    do {
      this.call(arg)
      yield {...arg}
    } while (arg.more !== 0)
  }

  /** The struct for what is no address of any process: nothing is known of it. */
  clear(arg: CgoSymbolizerArg): CgoSymbolizerArg {
    return {...Object.assign(arg, emptySymbolizerArg())}
  }

  /** The one call with pc 0 that tells the symbolizer to free what it keeps in `data`. */
  close(arg: CgoSymbolizerArg): CgoSymbolizerArg {
    arg.pc = NULL_ADDRESS
    this.call(arg)
    return {...arg}
  }
}
