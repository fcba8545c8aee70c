import {printable} from '../base/printable.ts'
import type {Format} from './format.ts'
import {countStacks, nameOfFrame, type StackSample} from './stack-samples.ts'

/** Folded stacks, as flamegraph.pl and its heirs read them: `outermost;…;innermost COUNT`. */
export const folded: Format = {
  ending: '.folded',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    goroutines: function* (report) {
      for (const [stack, count] of foldStacks(countStacks(report))) yield `${stack} ${count}\n`
    },
  },
}

function foldStacks(samples: readonly StackSample[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const sample of samples) {
    const stack = [...labelFrames(sample.labels), ...sample.frames.map(nameOfFrame).reverse()].map(foldable).join(';')
    counts.set(stack, (counts.get(stack) ?? 0) + sample.count)
  }
  return counts
}

/** The format has no labels: they stand at the root, as continuous profilers write them. */
function labelFrames(labels: StackSample['labels']): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`)
}

/** A semicolon ends a frame, a newline the stack. */
function foldable(name: string): string {
  return printable(name).replaceAll(';', ':')
}
