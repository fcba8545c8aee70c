import test from 'ava'
import {Random} from '../../lab/fuzz/random.ts'
import {decodeCommonFault} from '../../src/amd64/common-fault.ts'
import {Disassembler} from '../../src/amd64/disassembler.ts'
import {decodeAnyFault, type FaultRegisters} from '../../src/amd64/faulting-instruction.ts'
import {RegisterSet} from '../../src/amd64/register-set.ts'
import {CALLEE_SAVED} from '../../src/amd64/registers.ts'
import {toAddress} from '../../src/base/address.ts'

const PC = toAddress(0x401000)
const NO_MEMORY = {read: () => undefined}
const SAMPLES = Number(process.env.COMMON_FAULT_SAMPLES ?? 12_000)

/** Some registers wide, some not known. */
function someRegisters(): FaultRegisters {
  const builder = RegisterSet.ofPosition(PC, toAddress(0x7ffc0000)).toBuilder()
  CALLEE_SAVED.forEach((register, index) => {
    builder.setWord(register, BigInt(index) * 0x4141414141414141n)
  })
  return {general: builder.build(), fsBase: undefined, gsBase: undefined}
}

function byIced(code: Uint8Array, registers: FaultRegisters) {
  return decodeAnyFault(new Disassembler(NO_MEMORY), code, {memory: NO_MEMORY, pc: PC, registers})
}

function bytesOf(code: string): Uint8Array {
  return Uint8Array.from(code.split(' '), byte => Number.parseInt(byte, 16))
}

const PREFIXES: readonly (readonly number[])[] = [[], [], [], [0x66], [0xf2], [0xf3], [0xf0]]
const LONG_OPCODES = [
  0x0b, 0x10, 0x11, 0x28, 0x29, 0x6f, 0x7e, 0x7f, 0xb0, 0xb1, 0xb6, 0xb7, 0xbe, 0xbf, 0xc0, 0xc1, 0xd6,
]
/** Bytes at which ModRM, SIB or the sign of what follows change their meaning. */
const TURNS = [0, 4, 5, 0x25, 0x44, 0x80, 0xc0, 0xff]

test('what the tables say of an instruction is what iced says', t => {
  const random = new Random(20_261_127)
  const registers = someRegisters()
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T
  let known = 0
  for (let index = 0; index < SAMPLES; index++) {
    const rex = random.below(2) === 0 ? [] : [0x40 + random.below(16)]
    const opcode = random.below(2) === 0 ? [0x0f, pick(LONG_OPCODES)] : [random.below(256)]
    const rest = Array.from({length: 10}, () => (random.once(4) ? pick(TURNS) : random.below(256)))
    const code = Uint8Array.from([...pick(PREFIXES), ...rex, ...opcode, ...rest].slice(0, random.once(12) ? 4 : 15))
    const common = decodeCommonFault(code, PC, registers)
    if (!common) continue
    known++
    t.deepEqual(common, byIced(code, registers), [...code].map(byte => byte.toString(16).padStart(2, '0')).join(' '))
  }
  t.true(known > SAMPLES / 10, `${known} of ${SAMPLES} were compared`)
})

const ENDS_OF_CRASHES = [
  ['8b 00', 'mov (%rax),%eax'],
  ['89 04 25 00 00 00 00', 'mov %eax,0x0'],
  ['c7 04 25 00 00 00 00 2a 00 00 00', 'movl $0x2a,0x0'],
  ['48 c7 40 08 ff ff ff ff', 'movq $0xffffffffffffffff,0x8(%rax)'],
  ['66 c7 00 01 00', 'movw $0x1,(%rax)'],
  ['44 0f b6 04 07', 'movzbl (%rdi,%rax,1),%r8d'],
  ['48 63 04 87', 'movslq (%rdi,%rax,4),%rax'],
  ['83 78 18 00', 'cmpl $0x0,0x18(%rax)'],
  ['84 00', 'test %al,(%rax)'],
  ['88 27', 'mov %ah,(%rdi)'],
  ['40 88 37', 'mov %sil,(%rdi)'],
  ['f0 48 0f b1 0f', 'lock cmpxchg %rcx,(%rdi)'],
  ['f0 ff 0f', 'lock decl (%rdi)'],
  ['f3 0f 10 07', 'movss (%rdi),%xmm0'],
  ['0f 11 00', 'movups %xmm0,(%rax)'],
  ['0f 29 44 24 08', 'movaps %xmm0,0x8(%rsp)'],
  ['f3 0f 6f 06', 'movdqu (%rsi),%xmm0'],
  ['48 f7 f9', 'idiv %rcx'],
  ['f7 75 fc', 'divl -0x4(%rbp)'],
  ['0f 0b', 'ud2'],
  ['cc', 'int3'],
  ['f4', 'hlt'],
] as const

test('the instructions that most crashes end at are in the tables, as iced says them', t => {
  for (const [code, text] of ENDS_OF_CRASHES) {
    const common = decodeCommonFault(bytesOf(code), PC, someRegisters())
    t.is(common?.text, text)
    t.deepEqual(common, byIced(bytesOf(code), someRegisters()))
  }
})

test('what is not whole, locked without need or not in the tables is left to iced', t => {
  for (const code of [
    '8b',
    '8b 80 00 00',
    'c7 00 01 00',
    'f0 8b 00',
    '64 8b 00',
    '67 8b 00',
    'ff d0',
    'c3',
    'a4',
    '8b c0',
  ]) {
    t.is(decodeCommonFault(bytesOf(code), PC, someRegisters()), undefined, code)
  }
})
