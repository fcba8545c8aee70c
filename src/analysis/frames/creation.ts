import {type Address, hex, toAddress} from '../../base/address.ts'
import {isUserVisible, nameForTraceback} from '../../gosym/func-name.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {CreatedByReport, FrameReport, GoroutineReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {Visibility} from './go-frames.ts'

/** pcs that the runtime saves of each ancestor: as many as it prints of a stack's top. */
const ANCESTOR_FRAMES = 50
const ANCESTOR_FRAMES_OLD = 100
/** `go` statements that are kept; no program runs into it. */
const STATEMENTS_LIMIT = 2 ** 16

/** What the pc of a `go` statement tells, whichever goroutine was made there. */
interface GoStatement {
  isUserVisible: boolean
  place: Omit<CreatedByReport, 'goroutine'>
}

/** Who created goroutines. Many were by one statement: what is known of it is kept. */
export class Creation {
  readonly #process: DeadProcess
  readonly #statements = new Map<Address, GoStatement | undefined>()

  constructor(process: DeadProcess) {
    this.#process = process
  }

  /** runtime.printcreatedby: not for the main goroutine, and not where the creating function is hidden. */
  report(gopc: Address, goid: number, parent: number, {level, version, whole}: Visibility): CreatedByReport | null {
    const statement = gopc === 0 || goid === 1 ? undefined : this.#statementAt(gopc)
    if (!statement || (!whole && level < 2 && !statement.isUserVisible)) return null
    const {function: name, file, line, offset} = statement.place
    const goroutine = version.atLeast(21) && parent !== 0 ? parent : null
    return {function: name, file, line, offset, goroutine}
  }

  #statementAt(gopc: Address): GoStatement | undefined {
    const known = this.#statements.get(gopc)
    if (known || this.#statements.has(gopc)) return known
    if (this.#statements.size >= STATEMENTS_LIMIT) this.#statements.clear()
    const {tables, version} = this.#process
    const fn = tables?.functionAt(gopc)
    const statement = fn && readStatement(fn, gopc, version)
    this.#statements.set(gopc, statement)
    return statement
  }

  /** GODEBUG=tracebackancestors (runtime.printAncestorTraceback). */
  reportAncestors(goroutine: Goroutine, visibility: Visibility): GoroutineReport['ancestors'] {
    const {ancestors} = goroutine
    if (ancestors.length === 0) return []
    const rules = {...visibility, whole: false}
    const limit = this.#process.version.atLeast(21) ? ANCESTOR_FRAMES : ANCESTOR_FRAMES_OLD
    return ancestors.map(({goid, gopc, pcs}) => ({
      goroutine: goid,
      frames: pcs.flatMap((pc, index) => reportAncestorFrame(this.#process, pc, rules, index === 0)),
      createdBy: this.report(gopc, goid, 0, rules),
      elided: pcs.length === limit,
    }))
  }
}

function readStatement(fn: GoFunction, gopc: Address, version: GoVersion): GoStatement {
  const {file, line} = fn.fileLine(gopc > fn.entry ? toAddress(gopc - 1) : gopc)
  const offset = gopc > fn.entry ? hex(gopc - fn.entry) : null
  const isVisible = isUserVisible(fn.name, version)
  return {isUserVisible: isVisible, place: {function: nameForTraceback(fn.name, version), file, line, offset}}
}

/** Looked up at the return address itself: the runtime does not step back to the call here. */
function reportAncestorFrame(process: DeadProcess, pc: Address, rules: Visibility, isFirst: boolean): FrameReport[] {
  const fn = process.tables?.functionAt(pc)
  const logical = fn?.inlineFrames(pc)[0]
  if (!fn || !logical) return []
  const shown = rules.level > 1 || isUserVisible(fn.name, rules.version) || (fn.name === 'runtime.gopanic' && !isFirst)
  if (!shown) return []
  const module = process.memory.moduleAt(pc)
  return [
    {
      kind: 'go',
      function: nameForTraceback(logical.name, rules.version),
      file: logical.file,
      line: logical.line,
      column: null,
      pc: hex(pc),
      entry: hex(fn.entry),
      offset: pc > fn.entry ? hex(pc - fn.entry) : null,
      sp: null,
      fp: null,
      args: '...',
      inlined: false,
      module: module?.path ?? null,
      moduleOffset: module ? hex(pc - module.start) : null,
      language: 'Go',
      foundBy: null,
    },
  ]
}
