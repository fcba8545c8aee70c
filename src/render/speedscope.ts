import {basename} from 'node:path'
import type {FrameReport, GoroutinesReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {countStacks, nameOfFrame} from './stack-samples.ts'

/** The file format of speedscope.app: `src/lib/file-format-spec.ts` of its sources. */
export const speedscope: Format = {
  ending: '.speedscope.json',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    goroutines: function* (report) {
      yield `${JSON.stringify(profileOf(report))}\n`
    },
  },
}

interface SharedFrame {
  name: string
  file?: string
  line?: number
}

function profileOf(report: GoroutinesReport): unknown {
  const frames = new FrameTable()
  const samples: number[][] = []
  const weights: number[] = []
  for (const sample of countStacks(report)) {
    samples.push(sample.frames.map(frame => frames.indexOf(frame)).reverse())
    weights.push(sample.count)
  }
  const name = `goroutines of ${basename(report.core.path)}`
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: `${report.tool.name}@${report.tool.version}`,
    activeProfileIndex: 0,
    shared: {frames: frames.list},
    profiles: [
      {
        type: 'sampled',
        name,
        unit: 'none',
        startValue: 0,
        endValue: weights.reduce((sum, weight) => sum + weight, 0),
        samples,
        weights,
      },
    ],
  }
}

/** Each frame once, by name and place. */
class FrameTable {
  readonly list: SharedFrame[] = []
  readonly #indices = new Map<string, number>()

  indexOf(frame: FrameReport): number {
    const shared: SharedFrame = {name: nameOfFrame(frame)}
    if (frame.file !== null) shared.file = frame.file
    if (frame.line !== null && frame.line > 0) shared.line = frame.line
    const key = JSON.stringify(shared)
    const known = this.#indices.get(key)
    if (known !== undefined) return known
    this.#indices.set(key, this.list.length)
    return this.list.push(shared) - 1
  }
}
