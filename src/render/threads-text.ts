import type {InstructionReport, ThreadReport, ThreadsReport} from '../report/core-report.ts'
import {nameGoroutine, ofImage, renderRegisters, renderStack} from './go-text.ts'
import type {Style} from './style.ts'

/**
 * Every thread with its whole stack, in the format of Go's traceback; above them how the process died, and
 * the instruction that faulted. Yields text that ends in a newline.
 */
export function* renderThreadsText(report: ThreadsReport, style: Style, registers: boolean): Generator<string> {
  const {crash} = report
  let separator = ''
  const {header, instruction} = crash
  if (header.length > 0) {
    yield header.map(line => `${style.header(line)}\n`).join('') +
      (instruction ? renderInstruction(instruction, style) : '')
    separator = '\n'
  }
  for (const thread of report.threads) {
    let out = separator + renderThreadHeader(thread, style)
    out += renderStack(thread, 'full', style)
    if (registers) out += renderRegisters(thread.registers)
    yield out
    separator = '\n'
  }
}

function renderThreadHeader(thread: ThreadReport, style: Style): string {
  const {id, name, image, m, goroutine, alsoRuns, idle} = thread
  const words = [`thread ${id}`]
  if (name !== null) words.push(JSON.stringify(name))
  if (m !== null) words.push(`m=${m}${ofImage(image)}`)
  const also = alsoRuns.filter(other => other.goroutine !== null)
  const named = also.map(other => `, goroutine ${other.goroutine}${ofImage(other.image)}`)
  const own = nameGoroutine(thread) + (goroutine === null || also.length === 0 ? '' : ofImage(image))
  const state = own + named.join('')
  for (const other of alsoRuns) words.push(`m=${other.m}${ofImage(other.image)}`)
  words.push(idle ? `[${state}, idle]` : `[${state}]`)
  return `${style.goroutine(`${words.join(' ')}:`)}\n`
}

/** `instruction mov (%rax),%rax`, then a line on the operand that faulted. */
function renderInstruction(instruction: InstructionReport, style: Style): string {
  const {text, bytes, operand, operandAddress, addressKind, variables = []} = instruction
  let out = text === null ? '' : `${style.note(`instruction: ${text} [${bytes ?? ''}]`)}\n`
  if (operand === null && addressKind === null) return out
  const address = operandAddress === null ? '' : ` = ${operandAddress}`
  const kind = addressKind === null ? '' : `: ${addressKind}`
  if (operand === null && operandAddress === null) return `${out}\t${style.note(kind.slice(2))}\n`
  const jump = text === null && operand === '%rip' ? 'jump: ' : ''
  out += `${text === null ? '' : '\t'}${style.note(`${jump}${operand ?? 'address'}${address}${kind}`)}\n`
  for (const {register, name, type, value} of variables) {
    const typed = type === null ? '' : ` (${type})`
    out += `\t${style.note(`%${register} = ${name}${typed} = ${value}`)}\n`
  }
  return out
}
