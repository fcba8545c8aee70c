import {TextTemplate} from '../../base/text-template.ts'
import type {FrameReport, GoroutineReport, RenderedGoroutine} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {argumentsWith, type ParkedPlace} from '../stacks/parked-stacks.ts'
import type {GoroutineReporter} from './goroutine-reporter.ts'

/** Kinds that are kept, of one place and of all; goroutines of a place were mostly made at one. */
const KINDS_OF_PLACE = 16
const KINDS_LIMIT = 4096
/** Longer texts are rendered each: lines that are too long are cut. */
const LENGTH_MAX = 8192

/** Stand for the numbers of a goroutine and of the one that created it, for minutes and for arguments. */
const ID = 8_888_888_888_888_881
const PARENT = 8_888_888_888_888_882
const MINUTES = 8_888_888_888_888_883
const FIRST_VALUE = 8_888_888_888_881_000
/** Stands for what no text of the kind may show. */
const OTHER = '8888888888888889'

/** Goroutines whose texts differ in their numbers and arguments alone: parked at one place, for one reason. */
interface Kind {
  readonly gopc: number
  readonly isMain: boolean
  readonly hasParent: boolean
  readonly status: number
  readonly isScanned: boolean
  readonly reason: string
  readonly hasWaited: boolean
  /** Of the first of them. */
  readonly report: GoroutineReport
  /** undefined: each is rendered. */
  readonly template: TextTemplate | undefined
}

/** What a renderer makes of goroutines, one after the other: it is asked once for those that are alike. */
export class GoroutineTexts {
  readonly #reporter: GoroutineReporter
  readonly #render: (goroutine: GoroutineReport) => string
  readonly #kinds = new Map<ParkedPlace, Kind[]>()
  #count = 0

  constructor(reporter: GoroutineReporter, render: (goroutine: GoroutineReport) => string) {
    this.#reporter = reporter
    this.#render = render
  }

  /** `crashing` as of the reporter. */
  of(goroutine: Goroutine, crashing: boolean): RenderedGoroutine {
    const place = this.#reporter.parkedPlace(goroutine)
    if (!place) return this.#anew(goroutine, crashing)
    const waitMinutes = this.#reporter.waitMinutes(goroutine)
    const kinds = this.#kindsOf(place)
    const kind = kinds.find(each => isOf(each, goroutine, waitMinutes !== null))
    if (kind?.template) {
      const values = this.#valuesOf(goroutine, waitMinutes, place)
      if (values) return {goroutine: kind.report, text: kind.template.fill(values), isAlike: true}
    }
    const made = this.#anew(goroutine, crashing)
    if (!kind && kinds.length < KINDS_OF_PLACE && this.#count < KINDS_LIMIT) {
      const values = this.#valuesOf(goroutine, waitMinutes, place)
      const template = values && templateOf(made, this.#render, place, values)
      kinds.push(kindOf(goroutine, waitMinutes !== null, made.goroutine, template))
      this.#count++
    }
    return made
  }

  #kindsOf(place: ParkedPlace): Kind[] {
    let kinds = this.#kinds.get(place)
    if (!kinds) {
      kinds = []
      this.#kinds.set(place, kinds)
    }
    return kinds
  }

  #anew(goroutine: Goroutine, crashing: boolean): RenderedGoroutine {
    const report = this.#reporter.report(goroutine, crashing)
    return {goroutine: report, text: this.#render(report), isAlike: false}
  }

  /** In the order of the marks; undefined where memory of one is missing. */
  #valuesOf({id, parentGoid}: Goroutine, waitMinutes: number | null, place: ParkedPlace): string[] | undefined {
    const values = [`${id}`, `${parentGoid}`, `${waitMinutes}`]
    return this.#reporter.addValuesAt(place, values) ? values : undefined
  }
}

function kindOf(
  {gopc, parentGoid, status, waitReason, id}: Goroutine,
  hasWaited: boolean,
  report: GoroutineReport,
  template: TextTemplate | undefined,
): Kind {
  return {
    gopc,
    isMain: id === 1,
    hasParent: parentGoid !== 0,
    status: status.number,
    isScanned: status.scan,
    reason: waitReason,
    hasWaited,
    report,
    template,
  }
}

function isOf(kind: Kind, {gopc, id, parentGoid, status, waitReason}: Goroutine, hasWaited: boolean): boolean {
  return (
    kind.gopc === gopc &&
    kind.reason === waitReason &&
    kind.status === status.number &&
    kind.isScanned === status.scan &&
    kind.hasWaited === hasWaited &&
    kind.hasParent === (parentGoid !== 0) &&
    kind.isMain === (id === 1)
  )
}

/** undefined where the text does not come out the same. */
function templateOf(
  {goroutine, text}: RenderedGoroutine,
  render: (goroutine: GoroutineReport) => string,
  place: ParkedPlace,
  values: readonly string[],
): TextTemplate | undefined {
  const marks = [`${ID}`, `${PARENT}`, `${MINUTES}`]
  const ofArguments = values.slice(marks.length).map((_, index) => `${FIRST_VALUE + index}`)
  const marked = isPlain(goroutine) ? render(withMarks(goroutine, argumentsWith(place, ofArguments.values()))) : ''
  if (marked === '' || marked.length > LENGTH_MAX || marked.includes(OTHER)) return undefined
  const template = new TextTemplate(marked, [...marks, ...ofArguments])
  return template.fill(values) === text ? template : undefined
}

/** A whole stack of named Go frames, without remarks: nothing of it counts as lost. */
function isPlain({frames, remarks, missing, elided, stop, header, id}: GoroutineReport): boolean {
  const isBare = remarks.length === 0 && missing.length === 0 && elided === null && stop === 'end-of-stack'
  return isBare && header.startsWith(`goroutine ${id} `) && frames.every(isNamedGo)
}

function isNamedGo({kind, function: name, file, foundBy}: FrameReport): boolean {
  return kind === 'go' && name !== null && file !== null && (foundBy === 'gobuf' || foundBy === 'pcsp')
}

/** The report with a mark for all that goroutines of a kind do not share. */
function withMarks(report: GoroutineReport, args: readonly (string | null)[]): GoroutineReport {
  const {header, id, waitMinutes, createdBy} = report
  return {
    ...report,
    id: ID,
    header: header.replace(`${id}`, `${ID}`).replace(`, ${waitMinutes} minutes`, `, ${MINUTES} minutes`),
    waitMinutes: waitMinutes === null ? null : MINUTES,
    address: OTHER,
    frames: report.frames.map((frame, index) => ({
      ...frame,
      sp: OTHER,
      fp: OTHER,
      args: args[index] ?? null,
    })),
    createdBy: createdBy && {...createdBy, goroutine: createdBy.goroutine === null ? null : PARENT},
  }
}
