import {printable} from '../base/printable.ts'
import type {SymbolFile} from '../report/core-report.ts'

/** A file of a symbol store: a line. */
export function renderSymbolFile({state, key, artifact, path, module, reason}: SymbolFile): string {
  const of = module === null || path === null ? '' : ` (${module})`
  const why = reason === null ? '' : `: ${reason}`
  const words = [
    state.padEnd(8),
    key ?? '-',
    (artifact ?? '-').padEnd(10),
    printable(`${path ?? module ?? ''}${of}${why}`),
  ]
  return `${words.join(' ').trimEnd()}\n`
}
