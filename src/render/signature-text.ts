import {printable} from '../base/printable.ts'
import type {SignatureReport} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** The signature, and how it came about; behind the report of one core. */
export function* renderSignature({version, exact, family, explain}: SignatureReport, style: Style): Generator<string> {
  yield `\n${style.header(`signature: ${exact ?? 'none'}`)} ${style.note(`(rules ${version})`)}\n`
  if (family !== null) yield `\t${printable(family)}\n`
  for (const line of explain) yield `\t${style.note(printable(line))}\n`
}
