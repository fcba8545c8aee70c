import type {GoFunction} from '../../gosym/go-function.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {reportSwitch} from './c-frames.ts'
import {FrameFilter, GoFrameReports, type Visibility} from './go-frames.ts'

/** The Go runtime that a function belongs to; undefined where it is the one that looks. */
export function foreignImage(process: DeadProcess, fn: GoFunction): DeadProcess | undefined {
  if (process.images.length < 2 || isOwn(process, fn)) return undefined
  return process.images.find(image => isOwn(image, fn))
}

function isOwn({tables}: DeadProcess, fn: GoFunction): boolean {
  return tables?.functionAt(fn.entry) === fn
}

/** Reports of Go frames of the process's other runtimes, which a stack of this one comes through by way of C. */
export class ForeignFrames {
  readonly #process: DeadProcess
  readonly #rules: Omit<Visibility, 'version'>
  readonly #byImage = new Map<DeadProcess, {filter: FrameFilter; reports: GoFrameReports}>()

  constructor(process: DeadProcess, rules: Omit<Visibility, 'version'>) {
    this.#process = process
    this.#rules = rules
  }

  /** One physical frame, inlined calls first, as that runtime's release would print it; undefined for one of this. */
  report(frame: UnwindFrame): FrameReport[] | undefined {
    const {go, pc, lookupPc, sp, cfa, foundBy} = frame
    const image = go && foreignImage(this.#process, go)
    if (!image) return undefined
    if (go.funcID === 'asmcgocall' || go.name === 'crosscall2') return [reportSwitch(image, frame)]
    const {filter, reports} = this.#of(image)
    const physical = {fn: go, pc, symPc: lookupPc, sp, fp: cfa ?? sp}
    return filter.visible(physical).map(logical => reports.report(physical, logical, foundBy))
  }

  #of(image: DeadProcess) {
    let known = this.#byImage.get(image)
    if (!known) {
      const filter = new FrameFilter({...this.#rules, version: image.version}, false)
      known = {filter, reports: new GoFrameReports(image)}
      this.#byImage.set(image, known)
    }
    return known
  }
}
