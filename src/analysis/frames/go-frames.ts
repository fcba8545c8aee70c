import {type Address, hex} from '../../base/address.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {Module} from '../../elf/module.ts'
import {type ArgTemplate, readArgs, renderArgs} from '../../gosym/arg-info.ts'
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

/** What all frames at one pc have in common. */
export interface FramePlace {
  readonly facts: PcFacts
  /** null: an inlined call. */
  readonly args: ArgTemplate | null
}

/** A place, and what of the process it depends on. */
interface LastingPlace {
  readonly pc: Address
  readonly path: string | undefined
  readonly start: Address | undefined
  readonly minor: number
  readonly place: FramePlace
}

/** Places by their logical frames, which processes with the same function tables share. */
const LASTING = new WeakMap<LogicalFrame, LastingPlace>()

/** Makes reports of Go frames; what is the same for all frames at one pc is made once. */
export class GoFrameReports {
  readonly #version: GoVersion
  readonly #memory: AddressSpace
  readonly #stack: MemoryReader
  readonly #origins: FrameOrigins | undefined
  readonly #places = new Map<LogicalFrame, {pc: number; place: FramePlace}>()
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
    const report = this.reportAt(this.placeOf(physical, logical), physical.sp, physical.fp, foundBy)
    return this.#origins ? this.#note(this.#origins, report, physical, logical) : report
  }

  #note(origins: FrameOrigins, report: FrameReport, physical: GoFrame, logical: LogicalFrame): FrameReport {
    const {fn, pc, symPc, sp, fp} = physical
    const all = fn.inlineFrames(symPc)
    const place = {pc, lookupPc: symPc, sp, cfa: fp, registers: undefined, isGo: true}
    return origins.note(report, {...place, index: all.indexOf(logical), count: all.length})
  }

  /** A frame at a place that is known; `sp` and `fp` as GoFrame has them. Its origin is not noted. */
  reportAt({facts, args}: FramePlace, sp: Address, fp: Address, foundBy: FrameReport['foundBy']): FrameReport {
    // The caller's sp is the callee's fp.
    const spText = sp === this.#lastFp ? this.#lastFpText : hex(sp)
    if (fp !== this.#lastFp) {
      this.#lastFp = fp
      this.#lastFpText = hex(fp)
    }
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
      args: args && renderArgs(args, fp, this.#stack),
      inlined: facts.inlined,
      module: facts.module,
      moduleOffset: facts.moduleOffset,
      language: facts.language,
      foundBy,
    }
  }

  /** The values of the arguments of a frame; false where memory of one is missing. */
  addValuesAt(args: ArgTemplate, fp: Address, to: string[]): boolean {
    return readArgs(args, fp, this.#stack, to)
  }

  /** The logical frames of a pc are kept by its function, so each is a key; a trap and a call can share one. */
  placeOf(physical: GoFrame, logical: LogicalFrame): FramePlace {
    const known = this.#places.get(logical)
    if (known?.pc === physical.pc) return known.place
    if (this.#places.size >= FACTS_LIMIT) this.#places.clear()
    const place = this.#lastingPlaceOf(physical, logical)
    this.#places.set(logical, {pc: physical.pc, place})
    return place
  }

  #lastingPlaceOf(physical: GoFrame, logical: LogicalFrame): FramePlace {
    const {pc} = physical
    const {minor} = this.#version
    const module = this.#memory.moduleAt(pc)
    const {path, start} = module ?? {}
    const known = LASTING.get(logical)
    if (known?.pc === pc && known.path === path && known.start === start && known.minor === minor) return known.place
    const place = this.#describe(physical, logical, module)
    LASTING.set(logical, {pc, path, start, minor, place})
    return place
  }

  #describe({fn, pc, symPc}: GoFrame, logical: LogicalFrame, module: Module | undefined): FramePlace {
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
    // Up to 1.20 liveness was looked up where inlined code was called (runtime.gentraceback: tracepc).
    const livenessPc = this.#version.atLeast(21) ? symPc : (logical.pc ?? symPc)
    return {facts, args: logical.inlined ? null : fn.argTemplate(livenessPc)}
  }
}
