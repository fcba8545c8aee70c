import type {
  CgoAnswer,
  CoreReport,
  FailureReport,
  GoroutineList,
  GoroutinesReport,
  InfoReport,
  ThreadsReport,
} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {rendered} from './rendered.ts'

/**
 * One document for programs, the same for every command: docs/json-schema.md. Keys stand in the order of the schema.
 */
export const json: Format = {
  ending: '.json',
  diagnostics: 'inside',
  waits: 'shown',
  renderers: {
    analyze: renderAnalyze,
    cgo: renderCgo,
    goroutines: renderGoroutines,
    info: renderInfo,
    threads: renderThreads,
  },
}

function renderAnalyze(report: CoreReport): Iterable<string> {
  const {schemaVersion, tool, core, go, summary, crash, goroutines} = report
  const tail = () => {
    const {threads, cgo, blocking, modules, signature, completeness, diagnostics} = report.tail()
    return {threads, cgo, blocking, modules, signature, completeness, diagnostics}
  }
  return renderStream({
    head: {schemaVersion, tool, core, go, summary, crash},
    key: 'goroutines',
    items: textsOf(goroutines),
    tail,
  })
}

function renderCgo({schemaVersion, tool, core, go, cgo, blocking, diagnostics}: CgoAnswer): Iterable<string> {
  return renderWhole({schemaVersion, tool, core, go, cgo, blocking, diagnostics})
}

function renderGoroutines(report: GoroutinesReport): Iterable<string> {
  const {schemaVersion, tool, core, go, goroutines, groups} = report
  const head = {schemaVersion, tool, core, go}
  const end = () => ({
    counts: report.counts(),
    blocking: report.blocking(),
    diagnostics: report.diagnostics(),
  })
  return goroutines === null
    ? renderStream({head: {...head, goroutines}, key: 'groups', items: each(groups ?? []), tail: end})
    : renderStream({head, key: 'goroutines', items: textsOf(goroutines), tail: () => ({groups, ...end()})})
}

function renderInfo(report: InfoReport): Iterable<string> {
  const {schemaVersion, tool, core, signal, process, go, memory, modules, diagnostics} = report
  return renderWhole({schemaVersion, tool, core, signal, process, go, memory, modules, diagnostics})
}

function renderThreads(report: ThreadsReport): Iterable<string> {
  const {schemaVersion, tool, core, go, crash, threads} = report
  const tail = () => ({blocking: report.blocking(), diagnostics: report.diagnostics()})
  return renderStream({head: {schemaVersion, tool, core, go, crash}, key: 'threads', items: each(threads), tail})
}

/** What a command that failed prints: a line, so that those who read line by line can take it too. */
export function renderFailure({code, message, hint}: FailureReport): string {
  return `${JSON.stringify({error: {code, message, hint}})}\n`
}

export function* renderWhole(document: object): Generator<string> {
  yield* renderParts(document, '', PARTS_DEPTH)
  yield '\n'
}

/** Objects and lists to this depth are written part by part: all threads at once can be longer than a string can be. */
const PARTS_DEPTH = 3

/** The text of `JSON.stringify(value, null, 2)` in pieces. */
function* renderParts(value: unknown, margin: string, depth: number): Generator<string> {
  if (depth === 0 || typeof value !== 'object' || value === null) {
    yield JSON.stringify(value, null, 2).replaceAll('\n', `\n${margin}`)
    return
  }
  const [open, close] = Symbol.iterator in value ? '[]' : '{}'
  let separator = `${open}\n`
  let end = `${open}${close}`
  for (const [name, part] of partsOf(value)) {
    yield `${separator}${margin}  ${name}`
    yield* renderParts(part, `${margin}  `, depth - 1)
    separator = ',\n'
    end = `\n${margin}${close}`
  }
  yield end
}

function* partsOf(value: object): Generator<[name: string, part: unknown]> {
  if (Symbol.iterator in value) {
    for (const part of value as Iterable<unknown>) yield ['', part]
    return
  }
  for (const [key, part] of Object.entries(value)) if (part !== undefined) yield [`${JSON.stringify(key)}: `, part]
}

function* textsOf(goroutines: GoroutineList): Generator<string> {
  for (const {text} of rendered(goroutines, goroutine => JSON.stringify(goroutine))) yield text
}

function* each(items: Iterable<unknown>): Generator<string> {
  for (const item of items) yield JSON.stringify(item)
}

/** A document with one long list, made and written an item at a time. */
interface JsonStream {
  /** What stands before the list. */
  head: object
  key: string
  /** The text of each. */
  items: Iterable<string>
  /** What stands behind it; asked for when the list is through. */
  tail: () => object
}

/** One item of the list a line, so that a million of them never stand in memory together. */
function* renderStream({head, key, items, tail}: JsonStream): Generator<string> {
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  ${JSON.stringify(key)}: [`
  let separator = '\n    '
  for (const item of items) {
    yield separator + item
    separator = ',\n    '
  }
  const end = separator === '\n    ' ? ']' : '\n  ]'
  yield `${end},\n`
  let isFirst = true
  for (const part of renderWhole(tail())) {
    yield isFirst ? part.slice(2) : part
    isFirst = false
  }
}
