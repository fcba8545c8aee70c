import test from 'ava'
import {findBreakpoint} from '../../../src/amd64/call-encoding.ts'
import {decodeFault} from '../../../src/amd64/faulting-instruction.ts'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {DWARF_REGISTER} from '../../../src/amd64/registers.ts'
import {describeAddress} from '../../../src/analysis/evidence/address-kind.ts'
import {explainFault} from '../../../src/analysis/evidence/fault-instruction.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {BytesSource} from '../../../src/base/byte-source.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import {AddressSpace} from '../../../src/elf/address-space.ts'
import {CoreFile} from '../../../src/elf/core-file.ts'
import {CoreSegments} from '../../../src/elf/core-segments.ts'
import type {Segment} from '../../../src/elf/elf-headers.ts'
import {buildCore} from '../../support/core-builder.ts'

const PC = toAddress(0x401000)

function decode(code: string, registers?: Partial<Record<keyof typeof DWARF_REGISTER, bigint>>, fsBase?: bigint) {
  const bytes = Uint8Array.from(code.split(' '), byte => Number.parseInt(byte, 16))
  const memory = {
    read: (address: Address, length: number) =>
      address >= PC && address + length <= PC + bytes.length
        ? bytes.subarray(address - PC, address - PC + length)
        : undefined,
  }
  const builder = RegisterSet.ofPosition(PC, toAddress(0x7fff0000)).toBuilder()
  for (const [name, word] of Object.entries(registers ?? {})) {
    builder.setWord(DWARF_REGISTER[name as keyof typeof DWARF_REGISTER], word)
  }
  return decodeFault(memory, PC, {general: builder.build(), fsBase, gsBase: undefined})
}

test('a memory operand is told with the address that the registers gave it', t => {
  const store = decode('89 04 8a', {rdx: 8n, rcx: 2n})
  t.is(store?.text, 'mov %eax,(%rdx,%rcx,4)')
  t.deepEqual(store?.accesses, [{text: '(%rdx,%rcx,4)', address: 16n, size: 4, writes: true, alignment: 1}])
  const load = decode('48 8b 43 f8', {rbx: 0n})
  t.like(load?.accesses[0], {text: '-0x8(%rbx)', address: 0xfffffffffffffff8n, writes: false})
})

test('an operand below the instruction pointer has the address of its target', t => {
  t.like(decode('48 8b 05 ab 00 00 00')?.accesses[0], {text: '0xab(%rip)', address: 0x4010b2n})
})

test('a thread-local operand begins at the fs base', t => {
  const load = decode('64 48 8b 04 25 f8 ff ff ff', {}, 0x7f0000001000n)
  t.like(load?.accesses[0], {address: 0x7f0000000ff8n})
})

test('push and call touch the stack, ret and call say where they go', t => {
  t.like(decode('50')?.accesses[0], {text: '-0x8(%rsp)', address: 0x7ffefff8n, writes: true})
  t.deepEqual(decode('ff d0', {rax: 0x4141414141414141n})?.indirect, {text: '*%rax', target: 0x4141414141414141n})
  t.deepEqual(decode('c3')?.indirect, {text: '(%rsp)', target: undefined})
})

test('an aligned move is known as such, a division by its divisor', t => {
  t.is(decode('0f 29 44 24 10')?.accesses[0]?.alignment, 16)
  t.is(decode('0f 11 44 24 10')?.accesses[0]?.alignment, 1)
  t.is(decode('f7 fe')?.divisor, '%esi')
})

test('SSE takes its 16 bytes from a multiple of 16, but for what says otherwise; AVX from anywhere', t => {
  const alignment = (code: string): number | undefined => decode(code)?.accesses[0]?.alignment
  t.is(alignment('66 0f fe 43 04'), 16) // paddd 4(%rbx),%xmm0
  t.is(alignment('66 0f 3a 63 43 04 00'), 1) // pcmpistri $0,4(%rbx),%xmm0
  t.is(alignment('f2 0f 58 43 04'), 1) // addsd 4(%rbx),%xmm0
  t.is(alignment('c5 f9 fe 43 04'), 1) // vpaddd 4(%rbx),%xmm0,%xmm0
  t.is(alignment('f0 48 0f c7 4b 08'), 16) // lock cmpxchg16b 8(%rbx)
  t.is(alignment('0f ae 43 08'), 16) // fxsave 8(%rbx)
  t.is(alignment('0f ae 63 08'), 64) // xsave 8(%rbx)
})

