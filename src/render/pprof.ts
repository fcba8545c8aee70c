import {gzipSync} from 'node:zlib'
import {Label, Line, Location, Mapping, Profile, Function as ProfileFunction, Sample, ValueType} from 'pprof-format'
import type {GoroutinesReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {nameOfFrame, type SampledFrame, type StackSample, StackSamples} from './stack-samples.ts'

/** profile.proto of github.com/google/pprof, packed as its tools expect; with the samples of Go's goroutine profile. */
export const pprof: Format = {
  ending: '.pb.gz',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    goroutines: function* (report) {
      yield gzipSync(new ProfileBuilder(report).encode())
    },
  },
}

/** Of `Profile` in profile.proto. */
const SAMPLE_FIELD = 2
const PARTS_PENDING = 4096

class ProfileBuilder {
  readonly #profile: Profile
  readonly #functions = new Map<string, number>()
  readonly #locations = new Map<string, number>()
  readonly #mappings = new Map<string, number>()
  readonly #samples: StackSamples

  constructor(report: GoroutinesReport) {
    this.#profile = new Profile()
    this.#samples = new StackSamples(report)
    const kind = {type: this.#text('goroutine'), unit: this.#text('count')}
    this.#profile.sampleType = [new ValueType(kind)]
    this.#profile.periodType = new ValueType(kind)
    this.#profile.period = 1
    this.#profile.comment = [this.#text(`${report.tool.name} ${report.tool.version}: ${report.core.path}`)]
  }

  /**
   * The samples first, one after the other, for a million of them are large as objects: what the parts of a message
   * that is cut in two hold is joined by whoever reads it (protobuf.dev, "Last One Wins").
   */
  encode(): Uint8Array {
    const parts: Uint8Array[] = []
    let pending: Uint8Array[] = []
    for (const sample of this.#samples) {
      const bytes = this.#sampleOf(sample).encode()
      pending.push(fieldHead(SAMPLE_FIELD, bytes.length), bytes)
      if (pending.length < PARTS_PENDING) continue
      parts.push(Buffer.concat(pending))
      pending = []
    }
    return Buffer.concat([...parts, ...pending, this.#profile.encode()])
  }

  #sampleOf({frames, state, labels, count}: StackSample): Sample {
    const label = Object.entries({...labels, 'goroutine state': state}).map(
      ([key, value]) => new Label({key: this.#text(key), str: this.#text(value)}),
    )
    return new Sample({locationId: this.#locationsOf(frames), value: [count], label})
  }

  #text(value: string): number {
    return this.#profile.stringTable.dedup(value)
  }

  /** One a pc: the functions that were inlined there are lines of it, innermost first. */
  #locationsOf(frames: readonly SampledFrame[]): number[] {
    const ids: number[] = []
    let lines: SampledFrame[] = []
    for (const frame of frames) {
      lines.push(frame)
      if (frame.inlined) continue
      ids.push(this.#locationOf(lines))
      lines = []
    }
    if (lines.length > 0) ids.push(this.#locationOf(lines))
    return ids
  }

  #locationOf(frames: readonly SampledFrame[]): number {
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

  #functionOf(frame: SampledFrame): number {
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

/** What stands before a message of that length in another one (protobuf.dev, "Length-Delimited Records"). */
function fieldHead(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2]
  let rest = length
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.of(...bytes, rest)
}
