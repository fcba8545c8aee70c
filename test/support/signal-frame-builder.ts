import {BytesBuilder} from './bytes-builder.ts'

interface Interruption {
  pc: number
  sp: number
  signal: number
  address?: number
  /** Where the frame is: fpstate points behind it. */
  at?: number
  /** Words that somebody wrote over its start. */
  overwritten?: readonly number[]
}

/** The kernel's frame of a signal that came at `pc`: ucontext, then siginfo. */
export function ucontext({pc, sp, signal, address = 0, at, overwritten = []}: Interruption): Uint8Array {
  const bytes = new BytesBuilder().u64(7, 0, 0xc000008000, 0, 0x8000).padTo(160).u64(sp, pc, 0x10246)
  bytes
    .u64(0x2b000000000033n)
    .padTo(224)
    .u64(at === undefined ? 0 : at + 448)
  const built = bytes.padTo(0x130).u32(signal, 0, 1, 0).u64(address).padTo(0x1b0).build()
  built.set(new BytesBuilder().u64(...overwritten).build())
  return built
}