test('a bit number reaches beyond its operand, both ways', t => {
  // bt %rax,(%rbx)
  t.is(decode('48 0f a3 03', {rbx: 0x1000n, rax: 64n})?.accesses[0]?.address, 0x1008n)
  t.is(decode('48 0f a3 03', {rbx: 0x1000n, rax: 2n ** 64n - 1n})?.accesses[0]?.address, 0xff8n)
})

test('what a program may not run is known as such', t => {
  t.is(decode('f4')?.refusal, 'privileged') // hlt
  t.is(decode('e4 60')?.refusal, 'privileged') // in $0x60,%al
  t.is(decode('cd 21')?.refusal, 'interrupt')
  t.like(decode('06'), {text: '(bad)', refusal: 'invalid'})
  t.is(decode('89 04 8a')?.refusal, undefined)
})

test('where no siginfo tells the address, the mappings tell which operand was refused; a signal that was sent has none', t => {
  const core = (code: string, rdx: bigint) => {
    const bytes = Uint8Array.from(code.split(' '), byte => Number.parseInt(byte, 16))
    const memory = [
      {address: PC, bytes, flags: 5},
      {address: 0x500000, memorySize: 0x1000, flags: 4},
    ]
    const file = CoreFile.open(
      new BytesSource(buildCore({threads: [{tid: 1, signal: 11}], memory}), 'core'),
      new Diagnostics(),
    )
    const registers = RegisterSet.ofPosition(PC, toAddress(0x7fff0000)).toBuilder().setWord(DWARF_REGISTER.rdx, rdx)
    const signal = {number: 11, code: undefined, address: 0n, pc: PC, registers: registers.build()}
    return explainFault({core: file, memory: new AddressSpace(file, [])} as never, {signal, thread: undefined} as never)
  }
  // mov %eax,(%rdx)
  t.like(core('89 02', 0x500010n), {
    operand: '(%rdx)',
    operandAddress: '0x500010',
    addressKind: 'read-only page of anonymous memory at 0x500000',
  })
  t.like(core('89 02', 16n), {operandAddress: '0x10', addressKind: 'null plus 0x10'})
  // mov (%rdx),%eax
  t.is(core('8b 02', 0x500010n), null)
})

test('a signal that its stack had no room for is a stack overflow, with the instruction or without', t => {
  const explain = (code: string | undefined, sp: bigint, rdx = 0n) => {
    const bytes = Uint8Array.from((code ?? '').split(' '), byte => Number.parseInt(byte, 16))
    const memory = [
      ...(code === undefined ? [{address: PC, memorySize: 0x1000, flags: 5}] : [{address: PC, bytes, flags: 5}]),
      {address: 0x700000, memorySize: 0x1000, flags: 0},
      {address: 0x701000, memorySize: 0x8000, flags: 6},
    ]
    const threads = [{tid: 7, signal: 11}]
    const core = CoreFile.open(new BytesSource(buildCore({threads, memory}), 'core'), new Diagnostics())
    const builder = RegisterSet.ofPosition(PC, toAddress(0)).toBuilder()
    const registers = builder.setWord(DWARF_REGISTER.rsp, sp).setWord(DWARF_REGISTER.rdx, rdx).build()
    const signal = {number: 11, code: 128, address: 0n, pc: PC, registers}
    const thread = {thread: {tid: 7, registers: new BigUint64Array(27)}, frames: [{sp: toAddress(0x702000)}]}
    return explainFault({core, memory: new AddressSpace(core, [])} as never, {signal, thread} as never)
  }
  const overflow = 'guard page of the stack of thread 7: stack overflow'
  // call, at the last word of the stack; then without code
  t.like(explain('e8 00 01 00 00', 0x701000n), {operandAddress: '0x700ff8', addressKind: overflow})
  t.like(explain(undefined, 0x700f90n), {
    text: null,
    operand: '%rsp',
    operandAddress: '0x700f90',
    addressKind: overflow,
  })
  t.is(explain(undefined, 0x702000n), null)
  // mov %eax,(%rdx): #GP
  t.like(explain('89 02', 0x702000n, 0x4141414141414141n), {operand: '(%rdx)', addressKind: 'non-canonical'})
  t.like(explain('89 02', 0x702000n, 0x702000n), {addressKind: 'general protection: not by an address'})
})

