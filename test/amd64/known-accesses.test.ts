import test from 'ava'
import {type CodeAccess, readCodeAccesses} from '../../src/amd64/code-accesses.ts'
import {KnownAccesses} from '../../src/amd64/known-accesses.ts'
import {type Address, toAddress} from '../../src/base/address.ts'

/** `mov 0x10(%rip),%rax; lock incl 8(%rdi); mov %fs:-8,%rcx; ret` */
const CODE = Uint8Array.of(
  ...[0x48, 0x8b, 0x05, 0x10, 0, 0, 0],
  ...[0xf0, 0xff, 0x47, 8],
  ...[0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff],
  0xc3,
)

function accessesAt(entry: Address, code: Uint8Array, known?: KnownAccesses): CodeAccess[] {
  const memory = {
    read(at: Address, length: number): Uint8Array | undefined {
      if (at < entry || at - entry >= code.length) return undefined
      const bytes = new Uint8Array(length)
      bytes.set(code.subarray(at - entry, at - entry + length))
      return bytes
    },
  }
  return readCodeAccesses(memory, {entry, end: toAddress(entry + code.length)}, known)
}

const [here, there] = [toAddress(0x401000), toAddress(0x7f00_0000_2000)]

test('a function that is known names what its code names, wherever it stands, and is not decoded', t => {
  const cold = new KnownAccesses()
  t.is(cold.takeNew(), undefined)
  const first = accessesAt(here, CODE, cold)
  t.deepEqual(first, accessesAt(here, CODE))
  t.is(first[0]?.target, toAddress(0x401017))
  const kept = cold.takeNew()
  t.is(cold.takeNew(), undefined, 'nothing is new a second time')
  const warm = new KnownAccesses(kept)
  t.deepEqual(accessesAt(there, CODE, warm), accessesAt(there, CODE))
  t.deepEqual(
    warm.of(CODE, here, () => t.fail()),
    first,
  )
  t.is(warm.takeNew(), undefined)
})

test('one other byte makes another function', t => {
  const known = new KnownAccesses()
  accessesAt(here, CODE, known)
  const other = CODE.with(3, 0x18)
  t.deepEqual(accessesAt(here, other, known), accessesAt(here, other))
  t.is(accessesAt(here, other, known)[0]?.target, toAddress(0x40101f))
})

test('what is known is bounded: it begins anew', t => {
  const known = new KnownAccesses()
  for (let index = 0; index < 256; index++) known.of(Uint8Array.of(index), here, () => [])
  const whole = known.takeNew()?.length ?? 0
  known.of(Uint8Array.of(1, 2), here, () => [])
  t.true((known.takeNew()?.length ?? 0) < whole / 100)
})
