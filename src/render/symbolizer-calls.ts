import {hex} from '../base/address.ts'
import type {SymbolizerLine} from '../report/core-report.ts'
import type {CgoSymbolizerArg} from '../symbolize/cgo-symbolizer.ts'
import type {Style} from './style.ts'

/** One frame as the runtime prints it from the symbolizer's struct (runtime/traceback.go, printOneCgoTraceback). */
export function renderSymbolizerCall(call: CgoSymbolizerArg, pc: bigint, style: Style): string {
  const name = style.cFunction(call.func ?? 'non-Go function')
  const place = call.file === null ? '' : `${style.location(`${call.file}:${call.lineno}`)} `
  return `${name}\n\t${place}pc=${hex(pc)}\n`
}

/**
 * The struct after each call for one address, as a line of JSON; the runtime sets `pc` to what it asks for, whatever
 * that is.
 */
export function renderSymbolizerCalls(address: bigint, calls: readonly CgoSymbolizerArg[]): string {
  const line: SymbolizerLine = {
    address: hex(address),
    calls: calls.map(({file, lineno, func, entry, more, data}) => ({
      pc: hex(address),
      file,
      lineno,
      func,
      entry: hex(entry),
      more,
      data: hex(data),
    })),
  }
  return `${JSON.stringify(line)}\n`
}
