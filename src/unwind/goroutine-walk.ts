import {type Address, offsetAddress, toAddress} from '../base/address.ts'
import type {Deadline} from '../base/deadline.ts'
import {type MemoryReader, readNumber64} from '../base/memory-reader.ts'
import type {GoTables} from '../gosym/func-table.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import {type GoSite, GoSites} from './go-site.ts'

/** A physical frame of Go code, with the numbers that the runtime prints. */
export interface GoFrame {
  fn: GoFunction
  pc: Address
  /** Where file, line, inlining and argument liveness are looked up: pc - 1 for a return address. */
  symPc: Address
  sp: Address
  /** The CFA; Go calls it fp. */
  fp: Address
}

/** @param isTrap whether the function was interrupted there, so that it is no return address */
export function symPcOf({entry}: GoFunction, pc: Address, isTrap: boolean): Address {
  return isTrap || pc <= entry ? pc : toAddress(pc - 1)
}

/** Where a walk of a Go stack begins. */
export interface GoStart {
  pc: Address
  sp: Address
  /** pc is where the goroutine was interrupted, not a return address. */
  trap: boolean
  /** The position that entersyscall saved: its function may write SP later on. */
  isSyscall: boolean
}

/**
 * How the runtime's own walk ends. `unknownPc` is set where the runtime prints `unknown pc` or `unexpected return pc`.
 */
export interface GoWalkEnd {
  stop: 'end-of-stack' | 'unmapped' | 'no-progress' | 'no-unwind-info' | 'frame-limit' | 'timeout'
  unknownPc: Address | undefined
  /** The last frame's function, where a return address was not Go code; undefined for the first pc. */
  lastSp: Address
}

export interface GoWalk {
  memory: MemoryReader
  sites: GoSites
  maxFrames: number
  deadline?: Deadline | undefined
}

/** Frames that are walked before the clock is looked at again. */
const FRAMES_BETWEEN_LOOKS = 1024

/**
 * Walks a goroutine's stack exactly as runtime.unwinder (Go 1.21+) and runtime.gentraceback (before) walk it for a
 * traceback: by pcsp alone, ending where they end. It always ends; `end` says how.
 */
export class GoStackWalk {
  readonly #walk: GoWalk
  #pc: Address
  #sp: Address
  #trap: boolean
  /** The innermost frame's function may write SP later on. */
  #isSyscall: boolean
  #count = 0
  #frame: GoFrame | undefined
  #site: GoSite | undefined
  end: GoWalkEnd | undefined

  constructor(start: GoStart, walk: GoWalk) {
    this.#walk = walk
    this.#pc = start.pc
    this.#sp = start.sp
    this.#trap = start.trap
    this.#isSyscall = start.isSyscall
    if (start.pc !== 0) return
    // Probably a call of a nil func: begin in the caller (runtime.unwinder.initAt).
    const caller = readPointer(walk.memory, start.sp)
    if (caller === undefined) this.end = end('unmapped', start.sp)
    else {
      this.#pc = caller
      this.#sp = toAddress(start.sp + 8)
    }
  }

  /** What the tables say of the last frame's pc. */
  get site(): GoSite | undefined {
    return this.#site
  }

  /** The next frame, in the same object each time: hundreds of thousands are looked at, and none of them kept. */
  next(): GoFrame | undefined {
    if (!this.end && this.#frame && this.#site) this.end = this.#leave(this.#frame, this.#site)
    if (this.end) return undefined
    const pc = this.#pc
    const sp = this.#sp
    const site = this.#walk.sites.at(pc)
    const fp = site?.frameSize === undefined ? undefined : offsetAddress(sp, site.frameSize)
    if (!site || fp === undefined) {
      this.end = end('no-unwind-info', sp, site ? undefined : pc)
      return undefined
    }
    const {fn} = site
    const symPc = symPcOf(fn, pc, this.#trap)
    this.#site = site
    this.#frame = putFrame(this.#frame, fn, pc, symPc, sp, fp)
    return this.#frame
  }

  /** From a frame to its caller's position; how the walk ends where there is none. */
  #leave({pc, sp, fp}: GoFrame, {endsStack, isInjected}: GoSite): GoWalkEnd | undefined {
    if (endsStack === 'always' || (endsStack === 'not-in-syscall' && !this.#isSyscall)) return end('end-of-stack', fp)
    const returnPc = readPointer(this.#walk.memory, toAddress(fp - 8))
    if (returnPc === undefined) return end('unmapped', fp)
    if (returnPc === 0) return end('end-of-stack', fp)
    if (returnPc === pc && fp === sp) return end('no-progress', fp)
    this.#trap = isInjected
    this.#pc = returnPc
    this.#sp = fp
    this.#isSyscall = false
    this.#count++
    const isLate = this.#count % FRAMES_BETWEEN_LOOKS === 0 && this.#walk.deadline?.isOver('the walk of a stack')
    if (isLate) return end('timeout', fp)
    return this.#count < this.#walk.maxFrames ? undefined : end('frame-limit', fp)
  }
}

/** The same walk for those who keep frames, or look at few stacks. `onSystemStack`: as GoSites has it. */
export function* walkGoStack(
  start: GoStart,
  {tables, onSystemStack, ...walk}: Omit<GoWalk, 'sites'> & {tables: GoTables; onSystemStack: boolean},
): Generator<GoFrame> {
  const steps = new GoStackWalk(start, {...walk, sites: new GoSites(tables, onSystemStack)})
  for (let frame = steps.next(); frame; frame = steps.next()) yield {...frame}
}

function putFrame(
  frame: GoFrame | undefined,
  fn: GoFunction,
  pc: Address,
  symPc: Address,
  sp: Address,
  fp: Address,
): GoFrame {
  if (!frame) return {fn, pc, symPc, sp, fp}
  frame.fn = fn
  frame.pc = pc
  frame.symPc = symPc
  frame.sp = sp
  frame.fp = fp
  return frame
}

function end(stop: GoWalkEnd['stop'], lastSp: Address, unknownPc?: Address): GoWalkEnd {
  return {stop, unknownPc, lastSp}
}

/** A word as a pc; a word that cannot be an address is a pc of no function, kept as the largest exact number. */
function readPointer(memory: MemoryReader, address: Address): Address | undefined {
  const word = readNumber64(memory, address)
  return word === undefined ? undefined : toAddress(Math.min(word, Number.MAX_SAFE_INTEGER))
}
