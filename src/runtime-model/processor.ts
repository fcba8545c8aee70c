import type {Address} from '../base/address.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/** p.status (src/runtime/runtime2.go). */
const PROCESSOR_STATUS = ['idle', 'running', 'syscall', 'gcstop', 'dead'] as const

/** A P of the dead process. */
export interface Processor {
  readonly address: Address
  readonly id: number
  readonly status: string
  readonly m: Address
  /** Monotonic nanoseconds of the monitor's last look at it; a lower bound of the time of death. */
  readonly schedwhen: bigint
  readonly syscallwhen: bigint
}

export function readProcessor(access: RuntimeAccess, address: Address): Processor | undefined {
  const p = RemoteStruct.read(access.memory, address, access.layouts.p)
  return (
    p && {
      address,
      id: p.i32('id'),
      status: PROCESSOR_STATUS[p.u32('status')] ?? '???',
      m: p.pointer('m'),
      schedwhen: p.i64('sysmontick.schedwhen'),
      syscallwhen: p.i64('sysmontick.syscallwhen'),
    }
  )
}
