import {type Address, toAddress} from '../../src/base/address.ts'
import {ByteSlab} from '../../src/base/byte-slab.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {layoutsFromTables} from '../../src/runtime-model/layouts-by-version.ts'
import type {RuntimeAccess} from '../../src/runtime-model/runtime-access.ts'
import {type FieldName, fieldWidth, type StructName} from '../../src/runtime-model/struct-layout.ts'
import {GoroutineStatuses} from '../../src/runtime-model/goroutine-status.ts'
import {WaitReasons} from '../../src/runtime-model/wait-reason.ts'

/** Memory of a process that never was: regions at chosen addresses, everything else missing. */
export class ProcessBuilder implements MemoryReader {
  readonly release: GoVersion
  readonly access: RuntimeAccess
  readonly diagnostics = new Diagnostics()
  readonly #regions = new Map<number, Uint8Array>()
  readonly #functions: {entry: Address; end: Address; name: string}[] = []
  #next = 0x10000

  constructor(minor: number, patch = 0) {
    this.release = GoVersion.ofMinor(minor, patch)
    const functionAt = (pc: Address) => this.#functions.find(each => pc >= each.entry && pc < each.end)
    const functionNamed = (name: string) => this.#functions.find(each => each.name === name)
    const types = {start: toAddress(0x500000), end: toAddress(0x600000)}
    this.access = {
      memory: this,
      release: this.release,
      oldestRelease: this.release,
      waitReasons: new WaitReasons([this.release]),
      statuses: new GoroutineStatuses(this.release),
      layouts: layoutsFromTables(this.release),
      tables: {functionAt, functionNamed, modules: [{types}]},
      diagnostics: this.diagnostics,
      slab: new ByteSlab(),
    }
  }

  read(address: Address, length: number): Uint8Array | undefined {
    for (const [start, bytes] of this.#regions) {
      if (address >= start && address + length <= start + bytes.length) {
        return bytes.subarray(address - start, address - start + length)
      }
    }
    return undefined
  }

  /** Takes room for `size` bytes, somewhere or at `address`. */
  allocate(size: number, address = this.#next): Address {
    this.#regions.set(address, new Uint8Array(size))
    if (address === this.#next) this.#next += Math.ceil((size + 64) / 64) * 64
    return toAddress(address)
  }

  write(address: number, value: number | bigint, width = 8): void {
    const bytes = this.read(toAddress(address), width)
    if (!bytes) throw new Error(`nothing at 0x${address.toString(16)}`)
    let rest = BigInt.asUintN(64, BigInt(value))
    for (let index = 0; index < width; index++) {
      bytes[index] = Number(rest & 0xffn)
      rest >>= 8n
    }
  }

  words(...values: (number | bigint)[]): Address {
    const at = this.allocate(values.length * 8)
    for (const [index, value] of values.entries()) this.write(at + index * 8, value)
    return at
  }

  bytes(values: ArrayLike<number>, address?: number): Address {
    const at = this.allocate(values.length, address)
    this.read(at, values.length)?.set(values)
    return at
  }

  /** The two words of a Go string. */
  text(value: string): [pointer: number, length: number] {
    const bytes = new TextEncoder().encode(value)
    return [bytes.length === 0 ? 0 : this.bytes(bytes), bytes.length]
  }

  /**
   * An object of the release's layout with these fields; `room`: how much memory is there, as other releases may read
   * on.
   */
  struct<S extends StructName>(name: S, fields: Partial<Record<FieldName<S>, number | bigint>>, room = 0): Address {
    const layout = this.access.layouts[name]
    const at = this.allocate(Math.max(room, layout.span))
    for (const [field, value] of Object.entries(fields) as [FieldName<S>, number | bigint][]) {
      const offset = layout.offset(field)
      if (offset === undefined) throw new Error(`1.${this.release.minor} has no ${name}.${field}`)
      this.write(at + offset, value, fieldWidth(name, field))
    }
    return at
  }

  functionNamed(name: string): Address {
    const entry = toAddress(0x400000 + this.#functions.length * 0x100)
    this.#functions.push({entry, end: toAddress(entry + 0x100), name})
    return entry
  }
}
