import test from 'ava'
import {resultOfReadOnlyCall} from '../../src/amd64/read-only-call.ts'
import {FakeProcess} from '../unwind/process.ts'

const CODE = 0x1000
const OBJECT = 0x5000

function result(code: string, extra: (process: FakeProcess) => void = () => {}, fsBase?: bigint): bigint | undefined {
  const process = new FakeProcess().code(CODE, code).words(OBJECT, 0x7777, 0x6000, 0x6010)
  extra(process)
  return resultOfReadOnlyCall(process, BigInt(CODE), {argument: BigInt(OBJECT), fsBase})
}

test('a function that returns a constant or a member is followed to its end', t => {
  t.is(result('48 8d 05 f9 0f 00 00 c3'), 0x2000n, 'lea 0xff9(%rip),%rax; ret')
  t.is(result('f3 0f 1e fa 48 8b 47 08 c3'), 0x6000n, 'endbr64; mov 8(%rdi),%rax; ret')
  t.is(result('b8 10 32 54 76 c3'), 0x76543210n, 'mov $0x76543210,%eax; ret')
})

test('code without optimization keeps its argument on its stack', t => {
  // push %rbp; mov %rsp,%rbp; mov %rdi,-8(%rbp); mov -8(%rbp),%rax; add $8,%rax; mov (%rax),%rax; pop %rbp; ret
  t.is(result('55 48 89 e5 48 89 7d f8 48 8b 45 f8 48 83 c0 08 48 8b 00 5d c3'), 0x6000n)
})

test('calls are followed, also through a slot of the linker', t => {
  // sub $8,%rsp; add $8,%rdi; call 0x2000; add $8,%rsp; ret
  const code = '48 83 ec 08 48 83 c7 08 e8 f3 0f 00 00 48 83 c4 08 c3'
  // jmp *0xffa(%rip); at 0x3000 the address of: mov (%rdi),%rax; ret
  const linked = (process: FakeProcess) =>
    process.code(0x2000, 'ff 25 fa 0f 00 00').words(0x3000, 0x4000).code(0x4000, '48 8b 07 c3')
  t.is(result(code, linked), 0x6000n)
})

test('conditions on what is known are decided', t => {
  // test %rdi,%rdi; je +5; mov 8(%rdi),%rax; ret; xor %eax,%eax; ret
  const ifSet = '48 85 ff 74 05 48 8b 47 08 c3 31 c0 c3'
  t.is(result(ifSet), 0x6000n)
  t.is(resultOfReadOnlyCall(new FakeProcess().code(CODE, ifSet), BigInt(CODE), {argument: 0n}), 0n)
  // mov $5,%eax; cmp $N,%eax; jX +3; xor %eax,%eax; ret; ret
  const taken = (jump: string, compared: string) =>
    result(`b8 05 00 00 00 83 f8 ${compared} ${jump} 03 31 c0 c3 c3`) === 5n
  const rows: [jump: string, whereTaken: string][] = [
    ['74', '05'],
    ['75', '04 06 ff'],
    ['72', '06 ff'],
    ['73', '04 05'],
    ['76', '05 06 ff'],
    ['77', '04'],
    ['7c', '06'],
    ['7d', '04 05 ff'],
    ['7e', '05 06'],
    ['7f', '04 ff'],
  ]
  for (const [jump, where] of rows) {
    const found = ['04', '05', '06', 'ff'].filter(compared => taken(jump, compared))
    t.is(found.join(' '), where, jump)
  }
})

test('narrow operands are cut, filled up and signed as the processor does it', t => {
  const at = (process: FakeProcess) => process.words(OBJECT, 0x8877665544332280n)
  t.is(result('0f b6 07 c3', at), 0x80n, 'movzbl (%rdi),%eax')
  t.is(result('48 0f be 07 c3', at), 2n ** 64n - 0x80n, 'movsbq (%rdi),%rax')
  t.is(result('48 63 47 04 c3', at), 0xffffffff88776655n, 'movslq 4(%rdi),%rax')
  t.is(result('48 83 c8 ff 8b 07 c3', at), 0x44332280n, 'or $-1,%rax; mov (%rdi),%eax')
  t.is(result('8b 07 83 e0 0f 48 c1 e0 04 c3', at), 0n, 'mov (%rdi),%eax; and $15,%eax; shl $4,%rax')
})

test("a thread's own data is read where the thread is given", t => {
  // mov %fs:0x10,%rax; ret
  const code = '64 48 8b 04 25 10 00 00 00 c3'
  t.is(
    result(code, process => process.words(0x9010, 0x1234), 0x9000n),
    0x1234n,
  )
  t.is(
    result(code, process => process.words(0x9010, 0x1234)),
    undefined,
  )
})

test('what depends on something unknown, writes, loops or is not there has no result', t => {
  t.is(result('48 85 f6 74 02 90 90 c3'), undefined, 'test %rsi,%rsi; je')
  t.is(result('0f a2 c3'), undefined, 'cpuid')
  t.is(result('48 89 07 c3'), undefined, 'mov %rax,(%rdi)')
  t.is(result('eb fe'), undefined, 'jmp to itself')
  t.is(result('48 8b 06 c3'), undefined, 'mov (%rsi),%rax: not known')
  t.is(result('64 48 8b 04 25 28 00 00 00 c3'), undefined, 'mov %fs:0x28,%rax')
  t.is(result('0f 05 c3'), undefined, 'syscall')
  t.is(resultOfReadOnlyCall(new FakeProcess(), 0x1000n, {}), undefined)
  t.is(resultOfReadOnlyCall(new FakeProcess(), 2n ** 64n - 5n, {}), undefined)
})
