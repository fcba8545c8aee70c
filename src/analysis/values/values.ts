import {type Address, addressOfWord} from '../../base/address.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import type {DwarfInfo} from '../../dwarf/dwarf-info.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {ValueBudget, type ValueLimits} from './limits.ts'
import {NativeValues} from './native-value.ts'
import type {View} from './storage.ts'
import {missingValue, type Value} from './value.ts'
import type {Reading, ValueEnvironment} from './value-reader.ts'

/** A variable as it is shown. */
export interface ReadVariable {
  readonly name: string | undefined
  readonly type: DataType | undefined
  readonly value: Value
  /** undefined: where its location says. */
  readonly address: Address | undefined
}

/** Reads values by their types, whatever language those are of. */
export class Values {
  readonly #environment: ValueEnvironment
  readonly #native: NativeValues

  constructor(process: DeadProcess, limits: ValueLimits) {
    this.#environment = {
      memory: process.memory,
      limits,
      nameAt: address => nameAt(process, address),
      pointerFault: word => (word === 0n ? undefined : pointerFault(process, word)),
    }
    this.#native = new NativeValues(() => undefined)
  }

  readVariable(name: string | undefined, type: DataType | undefined, view: View, dwarf: DwarfInfo): ReadVariable {
    if (!type) return {name, type, value: missingValue('unreadable'), address: undefined}
    const reading: Reading = {environment: this.#environment, budget: new ValueBudget(), dwarf, depth: 0, nesting: 0}
    return {name, type, value: this.#native.read(type, view, reading), address: undefined}
  }
}

function nameAt({symbolizer, isExecutable}: DeadProcess, address: Address): string | undefined {
  if (!isExecutable(address)) return undefined
  const [frame] = symbolizer.locate(address, address).slice(-1)
  if (!frame?.function || frame.entry === null) return undefined
  return frame.entry === address ? frame.function : `${frame.function}+${address - frame.entry}`
}

function pointerFault({core}: DeadProcess, word: bigint): string | undefined {
  const address = addressOfWord(word)
  if (address === undefined) return 'not an address'
  return core.isMapped(address) ? undefined : 'not mapped'
}
