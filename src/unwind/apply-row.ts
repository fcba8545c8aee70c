import {maskOf, type RegisterSet, RegisterSetBuilder} from '../amd64/register-set.ts'
import {CALLER_SAVED, DWARF_REGISTER, REGISTER_COUNT} from '../amd64/registers.ts'
import {type Address, addressOfWord, offsetAddress, toAddress, type Word} from '../base/address.ts'
import {type MemoryReader, readAddress, readWord} from '../base/memory-reader.ts'
import {type ExpressionContext, evaluateExpression} from '../dwarf/expression.ts'
import type {CfaRule, RegisterRule, UnwindRow} from '../dwarf/unwind-row.ts'

export interface AppliedRow {
  readonly cfa: Address
  /** The caller's registers; pc is unknown where its rule says so or its slot is not readable. */
  readonly caller: RegisterSet
  /** The rule of the return address is "undefined": this is the outermost frame. */
  readonly outermost: boolean
}

const CALLER_SAVED_MASK = maskOf(CALLER_SAVED)

/** What rules refer to. */
interface Source {
  readonly registers: RegisterSet
  readonly memory: MemoryReader
  readonly loadBias: number
}

interface Callee extends Source {
  readonly cfa: Address
}

/**
 * The caller's registers by a row: the only place where rows are applied.
 * undefined where the CFA cannot be computed, for a register that it needs is not known or memory is missing.
 * @throws FormatError for a malformed expression
 */
export function applyRow(
  row: UnwindRow,
  registers: RegisterSet,
  memory: MemoryReader,
  loadBias = 0,
): AppliedRow | undefined {
  const cfa = computeCfa(row.cfa, {registers, memory, loadBias})
  if (cfa === undefined) return undefined
  const caller = row.unruled === 'kept' ? registers.toBuilder() : new RegisterSetBuilder()
  caller.supposeAll(CALLER_SAVED_MASK).setAddress(DWARF_REGISTER.rsp, cfa)
  const callee: Callee = {registers, memory, loadBias, cfa}
  for (let register = 0; register < REGISTER_COUNT; register++) {
    const rule = row.rules[register]
    if (rule) applyRule(register, rule, caller, callee)
  }
  return {cfa, caller: caller.build(), outermost: row.rules[DWARF_REGISTER.rip]?.kind === 'undefined'}
}

function computeCfa(rule: CfaRule, source: Source): Address | undefined {
  if (rule.kind === 'expression') {
    const word = evaluateExpression(rule.expression, [], contextOf(source))
    return word === undefined ? undefined : addressOfWord(word)
  }
  const base = source.registers.supposedAddress(rule.register)
  return base === undefined ? undefined : offsetAddress(base, rule.offset)
}

/** Made for expressions alone, which few rules are. */
function contextOf({registers, memory, loadBias}: Source): ExpressionContext {
  return {register: number => registers.supposedWord(number), memory, loadBias}
}

function applyRule(register: number, rule: RegisterRule, caller: RegisterSetBuilder, callee: Callee): void {
  const {registers, cfa, memory} = callee
  switch (rule.kind) {
    case 'undefined':
      caller.forget(register)
      return
    case 'same':
      caller.copy(register, registers)
      return
    case 'at-cfa':
      setFromMemory(register, offsetAddress(cfa, rule.offset), caller, memory)
      return
    case 'cfa':
      setOrForget(register, BigInt(cfa) + BigInt(rule.offset), caller)
      return
    case 'register':
      caller.copy(register, registers, rule.register)
      if (rule.offset !== 0)
        setOrForget(register, addOffset(registers.supposedWord(rule.register), rule.offset), caller)
      return
    case 'expression':
      setOrForget(register, evaluateExpression(rule.expression, [BigInt(cfa)], contextOf(callee)), caller)
      return
    case 'at-expression': {
      const word = evaluateExpression(rule.expression, [BigInt(cfa)], contextOf(callee))
      setFromMemory(register, word === undefined ? undefined : addressOfWord(word), caller, memory)
    }
  }
}

function addOffset(word: Word | undefined, offset: number): Word | undefined {
  return word === undefined ? undefined : word + BigInt(offset)
}

function setOrForget(register: number, value: bigint | undefined, caller: RegisterSetBuilder): void {
  if (value === undefined) caller.forget(register)
  else caller.setWord(register, BigInt.asUintN(64, value))
}

function setFromMemory(
  register: number,
  slot: Address | undefined,
  caller: RegisterSetBuilder,
  memory: MemoryReader,
): void {
  if (slot === undefined || slot < 0) {
    caller.forget(register)
    return
  }
  const address = readAddress(memory, toAddress(slot))
  if (address !== undefined) caller.setAddress(register, address)
  else setOrForget(register, readWord(memory, toAddress(slot)), caller)
}
