import type {CoreReport, GoroutineReport} from '../../report/core-report.ts'
import {type GoroutineBlock, ofImage, renderGoroutine} from '../go-text.ts'
import {nameOfFrame} from '../stack-samples.ts'
import {element, escaped, HTML_STYLE} from './markup.ts'

/** Groups that a page shows: it has to open. */
const GROUPS_MAX = 5000
/** Goroutines of a group that are named. */
const IDS_MAX = 200

interface Group {
  readonly first: GoroutineReport
  /** The block of the first one, as markup: a report is not kept. */
  readonly block: string
  readonly ids: number[]
  count: number
}

/** Goroutines with the same state and stack, folded; with what the page's filters ask. */
export class GoroutineGroups {
  readonly #groups = new Map<string, Group>()
  readonly #dialect: CoreReport['dialect']
  total = 0
  /** Goroutines whose groups are not shown. */
  leftOut = 0

  constructor(dialect: CoreReport['dialect']) {
    this.#dialect = dialect
  }

  add(goroutine: GoroutineReport): void {
    this.total++
    const key = JSON.stringify([
      ...[goroutine.image, goroutine.state, goroutine.createdBy?.function, goroutine.stop],
      ...goroutine.frames.map(({pc, function: name, inlined}) => `${pc} ${inlined} ${name}`),
    ])
    const known = this.#groups.get(key)
    if (known) {
      known.count++
      if (known.ids.length < IDS_MAX) known.ids.push(goroutine.id)
    } else if (this.#groups.size < GROUPS_MAX) this.#groups.set(key, this.#begin(goroutine))
    else this.leftOut++
  }

  #begin(goroutine: GoroutineReport): Group {
    const block: GoroutineBlock = {...goroutine, detailed: false}
    return {first: goroutine, block: renderGoroutine(block, HTML_STYLE, this.#dialect), ids: [goroutine.id], count: 1}
  }

  /** What can be chosen in a filter. */
  values(of: 'state' | 'module'): string[] {
    const found = new Set<string>()
    for (const {first} of this.#groups.values())
      for (const each of of === 'state' ? [first.state] : modulesOf(first)) found.add(each)
    return [...found].sort()
  }

  *render(): Generator<string> {
    const groups = [...this.#groups.values()].sort((a, b) => b.count - a.count)
    for (const [index, group] of groups.entries()) yield renderGroup(group, `g${index}`)
  }
}

function renderGroup({first, block, ids, count}: Group, id: string): string {
  const [top] = first.frames.filter(({kind}) => kind !== 'switch')
  const outer = first.frames.findLast(
    ({kind, function: name}) => kind === 'go' && name !== null && !name.startsWith('runtime.'),
  )
  const names = [top, outer === top ? undefined : outer].flatMap(frame => (frame ? [escaped(nameOfFrame(frame))] : []))
  const depth = HTML_STYLE.note(`${first.frames.length} frame${first.frames.length === 1 ? '' : 's'}`)
  const title = `${count} × [${escaped(first.state)}] ${names.join(' ← ')} ${depth}`
  const more = count > ids.length ? ' …' : ''
  const copy = element('button', {type: 'button', 'data-copy': id}, 'Copy as Go text')
  const body = `${element('pre', {id}, block)}<div class="ids">goroutines${escaped(ofImage(first.image))} ${ids.join(' ')}${more} ${copy}</div>`
  const attributes = {
    class: 'group',
    'data-state': first.state,
    'data-language': first.frames.some(({kind}) => kind === 'c') ? 'c' : 'go',
    'data-modules': JSON.stringify(modulesOf(first)),
    'data-count': `${count}`,
  }
  return `${element('details', attributes, `<summary>${title}</summary>${body}`)}\n`
}

function modulesOf({frames}: GoroutineReport): string[] {
  return [...new Set(frames.flatMap(({module}) => (module === null ? [] : [module])))]
}
