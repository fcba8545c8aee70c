import type {RegisterSet} from '../../amd64/register-set.ts'
import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {hex} from '../../base/address.ts'
import type {FrameReport, InstructionReport, VariableReport} from '../../report/core-report.ts'
import type {Structured} from './value.ts'

type OperandReport = NonNullable<InstructionReport['variables']>[number]

/** Fields within fields that are looked at for a register's value. */
const FIELD_DEPTH = 3

/**
 * The variables that the registers of a faulting operand were. A variable whose location is the register is it; else
 * one pointer alone, of a variable or a field of one, must have the register's value: a coincidence of several tells
 * nothing.
 * @param frames of the stack that crashed, with their variables
 */
export function explainOperand(
  instruction: InstructionReport,
  frames: readonly FrameReport[],
  registers: RegisterSet | undefined,
): OperandReport[] {
  const innermost = frames.find(({kind}) => kind === 'c' || kind === 'go')
  if (!innermost || !registers || instruction.operand === null) return []
  // Of all functions that were inlined at the place.
  const variables = frames
    .filter(({pc, variables: own}) => pc === innermost.pc && own)
    .flatMap(each => each.variables ?? [])
  const names = new Set(
    [...instruction.operand.matchAll(/%([re]\w+)/g)].map(([, name]) => wholeRegister(name as string)),
  )
  return [...names].flatMap(name => {
    const number = (DWARF_REGISTER as Readonly<Record<string, number>>)[name]
    const word = number === undefined ? undefined : registers.word(number)
    return word === undefined ? [] : (explainRegister(name, word, variables) ?? [])
  })
}

/** `eax` and `r8d` are the lower halves of `rax` and `r8`. */
function wholeRegister(name: string): string {
  return name.replace(/^e/, 'r').replace(/^(r\d+)[dwb]$/, '$1')
}

function explainRegister(
  register: string,
  word: bigint,
  variables: readonly VariableReport[],
): OperandReport | undefined {
  const own = variables.find(each => each.register === register && each.state === 'ok' && each.name !== null)
  if (own) return {register, name: own.name, type: own.type, value: own.value}
  const value = hex(word)
  const found = variables.flatMap(each => pathsTo(each, value))
  const names = new Set(found.map(({name}) => name))
  const [first] = found
  return first && names.size === 1 ? {register, ...first, value} : undefined
}

/** The variable or its fields that are a pointer of that value. */
function pathsTo({name, type, structured}: VariableReport, value: string): Pick<OperandReport, 'name' | 'type'>[] {
  if (name === null) return []
  if (isPointer(structured, value)) return [{name, type}]
  // A pointer to a pointer.
  if (isPointer(targetOf(structured), value)) return [{name: `*${name}`, type: null}]
  return fieldsWith(structured, value, FIELD_DEPTH).map(path => ({name: name + path, type: null}))
}

function targetOf(data: Structured): Structured {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data.value ?? null) : null
}

function isPointer(data: Structured, value: string): boolean {
  return typeof data === 'object' && data !== null && !Array.isArray(data) && data.pointer === value
}

function fieldsWith(data: Structured, value: string, depth: number): string[] {
  if (depth === 0 || typeof data !== 'object' || data === null || Array.isArray(data)) return []
  // `p->next` of a pointer that was followed, `n.next` of a struct.
  const isFollowed = 'pointer' in data
  const [step, fields] = isFollowed ? ['->', data.value ?? null] : ['.', data]
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return []
  return Object.entries(fields).flatMap(([name, part]) =>
    isPointer(part, value)
      ? [`${step}${name}`]
      : fieldsWith(part, value, depth - 1).map(path => `${step}${name}${path}`),
  )
}
