import {type Address, addressOfWord, type Word} from '../../base/address.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import type {DwarfInfo} from '../../dwarf/dwarf-info.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {readCxxLibrary} from './cxx-library.ts'
import {GoTypes} from './go-types.ts'
import {GoValues} from './go-value.ts'
import type {ReadValue} from './library-object.ts'
import {ValueBudget, type ValueLimits} from './limits.ts'
import {NativeValues} from './native-value.ts'
import {PointerFaults, type RunningOn} from './pointer-fault.ts'
import {readRust} from './rust-value.ts'
import type {View} from './storage.ts'
import {isMissing, missingValue, type Value} from './value.ts'
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
  readonly environment: ValueEnvironment
  readonly #faults: PointerFaults
  readonly #native: NativeValues
  readonly #go: GoValues

  constructor(process: DeadProcess, limits: ValueLimits) {
    const faults = new PointerFaults(process)
    this.#faults = faults
    this.environment = {
      memory: process.memory,
      limits,
      nameAt: address => nameAt(process, address)?.text,
      functionAt: address => {
        const found = nameAt(process, address)
        return found?.offset === 0 ? found.text : undefined
      },
      pointerFault: word => faults.of(word),
      pointerNote: (word, isWritten) => faults.noteOf(word, isWritten),
    }
    this.#go = new GoValues(new GoTypes(process))
    this.#native = new NativeValues((type, view, reading) => this.#ofLanguage(type, view, reading))
  }

  /** Types that their language or its library writes in its own way. */
  #ofLanguage(type: DataType, view: View, reading: Reading): Value | undefined {
    const read: ReadValue = (...asked) => this.#native.read(...asked)
    switch (type.language) {
      case 'go':
        return this.#go.read(type, view, reading)
      case 'c++':
        return readCxxLibrary(type, view, reading, read)
      case 'rust':
        return readRust(type, view, reading, read)
      default:
        return undefined
    }
  }

  readVariable(
    name: string | undefined,
    type: DataType | undefined,
    view: View,
    dwarf: DwarfInfo,
    counts?: Reading['counts'],
  ): ReadVariable {
    if (!type) return {name, type, value: missingValue('unreadable'), address: undefined}
    const reading: Reading = {
      environment: this.environment,
      budget: new ValueBudget(),
      dwarf,
      depth: 0,
      nesting: 0,
      pointers: 0,
      counts,
    }
    const escaped =
      name?.startsWith('&') && type.language === 'go' ? this.#escaped(name, type, view, reading) : undefined
    if (escaped) return escaped
    const shown = this.#go.types.ofShape(type)
    return {name, type: shown, value: this.#native.read(shown, view, reading), address: undefined}
  }

  /** What a variable is called, and its type, whether or not it can be read. */
  nameOf(name: string | undefined, type: DataType | undefined): Pick<ReadVariable, 'name' | 'type'> {
    const target = name?.startsWith('&') && type?.language === 'go' ? type.bare.target : undefined
    if (target) return {name: name?.slice(1), type: this.#go.types.ofShape(target)}
    return {name, type: type && this.#go.types.ofShape(type)}
  }

  /** Who the next frames are of. */
  useStacks(own: RunningOn): void {
    this.#faults.useStacks(own)
  }

  /** What `.dict` holds in the frame whose variables come next; undefined where it has none. */
  useDictionary(word: Word | undefined): void {
    this.#go.types.useDictionary(word)
  }

  /** A variable of Go that moved to the heap: `&x` is a pointer to it. */
  #escaped(name: string, type: DataType, view: View, reading: Reading): ReadVariable | undefined {
    const target = type.bare.target && this.#go.types.ofShape(type.bare.target)
    const word = target ? view.unsigned() : 'unreadable'
    if (!target || isMissing(word)) return undefined
    const address = addressOfWord(word)
    const own = {name: name.slice(1), type: target}
    if (address === undefined || word === 0n) return {...own, value: missingValue('unreadable'), address: undefined}
    const fault = reading.environment.pointerFault(word)
    if (fault !== undefined) return {...own, value: {...missingValue('unreadable'), text: `<${fault}>`}, address}
    return {...own, value: this.#go.read(target, this.#go.viewAt(address, reading), reading), address}
  }
}

function nameAt({symbolizer, isExecutable}: DeadProcess, address: Address): {text: string; offset: number} | undefined {
  if (!isExecutable(address)) return undefined
  const [frame] = symbolizer.locate(address, address).slice(-1)
  if (!frame?.function || frame.entry === null) return undefined
  const offset = address - frame.entry
  return {text: offset === 0 ? frame.function : `${frame.function}+${offset}`, offset}
}
