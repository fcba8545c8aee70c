import type {Address} from '../../base/address.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import type {DwarfInfo} from '../../dwarf/dwarf-info.ts'
import type {ValueBudget, ValueLimits} from './limits.ts'
import {NESTING_MAX} from './limits.ts'
import type {View} from './storage.ts'
import {cutValue, type Value} from './value.ts'

/** What all readers of values share. */
export interface ValueEnvironment {
  readonly memory: MemoryReader
  readonly limits: ValueLimits
  /** The function that begins at an address, or an object's name with an offset. */
  nameAt(address: Address): string | undefined
  /** The function that begins at an address, and nowhere else. */
  functionAt(address: Address): string | undefined
  /** What is wrong with a pointer; undefined: nothing is. */
  pointerFault(word: bigint): string | undefined
  /** What is odd about one that can be followed. `isWritten`: the program may write through it. */
  pointerNote(word: bigint, isWritten: boolean): string | undefined
}

/** One variable that is being read. */
export interface Reading {
  readonly environment: ValueEnvironment
  readonly budget: ValueBudget
  /** Of the file that describes the variable. */
  readonly dwarf: DwarfInfo
  /** Structs that are open around the value. */
  readonly depth: number
  /** Pointers of C that were followed to it: one alone is. */
  readonly pointers: number
  /** Elements of the variable's own type, an array whose frame tells them. */
  readonly counts?: {readonly type: DataType; readonly dimensions: readonly (number | undefined)[]} | undefined
  /** Types that are open around it, structs or not. */
  readonly nesting: number
}

/** Reads values of the types of one language; undefined for those that it leaves to others. */
export type TypeReader = (type: DataType, view: View, reading: Reading) => Value | undefined

export function within(reading: Reading, structs: number): Reading {
  return {...reading, depth: reading.depth + structs, nesting: reading.nesting + 1}
}

/** Counts a value; what takes its place where no more may be read. */
export function refuse({budget, nesting}: Reading): Value | undefined {
  return budget.spend() && nesting <= NESTING_MAX ? undefined : cutValue('...')
}
