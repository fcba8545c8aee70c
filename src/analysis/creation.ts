import {type Address, hex, toAddress} from '../base/address.ts'
import {isUserVisible, nameForTraceback} from '../gosym/func-name.ts'
import type {Goroutine} from '../runtime-model/goroutine.ts'
import type {CreatedByReport, FrameReport, GoroutineReport} from './core-report.ts'
import type {DeadProcess} from './dead-process.ts'
import type {Visibility} from './go-frames.ts'

/** pcs that the runtime saves of each ancestor: as many as it prints of a stack's top. */
const ANCESTOR_FRAMES = 50
const ANCESTOR_FRAMES_OLD = 100

/** runtime.printcreatedby: not for the main goroutine, and not where the creating function is hidden. */
export function reportCreatedBy(
  {tables}: DeadProcess,
  gopc: Address,
  goid: number,
  parent: number,
  {level, version, whole}: Visibility,
): CreatedByReport | null {
  const fn = gopc === 0 ? undefined : tables?.functionAt(gopc)
  if (!fn || goid === 1) return null
  if (!whole && level < 2 && !isUserVisible(fn.name, version)) return null
  const {file, line} = fn.fileLine(gopc > fn.entry ? toAddress(gopc - 1) : gopc)
  return {
    function: nameForTraceback(fn.name, version),
    file,
    line,
    offset: gopc > fn.entry ? hex(gopc - fn.entry) : null,
    goroutine: version.atLeast(21) && parent !== 0 ? parent : null,
  }
}

/** GODEBUG=tracebackancestors (runtime.printAncestorTraceback). */
export function reportAncestors(
  process: DeadProcess,
  goroutine: Goroutine,
  visibility: Visibility,
): GoroutineReport['ancestors'] {
  const rules = {...visibility, whole: false}
  const limit = process.version.atLeast(21) ? ANCESTOR_FRAMES : ANCESTOR_FRAMES_OLD
  return goroutine.ancestors.map(({goid, gopc, pcs}) => ({
    goroutine: goid,
    frames: pcs.flatMap((pc, index) => reportAncestorFrame(process, pc, rules, index === 0)),
    createdBy: reportCreatedBy(process, gopc, goid, 0, rules),
    elided: pcs.length === limit,
  }))
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
