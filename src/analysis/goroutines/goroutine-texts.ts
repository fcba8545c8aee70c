import {TextTemplate} from '../../base/text-template.ts'
import type {FrameReport, GoroutineReport, RenderedGoroutine} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {argumentsWith, framesAt, type ParkedPlace} from '../stacks/parked-stacks.ts'
import type {GoroutineReporter, OwnFacts} from './goroutine-reporter.ts'

/** Kinds that are kept, of one place and of all; goroutines of a place were mostly made at one. */
const KINDS_OF_PLACE = 16
const KINDS_LIMIT = 4096
/** Longer texts, and those with more values or longer names, are rendered each: lines that are too long are cut. */
const LENGTH_MAX = 65_536
const VALUES_MAX = 500
const NAME_MAX = 2048

/** Numbers that stand for values: no other text looks so, and where one does, no template is made. */
const FIRST_MARK = 8_888_888_888_881_000
const [ID, PARENT, MINUTES, ADDRESS] = [FIRST_MARK, FIRST_MARK + 1, FIRST_MARK + 2, FIRST_MARK + 3]

/** Goroutines whose texts differ in numbers, addresses and arguments alone: parked at one place, for one reason. */
interface Kind {
  readonly gopc: number
  readonly isMain: boolean
  readonly hasParent: boolean
  readonly status: number
  readonly isScanned: boolean
  readonly reason: string
  readonly system: boolean | null
  readonly hasWaited: boolean
  /** What it waits for, and how many addresses that has. */
  readonly waitsFor: string | undefined
  readonly addresses: number
  /** Of the first of them. */
  readonly report: GoroutineReport
  /** undefined: each is rendered. */
  readonly template: TextTemplate | undefined
  /** The text shows where on the stack frames are. */
  readonly hasPositions: boolean
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
    const facts = this.#reporter.ownFacts(goroutine)
    const kinds = this.#kindsOf(place)
    const kind = kinds.find(each => isOf(each, goroutine, facts))
    if (kind?.template) {
      const values = this.#valuesOf(goroutine, facts, place, kind.hasPositions)
      if (values) return {goroutine: kind.report, text: kind.template.fill(values), isAlike: true}
    }
    const made = this.#anew(goroutine, crashing)
    if (!kind && kinds.length < KINDS_OF_PLACE && this.#count < KINDS_LIMIT) {
      const values = this.#valuesOf(goroutine, facts, place, true)
      const template = values && templateOf(made, this.#render, place, values)
      const hasPositions = template?.uses((values?.length ?? 0) - 2 * framesAt(place)) ?? false
      kinds.push({...kindOf(goroutine, facts), report: made.goroutine, template, hasPositions})
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
  #valuesOf(
    goroutine: Goroutine,
    {waitMinutes, waitingFor}: OwnFacts,
    place: ParkedPlace,
    hasPositions: boolean,
  ): string[] | undefined {
    const {id, parentGoid, address} = goroutine
    const values = [`${id}`, `${parentGoid}`, `${waitMinutes}`, `0x${address.toString(16)}`]
    if (waitingFor) values.push(...waitingFor.addresses)
    if (!this.#reporter.addValuesAt(place, values)) return undefined
    if (hasPositions) this.#reporter.addPositionsAt(place, goroutine, values)
    return values
  }
}

function kindOf(
  {gopc, parentGoid, status, waitReason, id}: Goroutine,
  {system, waitMinutes, waitingFor}: OwnFacts,
): Omit<Kind, 'report' | 'template' | 'hasPositions'> {
  return {
    gopc,
    isMain: id === 1,
    hasParent: parentGoid !== 0,
    status: status.number,
    isScanned: status.scan,
    reason: waitReason,
    system,
    hasWaited: waitMinutes !== null,
    waitsFor: waitingFor?.kind,
    addresses: waitingFor?.addresses.length ?? 0,
  }
}

function isOf(
  kind: Kind,
  {gopc, id, parentGoid, status, waitReason}: Goroutine,
  {system, waitMinutes, waitingFor}: OwnFacts,
): boolean {
  return (
    kind.gopc === gopc &&
    kind.reason === waitReason &&
    kind.status === status.number &&
    kind.isScanned === status.scan &&
    kind.system === system &&
    kind.hasWaited === (waitMinutes !== null) &&
    kind.hasParent === (parentGoid !== 0) &&
    kind.isMain === (id === 1) &&
    kind.waitsFor === waitingFor?.kind &&
    kind.addresses === (waitingFor?.addresses.length ?? 0)
  )
}

/** undefined where the text does not come out the same. */
function templateOf(
  {goroutine, text}: RenderedGoroutine,
  render: (goroutine: GoroutineReport) => string,
  place: ParkedPlace,
  values: readonly string[],
): TextTemplate | undefined {
  if (values.length > VALUES_MAX || text.length > LENGTH_MAX || !isPlain(goroutine)) return undefined
  const marks = values.map((_, index) => `${FIRST_MARK + index}`)
  const template = new TextTemplate(render(withMarks(goroutine, place, marks)), marks)
  return template.fill(values) === text ? template : undefined
}

/** A whole stack of named Go frames, without remarks: nothing of it counts as lost. */
function isPlain({
  frames,
  remarks,
  missing,
  elided,
  stop,
  header,
  id,
  createdBy,
  waitingFor,
}: GoroutineReport): boolean {
  const isBare = remarks.length === 0 && missing.length === 0 && elided === null && stop === 'end-of-stack'
  const isOwned = waitingFor !== null && (waitingFor.owner !== null || waitingFor.deadlock !== null)
  if (!isBare || isOwned || !header.startsWith(`goroutine ${id} `)) return false
  return frames.every(isNamedGo) && (createdBy === null || isShort(createdBy))
}

function isNamedGo(frame: FrameReport): boolean {
  const {kind, function: name, file, foundBy} = frame
  const isTold = kind === 'go' && name !== null && file !== null && (foundBy === 'gobuf' || foundBy === 'pcsp')
  return isTold && isShort(frame)
}

function isShort({function: name, file}: Pick<FrameReport, 'function' | 'file'>): boolean {
  return (name?.length ?? 0) + (file?.length ?? 0) <= NAME_MAX
}

/** The report with a mark for all that goroutines of a kind do not share, in the order of their values. */
function withMarks(report: GoroutineReport, place: ParkedPlace, marks: readonly string[]): GoroutineReport {
  const {header, state, id, waitMinutes, waitingFor, createdBy} = report
  const withMinutes = (text: string): string => text.replace(`, ${waitMinutes} minutes`, `, ${MINUTES} minutes`)
  const left = marks.slice(ADDRESS - FIRST_MARK + 1).values()
  const next = (): string => left.next().value ?? ''
  const addresses = waitingFor?.addresses.map(next) ?? []
  const args = argumentsWith(place, left)
  return {
    ...report,
    id: ID,
    header: withMinutes(header.replace(`${id}`, `${ID}`)),
    state: withMinutes(state),
    waitMinutes: waitMinutes === null ? null : MINUTES,
    address: `${ADDRESS}`,
    waitingFor: waitingFor && {...waitingFor, address: addresses[0] ?? null, addresses},
    frames: report.frames.map((frame, index) => ({...frame, args: args[index] ?? null, sp: next(), fp: next()})),
    createdBy: createdBy && {...createdBy, goroutine: createdBy.goroutine === null ? null : PARENT},
  }
}
