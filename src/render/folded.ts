import {EMPTY_LIST, Numbering, PrefixTree} from '../base/prefix-tree.ts'
import {printable} from '../base/printable.ts'
import type {Format} from './format.ts'
import {type CountedAnswer, nameOfFrame, type StackSample, StackSamples} from './stack-samples.ts'

/** Folded stacks, as flamegraph.pl and its heirs read them: `outermost;…;innermost COUNT`. */
export const folded: Format = {
  ending: '.folded',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {goroutines: renderFolded},
}

function* renderFolded(report: CountedAnswer): Generator<string> {
  const names = new Numbering<string>()
  const stacks = new PrefixTree()
  const counts = new Map<number, number>()
  const append = (stack: number, name: string): number => {
    const text = foldable(name)
    return stacks.append(
      stack,
      names.numberOf(text, () => text),
    )
  }
  for (const {labels, frames, count} of new StackSamples(report)) {
    let stack = EMPTY_LIST
    for (const label of labelFrames(labels)) stack = append(stack, label)
    for (let index = frames.length - 1; index >= 0; index--) {
      const frame = frames[index]
      if (frame) stack = append(stack, nameOfFrame(frame))
    }
    counts.set(stack, (counts.get(stack) ?? 0) + count)
  }
  for (const [stack, count] of counts) {
    const shown = Array.from(stacks.backwards(stack), number => names.values[number])
    yield `${shown.reverse().join(';')} ${count}\n`
  }
}

/** The format has no labels: they stand at the root, as continuous profilers write them. */
function labelFrames(labels: StackSample['labels']): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`)
}

/** A semicolon ends a frame, a newline the stack. */
function foldable(name: string): string {
  return printable(name).replaceAll(';', ':')
}
