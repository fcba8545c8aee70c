import type {Address} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'

/** What a call may ask of the process around it. */
export interface EmulatedProgram {
  /** The program first, then its libraries in the order in which names are looked up. */
  readonly modules: readonly EmulatedModule[]
  /** Content of a file as the process would have found it; undefined: there is none that may be read. */
  readonly open: (path: string) => ByteSource | undefined
  readonly executablePath: string
  readonly pid: number
  readonly tid: number
}

export interface EmulatedModule {
  readonly path: string
  readonly start: Address
  readonly end: Address
  readonly loadBias: number
  readonly isExecutable: boolean
  /** In memory. */
  readonly programHeaders: {readonly address: Address; readonly count: number} | undefined
  /** A function or object that it defines, by name. */
  readonly lookup: (name: string) => EmulatedSymbol | undefined
  /** The symbol that covers an address, by the names that it gives to others. */
  readonly symbolAt: (address: Address) => {name: string; address: Address} | undefined
  /** The name by which a slot of its global offset table is bound. */
  readonly slotName: (place: Address) => string | undefined
  /** Whether this is a stub of its procedure linkage table: a slot that leads there is not bound yet. */
  readonly isStub: (address: Address) => boolean
}

export interface EmulatedSymbol {
  readonly address: Address
  /** Its code says where the function is (STT_GNU_IFUNC). */
  readonly isIndirect: boolean
}
