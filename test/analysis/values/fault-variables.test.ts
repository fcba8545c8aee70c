// Which variable a register of the faulting operand was.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {DWARF_REGISTER} from '../../../src/amd64/registers.ts'
import {explainOperand} from '../../../src/analysis/values/fault-variables.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {InstructionReport, VariableReport} from '../../../src/report/core-report.ts'
import {c} from '../../support/signature-facts.ts'

const variable = (name: string, structured: VariableReport['structured'], register: string | null): VariableReport => {
  const value = JSON.stringify(structured)
  return {name, kind: 'local', type: 'T', value, structured, address: null, register, state: 'ok'}
}

function explain(operand: string, variables: VariableReport[]): string[] {
  const registers = RegisterSet.ofPosition(toAddress(0x1000), toAddress(0x7000))
    .toBuilder()
    .setAddress(DWARF_REGISTER.rsi, 0)
    .setAddress(DWARF_REGISTER.rax, 0x3e8)
    .build()
  const found = explainOperand({operand} as InstructionReport, [{...c('f'), variables}], registers)
  return found.map(({register, name}) => `${register} ${name}`)
}

test('a number in half a register is that of the whole one', t => {
  t.deepEqual(explain('%esi', [variable('d', 0, 'rsi')]), ['rsi d'])
  t.deepEqual(explain('(%rax,%rsi,4)', [variable('d', 0, 'rsi')]), ['rsi d'])
})

test('one pointer alone, of a variable, a field, or what a pointer leads to', t => {
  const there = {pointer: '0x3e8'}
  t.deepEqual(explain('(%rax)', [variable('p', there, null)]), ['rax p'])
  t.deepEqual(explain('(%rax)', [variable('pp', {pointer: '0x5000', value: there}, null)]), ['rax *pp'])
  t.deepEqual(explain('(%rax)', [variable('p', {pointer: '0x5000', value: {next: there}}, null)]), ['rax p->next'])
  t.deepEqual(explain('(%rax)', [variable('p', there, null), variable('q', there, null)]), [])
})
