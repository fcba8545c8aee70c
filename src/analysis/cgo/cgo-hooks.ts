import {type Address, hex} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import type {CgoReport} from '../../report/core-report.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Hooks = CgoReport['hooks']

/** The functions that runtime.SetCgoTraceback was given, by name where the symbols say it. */
export function reportHooks(process: DeadProcess): Pick<CgoReport, 'hooks' | 'hooksKnown'> {
  const {cgoTraceback, cgoContext, cgoSymbolizer} = process.runtime?.state ?? {}
  const hooksKnown = cgoTraceback !== undefined && cgoContext !== undefined && cgoSymbolizer !== undefined
  if (process.runtime && !hooksKnown) {
    process.diagnostics.add(
      'cgo-hooks-unknown',
      'what the program gave to runtime.SetCgoTraceback, if anything, cannot be found out',
      {hint: 'give the executable that made the core with --exe'},
    )
  }
  const hooks = {
    traceback: reportHook(process, cgoTraceback),
    context: reportHook(process, cgoContext),
    symbolizer: reportHook(process, cgoSymbolizer),
  }
  return {hooks, hooksKnown}
}

function reportHook({symbolizer}: DeadProcess, address: Finding<Address>): Hooks['traceback'] {
  if (address === undefined || address === null) return null
  return {address: hex(address), symbol: symbolizer.locate(address, address).at(-1)?.function ?? null}
}
