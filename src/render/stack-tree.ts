import type {FrameReport, GoroutinesReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {countStacks, nameOfFrame} from './stack-samples.ts'
import type {Style} from './style.ts'

/** For people: where the many are, and what they have in common. */
export const tree: Format = {
  ending: null,
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {goroutines: (report, {style}) => renderStackTree(report, style)},
}

interface Node {
  readonly frame: FrameReport | undefined
  count: number
  readonly callees: Map<string, Node>
}

/**
 * The stacks of all goroutines merged from their outermost frame on, with how many goroutines pass each. Where stacks
 * part, each branch begins with a dash, the one with the most goroutines first; its frames stand below it.
 */
function* renderStackTree(report: GoroutinesReport, style: Style): Generator<string> {
  const root = mergeStacks(report)
  yield `${style.goroutine(`${root.count} goroutine${root.count === 1 ? '' : 's'}`)}\n`
  const width = `${root.count}`.length
  // A stack of its own: a recursion of Go is deeper than ours may be.
  const pending = branchesOf(root, 0, true)
  for (let next = pending.pop(); next; next = pending.pop()) {
    const {node, depth, isBranch} = next
    yield renderNode(node, `${'  '.repeat(depth)}${isBranch ? '- ' : '  '}`, width, style)
    const isFork = node.callees.size > 1 || sumOf(node) < node.count
    for (const branch of branchesOf(node, depth + (isFork ? 1 : 0), isFork)) pending.push(branch)
  }
}

function mergeStacks(report: GoroutinesReport): Node {
  const root: Node = {frame: undefined, count: 0, callees: new Map()}
  for (const {frames, count} of countStacks(report)) {
    let node = root
    root.count += count
    for (const frame of frames.toReversed()) {
      const key = JSON.stringify([nameOfFrame(frame), frame.file, frame.line])
      const callee = node.callees.get(key) ?? {frame, count: 0, callees: new Map<string, Node>()}
      node.callees.set(key, callee)
      callee.count += count
      node = callee
    }
  }
  return root
}

function sumOf({callees}: Node): number {
  let sum = 0
  for (const {count} of callees.values()) sum += count
  return sum
}

interface Place {
  readonly node: Node
  readonly depth: number
  readonly isBranch: boolean
}

/** Those with the most goroutines last, for the last is taken first. */
function branchesOf({callees}: Node, depth: number, isBranch: boolean): Place[] {
  return [...callees.values()]
    .map((node, index) => ({node, depth, isBranch, index}))
    .sort((a, b) => a.node.count - b.node.count || b.index - a.index)
}

function renderNode({frame, count}: Node, indent: string, width: number, style: Style): string {
  if (!frame) return ''
  const name = frame.kind === 'go' ? style.goFunction(nameOfFrame(frame)) : style.cFunction(nameOfFrame(frame))
  const place = frame.file === null ? '' : `  ${style.location(`${frame.file}:${frame.line ?? 0}`)}`
  return `${`${count}`.padStart(width)} ${indent}${name}${place}\n`
}
