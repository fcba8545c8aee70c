import {hex} from '../../base/address.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {FuncID} from '../../gosym/func-id.ts'
import {isWrapperShownFor, nameForTraceback} from '../../gosym/func-name.ts'
import type {LogicalFrame} from '../../gosym/go-function.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {GoFrame} from '../../unwind/goroutine-walk.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {FrameOrigins} from '../process/frame-origins.ts'

/** Places in the code whose facts are kept; far above what the stacks of one process show. */
const FACTS_LIMIT = 2 ** 16

/** Which frames of a Go stack are shown (runtime.showframe, runtime.showfuncinfo; traceback.go). */
export interface Visibility {
  version: GoVersion
  level: 0 | 1 | 2
  /** The crashing goroutine of a throw or a fatal signal: every frame is shown. */
  whole: boolean
}

const NOTHING: readonly LogicalFrame[] = []

/**
 * The logical frames of one physical frame that the runtime would print, innermost first. It is asked frame after
 * frame, for what was printed before, and which function was called, both matter.
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

  visible(physical: GoFrame): readonly LogicalFrame[] {
    const all = physical.fn.inlineFrames(physical.symPc)
    let hidden = 0
    let shown: LogicalFrame[] | undefined
    for (let index = 0; index < all.length; index++) {
      const logical = all[index] as LogicalFrame
      const callee = this.#callee
      this.#callee = logical.funcID
      if (this.#everything || this.#isShown(physical, logical, callee)) {
        this.shown++
        shown?.push(logical)
      } else if (hidden++ === 0) shown = all.slice(0, index)
    }
    if (hidden === 0) return all
    return hidden === all.length || !shown ? NOTHING : shown
  }

  #isShown(physical: GoFrame, logical: LogicalFrame, callee: FuncID): boolean {
    const {version, level, whole} = this.#rules
    if (whole || level > 1) return true
    const isWrapper = logical.inlined ? logical.funcID === 'wrapper' : physical.fn.isWrapper
    // In 1.10 and 1.11 a wrapper is shown when it would be the first frame.
    if (isWrapper && !isWrapperShownFor(callee) && (version.atLeast(12) || this.shown > 0)) return false
    if (version.atLeast(25) && (logical.funcID === 'runFinalizers' || logical.funcID === 'runCleanups')) return true
    if (logical.name === 'runtime.gopanic' && (this.shown > 0 || !version.atLeast(8))) return true
    return logical.isUserVisible
  }
}

/** What the pc of a frame alone tells, whichever goroutine it is in. */
type PcFacts = Omit<FrameReport, 'sp' | 'fp' | 'args' | 'foundBy'>

/** Makes reports of Go frames; what is the same for all frames at one pc is made once. */
export class GoFrameReports {
  readonly #version: GoVersion
  readonly #memory: AddressSpace
  readonly #stack: MemoryReader
  readonly #origins: FrameOrigins | undefined
  readonly #facts = new Map<LogicalFrame, {pc: number; facts: PcFacts}>()
  #lastFp = -1
  #lastFpText = ''

  /** `stack`: where arguments are read. */
  constructor(
    {version, memory, origins}: Pick<DeadProcess, 'version' | 'memory' | 'origins'>,
    stack: MemoryReader = memory,
  ) {
    this.#version = version
    this.#origins = origins
    this.#memory = memory
    this.#stack = stack
  }

  report(physical: GoFrame, logical: LogicalFrame, foundBy: FrameReport['foundBy']): FrameReport {
    const report = this.#make(physical, logical, foundBy)
    return this.#origins ? this.#note(this.#origins, report, physical, logical) : report
  }

  #note(origins: FrameOrigins, report: FrameReport, physical: GoFrame, logical: LogicalFrame): FrameReport {
    const {fn, pc, symPc, sp, fp} = physical
    const all = fn.inlineFrames(symPc)
    const place = {pc, lookupPc: symPc, sp, cfa: fp, registers: undefined, isGo: true}
    return origins.note(report, {...place, index: all.indexOf(logical), count: all.length})
  }

  #make(physical: GoFrame, logical: LogicalFrame, foundBy: FrameReport['foundBy']): FrameReport {
    const {fn, sp, fp, symPc} = physical
    // Up to 1.20 liveness was looked up where inlined code was called (runtime.gentraceback: tracepc).
    const livenessPc = this.#version.atLeast(21) ? symPc : (logical.pc ?? symPc)
    // The caller's sp is the callee's fp.
    const spText = sp === this.#lastFp ? this.#lastFpText : hex(sp)
    if (fp !== this.#lastFp) {
      this.#lastFp = fp
      this.#lastFpText = hex(fp)
    }
    const facts = this.#factsOf(physical, logical)
    return {
      kind: facts.kind,
      function: facts.function,
      file: facts.file,
      line: facts.line,
      column: facts.column,
      pc: facts.pc,
      entry: facts.entry,
      offset: facts.offset,
      sp: spText,
      fp: this.#lastFpText,
      args: logical.inlined ? null : fn.argText(livenessPc, fp, this.#stack),
      inlined: facts.inlined,
      module: facts.module,
      moduleOffset: facts.moduleOffset,
      language: facts.language,
      foundBy,
    }
  }

  /** The logical frames of a pc are kept by its function, so each is a key; a trap and a call can share one. */
  #factsOf({fn, pc}: GoFrame, logical: LogicalFrame): PcFacts {
    const known = this.#facts.get(logical)
    if (known?.pc === pc) return known.facts
    if (this.#facts.size >= FACTS_LIMIT) this.#facts.clear()
    const module = this.#memory.moduleAt(pc)
    const facts: PcFacts = {
      kind: 'go',
      function: nameForTraceback(logical.name, this.#version),
      file: logical.file,
      line: logical.line,
      column: null,
      pc: hex(pc),
      entry: logical.inlined ? null : hex(fn.entry),
      offset: logical.inlined || pc <= fn.entry ? null : hex(pc - fn.entry),
      inlined: logical.inlined,
      module: module?.path ?? null,
      moduleOffset: module ? hex(pc - module.start) : null,
      language: 'Go',
    }
    this.#facts.set(logical, {pc, facts})
    return facts
  }
}
