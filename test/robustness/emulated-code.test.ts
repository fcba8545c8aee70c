// Code that is random bytes, or instructions put together at random, from random registers: a call returns or ends with
// a reason, in bounded time. Anything else that escapes is a bug.
import test from 'ava'
import {Random} from '../../lab/fuzz/random.ts'
import {listForms} from '../../lab/instructions/forms.ts'
import {readResults} from '../../lab/instructions/result-table.ts'
import {CallEnd} from '../../src/emulate/call-end.ts'
import type {Emulator} from '../../src/emulate/emulator.ts'
import {CODE, DATA, emulate} from '../support/emulated-code.ts'

const ROUNDS = 250
const LIMITS = {instructions: 3000, memory: 64 * 4096, depth: 10, stack: 16384, time: 2000}

function scramble({cpu}: Emulator, random: Random): void {
  for (let register = 0; register < 16; register++) {
    const any = (BigInt(random.next()) << 32n) | BigInt(random.next())
    const place = BigInt(DATA + random.below(5000) - 500)
    cpu.general[register] = random.pick([any, place, place, BigInt(random.below(100)), BigInt.asUintN(64, -any)])
  }
  cpu.flags = random.next()
  cpu.fsBase = random.pick([0, DATA, 2 ** 46])
  for (let at = 0; at < cpu.vectors.length; at += 4) cpu.lanes.setUint32(at, random.next())
}

function run(code: readonly number[], random: Random): string {
  const emulator = emulate(code, {limits: LIMITS, isOpen: random.once(3)})
  scramble(emulator, random)
  try {
    emulator.run(CODE)
    return 'returned'
  } catch (error) {
    if (error instanceof CallEnd) return error.reason
    throw new Error(`${Buffer.from(code).toString('hex')}: ${String(error)}`, {cause: error})
  }
}

test('random bytes', t => {
  const random = new Random(1)
  const seen = new Set<string>()
  for (let round = 0; round < ROUNDS; round++) {
    seen.add(
      run(
        Array.from({length: 200}, () => random.below(256)),
        random,
      ),
    )
  }
  t.true(seen.size > 2, [...seen].join())
})

test('instructions that are emulated, one after the other', t => {
  const random = new Random(2)
  const codes = readResults().map(({code}) => [...code])
  t.is(codes.length, listForms().length)
  const seen = new Set<string>()
  for (let round = 0; round < ROUNDS; round++) {
    const code = Array.from({length: 40}, () => random.pick(codes)).flat()
    seen.add(run([...code, random.pick([0xc3, 0xeb, 0xe8]), 0x80, 0xff, 0xff, 0xff], random))
  }
  t.true(seen.has('returned') || seen.has('unmapped'), [...seen].join())
})