test('the breakpoint behind which a SIGTRAP stops', t => {
  const find = (code: string, at: number): number | undefined => {
    const bytes = Uint8Array.from(code.split(' '), byte => Number.parseInt(byte, 16))
    const read = (address: Address, length: number) =>
      address >= PC && address + length <= PC + bytes.length
        ? bytes.subarray(address - PC, address - PC + length)
        : undefined
    return findBreakpoint({read}, toAddress(PC + at))
  }
  t.is(find('cc 90', 1), PC)
  t.is(find('cd 03 90', 2), PC)
  t.is(find('90 90', 1), undefined)
})

test('an operand with an unknown register has no address', t => {
  t.is(decode('48 8b 00')?.accesses[0]?.address, undefined)
})

const load = (address: number, memorySize: number, flags: string): Segment =>
  ({
    address: toAddress(address),
    memorySize,
    fileSize: 0,
    offset: 0,
    readable: flags.includes('r'),
    writable: flags.includes('w'),
    executable: flags.includes('x'),
  }) as Segment

const segments = new CoreSegments(new BytesSource(new Uint8Array(0), 'core'), [
  load(0x400000, 0x1000, 'rx'),
  load(0x500000, 0x2000, 'r'),
  load(0x7f0000000000, 0x1000, ''),
  load(0x7f0000001000, 0x8000, 'rw'),
  load(0x7ffe00000000, 0x21000, 'rw'),
])
const process = {
  core: {segments, mappings: [{start: 0x500000, end: 0x502000, fileOffset: 0, path: '/lib/libsome.so'}]},
  memory: {moduleAt: () => undefined, read: () => new Uint8Array(1)},
} as unknown as Parameters<typeof describeAddress>[0]
const stacks = [
  {sp: toAddress(0x7f0000002000), thread: 12},
  {sp: toAddress(0x7ffe00020000), thread: 11},
]
const kind = (address: bigint, access: 'read' | 'write' | 'execute' = 'read') =>
  describeAddress(process, address, access, stacks)

test('addresses next to zero are null with an offset, those no page table reaches have a name', t => {
  t.is(kind(0n), 'null')
  t.is(kind(8n), 'null plus 0x8')
  t.is(kind(0xfffffffffffffff8n), 'null minus 0x8')
  t.is(kind(0x4141414141414141n), 'non-canonical')
  t.is(kind(0xffff888000000000n), 'kernel address')
})

test('the page below a stack that nobody may touch is its guard; below the main stack there is none', t => {
  t.is(kind(0x7f0000000ff8n, 'write'), 'guard page of the stack of thread 12: stack overflow')
  t.is(kind(0x7ffdffffffe8n, 'write'), 'below the stack of thread 11: stack overflow')
})

test('a mapped address faults for what its page forbids', t => {
  t.is(kind(0x500010n, 'write'), 'read-only page of /lib/libsome.so')
  t.is(kind(0x7f0000002000n, 'execute'), 'not executable: the stack of thread 12')
})

test('an unmapped address is told by its neighbours, or by having none', t => {
  t.is(kind(0x502010n), 'unmapped, 0x10 past the end of /lib/libsome.so')
  t.is(kind(0x4ffff0n), 'unmapped, 0x10 before /lib/libsome.so')
  t.is(kind(0x123456789000n), 'unmapped: freed or never mapped')
})
