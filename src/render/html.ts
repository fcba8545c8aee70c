import {createHash} from 'node:crypto'
import {basename} from 'node:path'
import type {CoreReport, GoroutineReport, ReportTail, SummaryReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {ofImage, renderGoroutine, renderRegisters, renderThread} from './go-text.ts'
import {GoroutineGroups} from './html/goroutine-groups.ts'
import {element, escaped, HTML_STYLE, table} from './html/markup.ts'
import {PAGE_SCRIPT} from './html/page-script.ts'
import {PAGE_STYLE} from './html/page-style.ts'
import {renderWaitsPicture} from './html/waits-picture.ts'
import {describeActors, describeGo, headline, locationOf} from './summary-text.ts'

/** One file that opens anywhere: nothing is loaded, and nothing of a core is more than text. */
export const html: Format = {
  ending: '.html',
  diagnostics: 'inside',
  waits: 'shown',
  renderers: {analyze: renderPage},
}

/** Rows of a table that may be long. */
const ROWS_MAX = 2000

function* renderPage(report: CoreReport): Generator<string> {
  const {summary, crash, dialect} = report
  yield renderHead(headline(summary))
  const isAlive = summary.what.startsWith('not crashed')
  yield `<h1${isAlive ? '' : ' class="bad"'}>${escaped(headline(summary))}</h1>\n${renderSummary(summary)}`
  const groups = new GoroutineGroups(dialect)
  const ofCrash: string[] = [crash.header.map(line => `${HTML_STYLE.header(line)}\n`).join('')]
  for (const goroutine of report.goroutines) {
    if (isOfCrash(goroutine, report) && ofCrash.length === 1)
      ofCrash.push(renderGoroutine(goroutine, HTML_STYLE, dialect))
    else groups.add(goroutine)
  }
  const others: string[] = []
  for (const thread of report.threadsWithoutGoroutine()) {
    const block = renderThread(thread, 'plain', HTML_STYLE)
    if (thread.id === crash.thread && ofCrash.length === 1) ofCrash.push(block)
    else others.push(block)
  }
  if (crash.registers !== null) ofCrash.push(escapedLines(renderRegisters(crash.registers)))
  const stacks = ofCrash.filter(block => block !== '')
  if (stacks.length > 0) yield section('Crash', `${copyButton('crash')}<pre id="crash">${stacks.join('\n')}</pre>`)
  yield* renderGoroutines(groups, stacks.length > 0 ? 'Other goroutines' : 'Goroutines')
  yield* renderTail(report.tail(), others)
  yield `<script>${PAGE_SCRIPT}</script>\n</body></html>\n`
}

function isOfCrash({id, image}: GoroutineReport, {crash}: CoreReport): boolean {
  return id === crash.goroutine && (image === null || image === crash.image)
}

/** The page may run its own script and style, which their digests name, and load nothing (CSP level 3). */
function renderHead(title: string): string {
  const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src ${digest(PAGE_STYLE)}; script-src ${digest(PAGE_SCRIPT)}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style></head><body>
`
}

function renderSummary({where, who, waits, missing, signature}: SummaryReport): string {
  const entries: [string, string][] = where.map(place => {
    const {function: name, kind, guessed} = place
    const marks = `${kind === 'go' ? 'Go' : 'C'}${guessed ? ', guessed' : ''}`
    const shown = HTML_STYLE[kind === 'go' ? 'goFunction' : 'cFunction'](name ?? '?')
    return ['where', `${shown} ${HTML_STYLE.location(locationOf(place))} (${marks})`]
  })
  const program = [who.program, who.version, who.revision, describeGo(who)].filter(each => each !== null)
  entries.push(['program', escaped(program.join(', '))])
  entries.push(['who', escaped(describeActors(who, image => image))])
  for (const wait of waits) entries.push(['waits', escaped(wait)])
  if (missing)
    entries.push([
      'missing',
      `${escaped(missing.what)}${missing.command === null ? '' : ` <code>${escaped(missing.command)}</code>`}`,
    ])
  entries.push(['signature', `<code>${escaped(`${signature.exact ?? 'none'} ${signature.family ?? ''}`)}</code>`])
  return `<dl>${entries.map(([term, text]) => `<dt>${term}</dt><dd>${text}</dd>`).join('\n')}</dl>\n`
}

function* renderGoroutines(groups: GoroutineGroups, title: string): Generator<string> {
  if (groups.total === 0) return
  // The bar of filters stays in sight as long as the list does.
  yield `<section><h2>${title} (${groups.total})</h2>\n<div id="filters">`
  yield '<input id="search" type="search" placeholder="Search (press /)" aria-label="Search">'
  yield choice(
    'state',
    'every state',
    groups.values('state').map(each => [each, each]),
  )
  yield choice('language', 'Go and C', [
    ['go', 'Go alone'],
    ['c', 'with C frames'],
  ])
  yield choice(
    'module',
    'every module',
    groups.values('module').map(each => [each, basename(each)]),
  )
  yield `<button type="button" id="unfold">Unfold</button> <span id="shown">${groups.total - groups.leftOut} shown</span></div>\n`
  yield* groups.render()
  if (groups.leftOut > 0)
    yield `<p>${groups.leftOut} goroutines with further stacks are left out: <code>--json</code> has all.</p>\n`
  yield '</section>\n'
}

function choice(id: string, all: string, options: readonly (readonly [string, string])[]): string {
  const written = options.map(([value, text]) => element('option', {value}, escaped(text)))
  return element('select', {id, 'aria-label': id}, `<option value="">${all}</option>${written.join('')}`)
}

function* renderTail(tail: ReportTail, others: readonly string[]): Generator<string> {
  const {cgo, blocking, threads, modules, diagnostics} = tail
  const picture = [...renderWaitsPicture(blocking)].join('')
  if (picture !== '') yield section('Who waits for whom', picture)
  const calls = cgo.calls
    .slice(0, ROWS_MAX)
    .map(({image, goroutine, thread, m, entry, depth, inCallback}) => [
      ...[
        cell(goroutine),
        cell(thread),
        `${cell(m)}${escaped(ofImage(image))}`,
        HTML_STYLE.cFunction(entry ?? '?'),
        `${depth}`,
        inCallback ? 'in a callback' : '',
      ],
    ])
  yield section('Calls of C', table(['goroutine', 'thread', 'm', 'C function', 'depth', ''], calls))
  const rows = threads
    .slice(0, ROWS_MAX)
    .map(({id, name, image, m, goroutine, idle, stop}) => [
      ...[cell(id), escaped(name ?? ''), `${cell(m)}${escaped(ofImage(image))}`, cell(goroutine)],
      ...[idle ? 'idle' : '', escaped(stop ?? 'not walked')],
    ])
  yield section(`Threads (${threads.length})`, table(['thread', 'name', 'm', 'goroutine', '', 'walk ended'], rows))
  if (others.length > 0) yield section('Threads without a goroutine', `<pre>${others.join('\n')}</pre>`)
  const files = modules
    .slice(0, ROWS_MAX)
    .map(({path, buildId, found, symbols, mismatch}) => [
      ...[escaped(path), `<code>${escaped(buildId ?? '')}</code>`, escaped(found ?? 'not found')],
      escaped(`${symbols ?? 'none'}${mismatch === null ? '' : `; refused: build ${mismatch}`}`),
    ])
  yield section('Modules', table(['path', 'build ID', 'file', 'symbols'], files))
  const notes = diagnostics.map(({severity, message, where, hint}) => [
    ...[severity, escaped(message), escaped(where === null || message.includes(where) ? '' : where)],
    escaped(hint ?? ''),
  ])
  yield section('What lowers the detail', table(['', 'what', 'where', 'what helps'], notes))
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<section><h2>${escaped(title)}</h2>\n<div class="scroll">${content}</div></section>\n`
}

function copyButton(id: string): string {
  return `${element('button', {type: 'button', 'data-copy': id}, 'Copy as Go text')}\n`
}

function escapedLines(text: string): string {
  return text.split('\n').map(escaped).join('\n')
}

function cell(value: number | null): string {
  return value === null ? '' : `${value}`
}
