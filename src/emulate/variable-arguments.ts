import type {Address} from '../base/address.ts'
import type {EmulatedMemory} from './emulated-memory.ts'
import type {Emulator} from './emulator.ts'
import type {ArgumentList} from './printf.ts'
import {VECTOR_SIZE} from './processor.ts'

const WORD_REGISTERS = 6
const DOUBLE_REGISTERS = 8

/** The arguments of a call from one on (System V ABI, AMD64 supplement, 3.2.3). */
export function listOfCall(emulator: Emulator, first: number): ArgumentList {
  const {cpu} = emulator
  let [word, double, onStack] = [first, 0, Math.max(0, first - WORD_REGISTERS)]
  const fromStack = () => emulator.argument(WORD_REGISTERS + onStack++)
  return {
    word: () => (word < WORD_REGISTERS ? emulator.argument(word++) : fromStack()),
    double: () =>
      double < DOUBLE_REGISTERS ? cpu.lanes.getFloat64(double++ * VECTOR_SIZE, true) : asDouble(fromStack()),
  }
}

/** Where a va_list has its fields (System V ABI, AMD64 supplement, figure 3.34). */
const GP_OFFSET = 0
const FP_OFFSET = 4
const OVERFLOW_AREA = 8
const SAVE_AREA = 16
const GP_END = 48
const FP_END = 176

/** A va_list: it goes on where the next one who asks begins. */
export function listOfPointer(memory: EmulatedMemory, list: Address): ArgumentList {
  const take = (field: number, end: number, step: number): bigint => {
    const offset = memory.u32(list + field)
    if (offset < end) {
      memory.setU32(list + field, offset + step)
      return memory.u64(Number(memory.u64(list + SAVE_AREA)) + offset)
    }
    const place = memory.u64(list + OVERFLOW_AREA)
    memory.setU64(list + OVERFLOW_AREA, place + 8n)
    return memory.u64(Number(place))
  }
  return {
    word: () => take(GP_OFFSET, GP_END, 8),
    double: () => asDouble(take(FP_OFFSET, FP_END, 16)),
  }
}

function asDouble(word: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, word)
  return view.getFloat64(0)
}
