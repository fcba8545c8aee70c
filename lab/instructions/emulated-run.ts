import {type Address, toAddress} from '../../src/base/address.ts'
import {EmulatedMemory} from '../../src/emulate/emulated-memory.ts'
import {type EmulatedWorld, Emulator} from '../../src/emulate/emulator.ts'
import type {Processor} from '../../src/emulate/processor.ts'
import type {InstructionForm} from './forms.ts'
import {SCRATCH, STATE, stateBefore} from './state.ts'

const CODE = 0x20000000
const FREE = 0x30000000
const PAGE = 4096
const RET = 0xc3
const LIMITS = {instructions: 1e9, memory: 1 << 24, depth: 10, stack: 1 << 16, time: 600_000}

/** A world without anything. */
export const EMPTY_WORLD: EmulatedWorld = {
  functionAt: () => undefined,
  jumpThrough: () => undefined,
  systemCall: emulator => emulator.answer(-38),
}

/** The states after an instruction as the emulator has them. */
export function runEmulated(form: InstructionForm, code: Uint8Array, count: number): Uint8Array[] {
  const emulator = emulatorOf(code)
  return Array.from({length: count}, (_, index) => {
    const state = stateBefore(form, index)
    load(emulator.cpu, state)
    emulator.run(toAddress(CODE))
    store(emulator.cpu, state)
    return state
  })
}

function emulatorOf(code: Uint8Array): Emulator {
  const pages = new Map([
    [CODE, new Uint8Array(PAGE).fill(RET)],
    [SCRATCH.start, new Uint8Array(PAGE)],
  ])
  pages.get(CODE)?.set(code)
  const read = (address: Address, length: number) => {
    const page = pages.get(address - (address % PAGE))
    return page?.slice(address % PAGE, (address % PAGE) + length)
  }
  const rightsAt = () => ({writable: true, executable: true})
  return new Emulator(
    new EmulatedMemory({memory: {read}, rightsAt}, toAddress(FREE), LIMITS.memory),
    EMPTY_WORLD,
    LIMITS,
  )
}

function load(cpu: Processor, state: Uint8Array): void {
  const view = new DataView(state.buffer)
  const sp = cpu.general[4] as bigint
  for (let register = 0; register < 16; register++) cpu.general[register] = view.getBigUint64(register * 8, true)
  cpu.general[4] = sp
  cpu.flags = Number(view.getBigUint64(STATE.flags, true))
  for (let mask = 0; mask < 8; mask++) cpu.masks[mask] = view.getBigUint64(STATE.masks + mask * 8, true)
  cpu.vectors.set(state.subarray(STATE.vectors, STATE.memory))
  cpu.memory.write(SCRATCH.start, state.subarray(STATE.memory))
}

function store(cpu: Processor, state: Uint8Array): void {
  const view = new DataView(state.buffer)
  for (let register = 0; register < 16; register++)
    view.setBigUint64(register * 8, cpu.general[register] as bigint, true)
  view.setBigUint64(STATE.flags, BigInt(cpu.flags), true)
  for (let mask = 0; mask < 8; mask++) view.setBigUint64(STATE.masks + mask * 8, cpu.masks[mask] as bigint, true)
  state.set(cpu.vectors.subarray(0, STATE.memory - STATE.vectors), STATE.vectors)
  state.set(cpu.memory.read(SCRATCH.start, SCRATCH.size), STATE.memory)
}
