import type {BlockingReport} from '../../report/core-report.ts'
import {nameParty} from '../../report/vocabulary.ts'
import {escaped} from './markup.ts'

const BOX = {width: 250, height: 26, gap: 70}
const WAITERS_MAX = 6

/** Who waits for whom: a drawing for each lock, from its waiters over it to the one that holds it. */
export function* renderWaitsPicture({locks, cycles, chains}: BlockingReport): Generator<string> {
  for (const lock of locks.slice(0, 50)) yield renderLock(lock)
  for (const cycle of cycles)
    yield `<p class="header">deadlock</p><ol>${cycle.map(link => `<li>${escaped(link)}</li>`).join('')}</ol>\n`
  for (const chain of chains) yield `<p>${escaped(chain)}</p>\n`
}

function renderLock({kind, address, waiters, waiterCount, owner}: BlockingReport['locks'][number]): string {
  const names = waiters.slice(0, WAITERS_MAX).map(nameParty)
  if (waiterCount > names.length) names.push(`and ${waiterCount - names.length} more`)
  const height = Math.max(names.length, 1) * (BOX.height + 8) + 2
  const middle = Math.max((height - BOX.height) / 2 - 4, 1)
  const [lockX, ownerX] = [BOX.width + BOX.gap, 2 * (BOX.width + BOX.gap)]
  const parts = names.map((name, index) => {
    const y = index * (BOX.height + 8) + 1
    return box(1, y, name) + arrow([BOX.width + 1, y], [lockX, middle])
  })
  parts.push(box(lockX, middle, address === null ? kind : `${kind} ${address}`))
  parts.push(arrow([lockX + BOX.width, middle], [ownerX, middle]))
  parts.push(box(ownerX, middle, owner === null ? 'owner not known' : nameParty(owner)))
  const width = 3 * BOX.width + 2 * BOX.gap + 2
  const label = `${names.join(', ')} wait for ${kind}`
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escaped(label)}">${parts.join('')}</svg>\n`
}

function box(x: number, y: number, text: string): string {
  const shown = text.length > 34 ? `${text.slice(0, 33)}…` : text
  return `<g><title>${escaped(text)}</title><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4"/><text x="${x + 8}" y="${y + 17}">${escaped(shown)}</text></g>`
}

function arrow([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  const [from, to] = [y1 + BOX.height / 2, y2 + BOX.height / 2]
  const bend = (x1 + x2) / 2
  return `<path d="M${x1} ${from} C${bend} ${from} ${bend} ${to} ${x2 - 7} ${to}"/><path class="head" d="M${x2} ${to} l-8 -4 v8 z"/>`
}
