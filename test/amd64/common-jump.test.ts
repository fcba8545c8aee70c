// Jumps that are told without iced: what they say is what iced says.
import test from 'ava'
import {commonJump} from '../../src/amd64/common-jump.ts'
import {Disassembler} from '../../src/amd64/disassembler.ts'
import {decodeInstruction} from '../../src/amd64/instruction.ts'
import {type Address, toAddress} from '../../src/base/address.ts'

const PC = toAddress(0x401000)

function memoryOf(bytes: Uint8Array) {
  const read = (address: Address, length: number) =>
    address >= PC && address - PC + length <= bytes.length
      ? bytes.subarray(address - PC, address - PC + length)
      : undefined
  return {read}
}

const isJump = (flow: string) => flow === 'jump' || flow === 'branch' || flow === 'tail-jump'

test('a jump, and what is none, is what iced says, whatever the first two bytes are', t => {
  let noise = 1
  let told = 0
  for (let head = 0; head < 0x10000; head++) {
    const bytes = Uint8Array.from({length: 16}, () => {
      noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0
      return noise >>> 24
    })
    bytes.set([head & 0xff, head >>> 8])
    const memory = memoryOf(bytes)
    const jump = commonJump(memory, PC)
    // A target below 0 is none to either.
    if (jump === undefined) continue
    told++
    const found = decodeInstruction(new Disassembler(memory), PC)
    const expected = found && isJump(found.flow) ? found : undefined
    if (jump === 'other') t.is(expected, undefined, `${head}`)
    else {
      const {length, flow, target, slot} = jump
      t.deepEqual([length, flow, target, slot], [expected?.length, expected?.flow, expected?.target, expected?.slot])
    }
  }
  t.true(told > 40_000, `${told}`)
})

test('with a prefix, and where memory ends, iced is asked', t => {
  for (const bytes of [
    [0xf2, 0xe9, 0, 0, 0, 0],
    [0x66, 0xeb, 0],
    [],
    [0xe9, 0, 0],
    [0x0f],
    [0xff, 0x25, 0],
    [0xff, 0x2d],
  ]) {
    t.is(commonJump(memoryOf(Uint8Array.from(bytes)), PC), undefined)
  }
})
