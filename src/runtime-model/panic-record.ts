import {type Address, NULL_ADDRESS} from '../base/address.ts'
import {type InterfaceValue, readInterfaceValue} from './interface-value.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/** One runtime._panic of a goroutine. */
export interface PanicRecord {
  readonly address: Address
  /**
   * The panic's argument. Once the runtime has begun to print (preprintpanics, 1.8+) errors and Stringers have become
   * plain strings, so the text is what was printed; before that only the type of such a value is known.
   */
  readonly value: InterfaceValue
  readonly recovered: boolean
  readonly aborted: boolean
  /** 1.25+: the next newer panic carries the same value. */
  readonly repanicked: boolean
  /** Not a panic but a runtime.Goexit that runs deferred functions. */
  readonly goexit: boolean
}

/** Panics inside panics: a program that nests them deeper has overflowed its stack long before. */
const CHAIN_LIMIT = 1000

/** The panics of a goroutine from g._panic on, newest first. */
export function readPanics(access: RuntimeAccess, head: Address): PanicRecord[] {
  const panics: PanicRecord[] = []
  const seen = new Set<Address>()
  for (let at = head; at !== NULL_ADDRESS && !seen.has(at) && panics.length < CHAIN_LIMIT; ) {
    seen.add(at)
    const record = RemoteStruct.read(access.memory, at, access.layouts._panic)
    if (!record) break
    panics.push({
      address: at,
      value: readInterfaceValue(access, record.pointer('arg._type'), record.word('arg.data')),
      recovered: record.flag('recovered'),
      aborted: record.flag('aborted'),
      repanicked: record.flag('repanicked'),
      goexit: record.flag('goexit'),
    })
    at = record.pointer('link')
  }
  return panics
}
