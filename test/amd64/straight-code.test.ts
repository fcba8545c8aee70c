import test from 'ava'
import {resultOfStraightCode} from '../../src/amd64/straight-code.ts'
import {FakeProcess} from '../unwind/process.ts'

const CODE = 0x1000
const OBJECT = 0x5000

function result(code: string, extra: (process: FakeProcess) => void = () => {}): bigint | undefined {
  const process = new FakeProcess().code(CODE, code).words(OBJECT, 0x7777, 0x6000, 0x6010)
  extra(process)
  return resultOfStraightCode(process, BigInt(CODE), BigInt(OBJECT))
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

test('what depends on a condition, writes, loops or is not there has no result', t => {
  t.is(result('48 85 ff 74 02 90 90 c3'), undefined, 'test %rdi,%rdi; je')
  t.is(result('48 89 07 c3'), undefined, 'mov %rax,(%rdi)')
  t.is(result('eb fe'), undefined, 'jmp to itself')
  t.is(result('48 8b 06 c3'), undefined, 'mov (%rsi),%rax: not known')
  t.is(result('64 48 8b 04 25 28 00 00 00 c3'), undefined, 'mov %fs:0x28,%rax')
  t.is(result('0f 05 c3'), undefined, 'syscall')
  t.is(resultOfStraightCode(new FakeProcess(), 0x1000n, 0n), undefined)
  t.is(resultOfStraightCode(new FakeProcess(), 2n ** 64n - 5n, 0n), undefined)
})
