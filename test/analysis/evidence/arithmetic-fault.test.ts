import test from 'ava'
import {describeArithmetic} from '../../../src/analysis/evidence/arithmetic-fault.ts'

const BY_ZERO = 'integer division by zero'
const TOO_LARGE = 'the quotient of the division does not fit'
const UNKNOWN = 'integer division by zero, or a quotient that does not fit'

/** The instruction, the registers, what is said. */
const DIVISIONS: readonly (readonly [string | null, Readonly<Record<string, string>> | null, string])[] = [
  ['idiv %ecx', {rcx: '0x0'}, BY_ZERO],
  ['idiv %ecx', {rcx: '0xffffffff00000000'}, BY_ZERO],
  ['idiv %ecx', {rcx: '0xffffffff'}, TOO_LARGE],
  ['idivl %ecx', {rcx: '0x0'}, BY_ZERO],
  ['div %rcx', {rcx: '0x100000000'}, TOO_LARGE],
  ['div %r9d', {r9: '0x100000000'}, BY_ZERO],
  ['div %r9', {r9: '0x100000000'}, TOO_LARGE],
  ['div %cl', {rcx: '0x100'}, BY_ZERO],
  ['div %si', {rsi: '0x10000'}, BY_ZERO],
  ['div %ch', {rcx: '0x100'}, UNKNOWN],
  ['idivl 0x10(%rsp)', {rsp: '0x1000'}, UNKNOWN],
  ['idiv %ecx', null, UNKNOWN],
  ['idiv %ecx', {}, UNKNOWN],
  [null, {rcx: '0x0'}, UNKNOWN],
]

for (const [text, registers, said] of DIVISIONS) {
  test(`${text ?? 'no instruction'} with ${JSON.stringify(registers)}: ${said}`, t => {
    const instruction = {text, bytes: null, operand: null, operandAddress: null, addressKind: null}
    t.is(describeArithmetic({signal: 'SIGFPE', codeName: 'FPE_INTDIV', instruction, registers}), said)
  })
}

test('other faults of arithmetic are what the kernel calls them, and other signals none', t => {
  const fault = {instruction: null, registers: null}
  t.is(describeArithmetic({...fault, signal: 'SIGFPE', codeName: 'FPE_FLTDIV'}), 'floating-point division by zero')
  t.is(describeArithmetic({...fault, signal: 'SIGFPE', codeName: 'SI_USER'}), undefined)
  t.is(describeArithmetic({...fault, signal: 'SIGFPE', codeName: null}), undefined)
  t.is(describeArithmetic({...fault, signal: 'SIGSEGV', codeName: 'SEGV_MAPERR'}), undefined)
})
