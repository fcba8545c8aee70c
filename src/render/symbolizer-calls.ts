import {hex} from '../base/address.ts'
import type {SymbolizerLine} from '../report/core-report.ts'
import type {AnswerTable} from '../symbolize/answer-table.ts'
import type {CgoSymbolizerArg} from '../symbolize/cgo-symbolizer.ts'
import type {Style} from './style.ts'

/** One frame as the runtime prints it from the symbolizer's struct (runtime/traceback.go, printOneCgoTraceback). */
export function renderSymbolizerCall(call: CgoSymbolizerArg, pc: number | bigint, style: Style): string {
  return `${nameLine(call.func, style)}${placeText(call.file, call.lineno, style)}pc=${hex(pc)}\n`
}

function nameLine(name: string | null, style: Style): string {
  return `${style.cFunction(name ?? 'non-Go function')}\n\t`
}

function placeText(file: string | null, line: number, style: Style): string {
  return file === null ? '' : `${style.location(`${file}:${line}`)} `
}

/** The text of many answers: what stands around the innermost frame's position is put together once for each stack. */
export class StackTexts {
  readonly #table: AnswerTable
  readonly #style: Style
  readonly #stacks: {innermost: string; callers: readonly string[]}[]

  constructor(table: AnswerTable, style: Style) {
    this.#table = table
    this.#style = style
    // An array that grows by leaps is a table of hashes to V8.
    this.#stacks = new Array(table.stackCount)
  }

  /** The calls for the address that the table was asked for. */
  text(pc: number | bigint): string {
    const {stack, file, line} = this.#table
    const {innermost, callers} = this.#stacks[stack] ?? this.#add(stack)
    const end = `pc=${hex(pc)}\n`
    let text = `${innermost}${placeText(file, line, this.#style)}${end}`
    for (const caller of callers) text += caller + end
    return text
  }

  #add(stack: number): {innermost: string; callers: readonly string[]} {
    const table = this.#table
    const style = this.#style
    const {first, end} = table.frameNumbers(stack)
    const callers: string[] = []
    for (let frame = first + 1; frame < end; frame++) {
      const place = placeText(table.fileOf(frame), table.lineOf(frame), style)
      callers.push(nameLine(table.functionOf(frame), style) + place)
    }
    const added = {innermost: nameLine(first < end ? table.functionOf(first) : null, style), callers}
    this.#stacks[stack] = added
    return added
  }
}

/**
 * The struct after each call for one address, as a line of JSON; the runtime sets `pc` to what it asks for, whatever
 * that is.
 */
export function renderSymbolizerCalls(address: number | bigint, calls: readonly CgoSymbolizerArg[]): string {
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
