import {basename} from 'node:path'
import {Numbering} from '../base/prefix-tree.ts'
import type {GoroutinesReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {nameOfFrame, type SampledFrame, StackSamples} from './stack-samples.ts'

/** The file format of speedscope.app: `src/lib/file-format-spec.ts` of its sources. */
export const speedscope: Format = {
  ending: '.speedscope.json',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {goroutines: renderSpeedscope},
}

/** In pieces: a million stacks are longer than a string can be. */
function* renderSpeedscope(report: GoroutinesReport): Generator<string> {
  const stacks = new StackSamples(report)
  const frames = new Numbering<SharedFrame>()
  const indices = new Map(stacks.frames.map(frame => [frame, indexOf(frames, frame)]))
  const name = `goroutines of ${basename(report.core.path)}`
  const head = {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: `${report.tool.name}@${report.tool.version}`,
    activeProfileIndex: 0,
    shared: {frames: frames.values},
  }
  yield `${JSON.stringify(head).slice(0, -1)},"profiles":[{"type":"sampled","name":${JSON.stringify(name)},"unit":"none","samples":[`
  const weights: number[] = []
  for (const sample of stacks) {
    yield `${weights.length === 0 ? '' : ','}[${sample.frames.map(frame => indices.get(frame)).reverse()}]`
    weights.push(sample.count)
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  yield `],"startValue":0,"endValue":${total},"weights":[${weights}]}]}\n`
}

interface SharedFrame {
  name: string
  file?: string
  line?: number
}

/** Each frame once, by name and place. */
function indexOf(frames: Numbering<SharedFrame>, frame: SampledFrame): number {
  const shared: SharedFrame = {name: nameOfFrame(frame)}
  if (frame.file !== null) shared.file = frame.file
  if (frame.line !== null && frame.line > 0) shared.line = frame.line
  return frames.numberOf(JSON.stringify(shared), () => shared)
}
