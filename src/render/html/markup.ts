import {printable} from '../../base/printable.ts'
import type {Style} from '../style.ts'

const ENTITIES: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'}

/** Foreign text as a part of a page: what is not to be seen is escaped, and nothing in it is markup. */
export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, char => ENTITIES[char] ?? char)
}

/** An element whose content is markup already. */
export function element(name: string, attributes: Readonly<Record<string, string>>, content: string): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`)
  return `<${name}${written.join('')}>${content}</${name}>`
}

/** A table, or nothing where it would have no rows; cells are markup already. */
export function table(head: readonly string[], rows: Iterable<readonly string[]>): string {
  const lines = [...rows].map(row => `<tr>${row.map(cell => `<td>${cell}</td>`).join('')}</tr>\n`)
  if (lines.length === 0) return ''
  return `<table><thead><tr>${head.map(cell => `<th>${escaped(cell)}</th>`).join('')}</tr></thead>\n<tbody>${lines.join('')}</tbody></table>\n`
}

const span =
  (kind: string) =>
  (text: string): string =>
    element('span', {class: kind}, escaped(text))

/** Go's text as markup: the text of the elements is what a terminal shows. */
export const HTML_STYLE: Style = {
  header: text => element('span', {class: 'header'}, text.split('\n').map(escaped).join('\n')),
  goroutine: span('goroutine'),
  goFunction: span('go'),
  cFunction: span('c'),
  location: span('location'),
  note: span('note'),
  source: (text, isCurrent) =>
    element('span', {class: isCurrent ? 'source current' : 'source'}, `\t${escaped(text.slice(1))}\n`),
}
