import {EMPTY_LIST, Numbering, type PrefixTree} from '../base/prefix-tree.ts'
import type {Format} from './format.ts'
import {type CountedAnswer, nameOfFrame, type SampledFrame, StackSamples} from './stack-samples.ts'
import type {Style} from './style.ts'

/** For people: where the many are, and what they have in common. */
export const tree: Format = {
  ending: null,
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {goroutines: (report, {style}) => renderStackTree(report, style)},
}

/**
 * The stacks of all goroutines merged from their outermost frame on, with how many goroutines pass each. Where stacks
 * part, each branch begins with a dash, the one with the most goroutines first; its frames stand below it.
 */
function* renderStackTree(report: CountedAnswer, style: Style): Generator<string> {
  const frames = new Numbering<SampledFrame>()
  const {tree: stacks, counts} = new StackSamples(report).merge(frame =>
    frames.numberOf(JSON.stringify([nameOfFrame(frame), frame.file, frame.line]), () => frame),
  )
  const calls = new Calls(stacks, counts)
  const total = calls.countOf(EMPTY_LIST)
  yield `${style.goroutine(`${total} goroutine${total === 1 ? '' : 's'}`)}\n`
  const width = `${total}`.length
  // A stack of its own: a recursion of Go is deeper than ours may be.
  const pending = branchesOf(calls, EMPTY_LIST, 0, true)
  for (let next = pending.pop(); next; next = pending.pop()) {
    const {node, depth, isBranch} = next
    const indent = `${'  '.repeat(depth)}${isBranch ? '- ' : '  '}`
    yield renderNode(frames.values[stacks.lastOf(node)] as SampledFrame, calls.countOf(node), indent, width, style)
    const isFork = calls.isFork(node)
    for (const branch of branchesOf(calls, node, depth + (isFork ? 1 : 0), isFork)) pending.push(branch)
  }
}

/** The calls of a tree of stacks, from the outermost on. */
class Calls {
  readonly #counts: Float64Array
  /** By list: the first that has one number more, and the next that has as many. 0: none. */
  readonly #first: Uint32Array
  readonly #next: Uint32Array

  /** @param counts by list: how many goroutines have that stack, which become those that pass it */
  constructor(stacks: PrefixTree, counts: Float64Array) {
    this.#counts = counts
    this.#first = new Uint32Array(stacks.size)
    this.#next = new Uint32Array(stacks.size)
    // Longer lists come behind those that they begin with.
    for (let list = stacks.size - 1; list > EMPTY_LIST; list--) {
      const parent = stacks.parentOf(list)
      this.#next[list] = this.#first[parent] as number
      this.#first[parent] = list
      counts[parent] = this.countOf(parent) + this.countOf(list)
    }
  }

  countOf(node: number): number {
    return this.#counts[node] as number
  }

  /** In the order in which they were met. */
  *callees(node: number): Generator<number> {
    for (let callee = this.#first[node] as number; callee !== EMPTY_LIST; callee = this.#next[callee] as number)
      yield callee
  }

  /** Whether stacks part there: several go on, or one and some end. */
  isFork(node: number): boolean {
    const first = this.#first[node] as number
    return first !== EMPTY_LIST && this.countOf(first) < this.countOf(node)
  }
}

interface Place {
  readonly node: number
  readonly depth: number
  readonly isBranch: boolean
}

/** Those with the most goroutines last, for the last is taken first. */
function branchesOf(calls: Calls, node: number, depth: number, isBranch: boolean): Place[] {
  return [...calls.callees(node)]
    .sort((a, b) => calls.countOf(a) - calls.countOf(b) || b - a)
    .map(callee => ({node: callee, depth, isBranch}))
}

function renderNode(frame: SampledFrame, count: number, indent: string, width: number, style: Style): string {
  const name = frame.kind === 'go' ? style.goFunction(nameOfFrame(frame)) : style.cFunction(nameOfFrame(frame))
  const place = frame.file === null ? '' : `  ${style.location(`${frame.file}:${frame.line ?? 0}`)}`
  return `${`${count}`.padStart(width)} ${indent}${name}${place}\n`
}
