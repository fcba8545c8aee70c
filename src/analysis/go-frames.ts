import {hex} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {FuncID} from '../gosym/func-id.ts'
import {isUserVisible, isWrapperShownFor, nameForTraceback} from '../gosym/func-name.ts'
import type {LogicalFrame} from '../gosym/go-function.ts'
import type {GoVersion} from '../gosym/version.ts'
import type {GoFrame} from '../unwind/goroutine-walk.ts'
import type {FrameReport} from './core-report.ts'

/** Which frames of a Go stack are shown (runtime.showframe, runtime.showfuncinfo; traceback.go). */
export interface Visibility {
  version: GoVersion
  level: 0 | 1 | 2
  /** The crashing goroutine of a throw or a fatal signal: every frame is shown. */
  whole: boolean
}

/** A logical frame of a physical one. */
export interface VisibleFrame {
  physical: GoFrame
  logical: LogicalFrame
}

/**
 * The logical frames of one physical frame that the runtime would print, innermost first. It is asked frame after frame, for what
 * was printed before, and which function was called, both matter.
 */
export class FrameFilter {
  readonly #rules: Visibility
  readonly #everything: boolean
  #callee: FuncID = 'normal'
  shown = 0

  constructor(rules: Visibility, everything: boolean) {
    this.#rules = rules
    this.#everything = everything
  }

  *visible(physical: GoFrame): Generator<VisibleFrame> {
    for (const logical of physical.fn.inlineFrames(physical.symPc)) {
      const callee = this.#callee
      this.#callee = logical.funcID
      if (!this.#everything && !this.#isShown(physical, logical, callee)) continue
      this.shown++
      yield {physical, logical}
    }
  }

  #isShown(physical: GoFrame, logical: LogicalFrame, callee: FuncID): boolean {
    const {version, level, whole} = this.#rules
    if (whole || level > 1) return true
    const isWrapper = logical.inlined ? logical.funcID === 'wrapper' : physical.fn.isWrapper
    // In 1.10 and 1.11 a wrapper is shown when it would be the first frame.
    if (isWrapper && !isWrapperShownFor(callee) && (version.atLeast(12) || this.shown > 0)) return false
    if (version.atLeast(25) && (logical.funcID === 'runFinalizers' || logical.funcID === 'runCleanups')) return true
    if (logical.name === 'runtime.gopanic' && (this.shown > 0 || !version.atLeast(8))) return true
    return isUserVisible(logical.name, version)
  }
}

/** Where a frame of Go code lies in the files that were loaded. */
export interface Placement {
  module: string | null
  moduleOffset: string | null
}

export function reportGoFrame(
  {physical, logical}: VisibleFrame,
  version: GoVersion,
  memory: MemoryReader,
  placement: Placement,
  foundBy: FrameReport['foundBy'],
): FrameReport {
  const {fn, pc, sp, fp, symPc} = physical
  // Up to 1.20 liveness was looked up where inlined code was called (runtime.gentraceback: tracepc).
  const livenessPc = version.atLeast(21) ? symPc : (logical.pc ?? symPc)
  return {
    kind: 'go',
    function: nameForTraceback(logical.name, version),
    file: logical.file,
    line: logical.line,
    column: null,
    pc: hex(pc),
    entry: logical.inlined ? null : hex(fn.entry),
    offset: logical.inlined || pc <= fn.entry ? null : hex(pc - fn.entry),
    sp: hex(sp),
    fp: hex(fp),
    args: logical.inlined ? null : fn.argText(livenessPc, fp, memory),
    inlined: logical.inlined,
    ...placement,
    language: 'Go',
    foundBy,
  }
}
