import {printable} from '../base/printable.ts'
import type {BlockingReport} from '../report/core-report.ts'
import {nameParty} from '../report/vocabulary.ts'
import type {Style} from './style.ts'

/** Locks with who waits for them and who holds them, a line each, then deadlocks; nothing where nothing waits. */
export function* renderBlocking({locks, cycles, chains}: BlockingReport, style: Style): Generator<string> {
  if (locks.length > 0 || cycles.length > 0 || chains.length > 0) yield '\n'
  for (const lock of locks) {
    const {waiters, waiterCount} = lock
    yield `${renderLock(lock, style)}; ${waiterCount} ${waiterCount === 1 ? 'waits' : 'wait'} for it: `
    yield `${waiters.map(nameParty).join(', ')}${waiters.length < waiterCount ? ', …' : ''}\n`
  }
  for (const cycle of cycles)
    yield `${style.header('deadlock')}\n${cycle.map(link => `\t${printable(link)}\n`).join('')}`
  for (const chain of chains) yield `${printable(chain)}\n`
}

function renderLock({kind, address, owner}: BlockingReport['locks'][number], style: Style): string {
  if (kind === 'end of a thread' && owner !== null) return style.header(`end of ${nameParty(owner)}`)
  const name = style.header(address === null ? kind : `${kind} ${address}`)
  return `${name}: ${owner === null ? 'its owner is not known' : `held by ${nameParty(owner)}`}`
}
