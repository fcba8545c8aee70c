import {closeSync, copyFileSync, openSync, readFileSync, writeSync} from 'node:fs'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {CoreFile} from '../../src/elf/core-file.ts'

const PT_LOAD = 1
const PROGRAM_HEADER_SIZE = 56

/**
 * A copy of a core as gdb's gcore leaves it where guard pages lie inside the mappings of thread stacks (glibc 2.42 and
 * later): zeros from `share` of each mapping that holds a thread's storage up to its end. Returns the threads of it.
 */
export function zeroStacks(core: string, copy: string, share = 0): number[] {
  copyFileSync(core, copy)
  const bytes = readFileSync(core)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const {threads, process} = CoreFile.open(new BytesSource(bytes, core), new Diagnostics())
  const zeroed: number[] = []
  const file = openSync(copy, 'r+')
  const table = Number(view.getBigUint64(32, true))
  for (let at = table; at < table + view.getUint16(56, true) * PROGRAM_HEADER_SIZE; at += PROGRAM_HEADER_SIZE) {
    const [offset, start, size] = [8, 16, 32].map(field => Number(view.getBigUint64(at + field, true))) as [
      number,
      number,
      number,
    ]
    const owners = threads.filter(({tid, registers}) => {
      const base = Number(registers[USER_REGS.fs_base])
      return tid !== process?.pid && base >= start && base < start + size
    })
    if (view.getUint32(at, true) !== PT_LOAD || owners.length === 0) continue
    const kept = Math.floor(size * share)
    writeSync(file, new Uint8Array(size - kept), 0, size - kept, offset + kept)
    zeroed.push(...owners.map(({tid}) => tid))
  }
  closeSync(file)
  return zeroed
}
