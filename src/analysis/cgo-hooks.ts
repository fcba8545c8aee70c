import {type Address, hex} from '../base/address.ts'
import type {CgoReport} from './core-report.ts'
import type {DeadProcess} from './dead-process.ts'

type Hooks = CgoReport['hooks']

/** The functions that runtime.SetCgoTraceback was given, by name where the symbols say it. */
export function reportHooks(process: DeadProcess): Hooks {
  const {cgoTraceback, cgoContext, cgoSymbolizer} = process.runtime?.state ?? {}
  return {
    traceback: reportHook(process, cgoTraceback),
    context: reportHook(process, cgoContext),
    symbolizer: reportHook(process, cgoSymbolizer),
  }
}

function reportHook({symbolizer}: DeadProcess, address: Address | undefined): Hooks['traceback'] {
  if (address === undefined) return null
  return {address: hex(address), symbol: symbolizer.locate(address, address).at(-1)?.function ?? null}
}
