import {gzipSync} from 'node:zlib'
import {Label, Line, Location, Mapping, Profile, Function as ProfileFunction, Sample, ValueType} from 'pprof-format'
import type {FrameReport, GoroutinesReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {countStacks, nameOfFrame, type StackSample} from './stack-samples.ts'

/** profile.proto of github.com/google/pprof, packed as its tools expect; with the samples of Go's goroutine profile. */
export const pprof: Format = {
  ending: '.pb.gz',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    goroutines: function* (report) {
      yield gzipSync(new ProfileBuilder(report).build().encode())
    },
  },
}

class ProfileBuilder {
  readonly #profile: Profile
  readonly #functions = new Map<string, number>()
  readonly #locations = new Map<string, number>()
  readonly #mappings = new Map<string, number>()
  readonly #samples: StackSample[]

  constructor(report: GoroutinesReport) {
    this.#profile = new Profile()
    this.#samples = countStacks(report)
    const kind = {type: this.#text('goroutine'), unit: this.#text('count')}
    this.#profile.sampleType = [new ValueType(kind)]
    this.#profile.periodType = new ValueType(kind)
    this.#profile.period = 1
    this.#profile.comment = [this.#text(`${report.tool.name} ${report.tool.version}: ${report.core.path}`)]
  }

  build(): Profile {
    for (const {frames, state, labels, count} of this.#samples) {
      const label = Object.entries({...labels, 'goroutine state': state}).map(
        ([key, value]) => new Label({key: this.#text(key), str: this.#text(value)}),
      )
      this.#profile.sample.push(new Sample({locationId: this.#locationsOf(frames), value: [count], label}))
    }
    return this.#profile
  }

  #text(value: string): number {
    return this.#profile.stringTable.dedup(value)
  }

  /** One a pc: the functions that were inlined there are lines of it, innermost first. */
  #locationsOf(frames: readonly FrameReport[]): number[] {
    const ids: number[] = []
    let lines: FrameReport[] = []
    for (const frame of frames) {
      lines.push(frame)
      if (frame.inlined) continue
      ids.push(this.#locationOf(lines))
      lines = []
    }
    if (lines.length > 0) ids.push(this.#locationOf(lines))
    return ids
  }

  #locationOf(frames: readonly FrameReport[]): number {
    const key = JSON.stringify(frames.map(frame => [frame.pc, nameOfFrame(frame), frame.file, frame.line]))
    const known = this.#locations.get(key)
    if (known !== undefined) return known
    const id = this.#profile.location.length + 1
    this.#locations.set(key, id)
    const [{module, pc} = {module: null, pc: null}] = frames
    const line = frames.map(
      frame => new Line({functionId: this.#functionOf(frame), line: frame.line ?? 0, column: frame.column ?? 0}),
    )
    const address = pc === null ? 0 : BigInt(pc)
    this.#profile.location.push(new Location({id, mappingId: this.#mappingOf(module), address, line}))
    return id
  }

  #functionOf(frame: FrameReport): number {
    const name = this.#text(nameOfFrame(frame))
    const filename = this.#text(frame.file ?? '')
    const key = `${name} ${filename}`
    const known = this.#functions.get(key)
    if (known !== undefined) return known
    const id = this.#profile.function.length + 1
    this.#functions.set(key, id)
    this.#profile.function.push(new ProfileFunction({id, name, systemName: name, filename}))
    return id
  }

  /** 0: none. All is named already: pprof need not look for the file. */
  #mappingOf(module: string | null): number {
    if (module === null) return 0
    const known = this.#mappings.get(module)
    if (known !== undefined) return known
    const id = this.#profile.mapping.length + 1
    this.#mappings.set(module, id)
    const has = {hasFunctions: true, hasFilenames: true, hasLineNumbers: true, hasInlineFrames: true}
    this.#profile.mapping.push(new Mapping({id, filename: this.#text(module), ...has}))
    return id
  }
}
