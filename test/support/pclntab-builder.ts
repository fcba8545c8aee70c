import type {Address} from '../../src/base/address.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import {BytesBuilder} from './bytes-builder.ts'

/** A value and how many bytes of code it holds for. */
export type Run = readonly [value: number, length: number]

export interface FunctionSpec {
  name: string
  /** Offset from the start of text. */
  at: number
  args?: number
  funcID?: number
  flag?: number
  startLine?: number
  pcsp?: readonly Run[]
  pcfile?: readonly Run[]
  pcln?: readonly Run[]
  pcdata?: Readonly<Record<number, readonly Run[]>>
  /** Writes the content; `writeNameOffset` the names in it. */
  funcdata?: Readonly<Record<number, (builder: BytesBuilder) => void>>
}

export interface GoImageSpec {
  /** The release whose formats are written: Go 1.`minor`. */
  minor: number
  functions: readonly FunctionSpec[]
  /** Where the last function ends. */
  end: number
  files?: readonly string[]
  /** Names of inlined functions, beside those of `functions`. */
  names?: readonly string[]
  /** The first function's name is at offset 0, as linkers from 1.16 on write it. */
  namesFromZero?: boolean
  /** Where the code begins; default TEXT. */
  text?: number
  /** Address of a further moduledata. */
  next?: number
}

export interface GoImage {
  memory: MemoryReader
  bytes: Uint8Array
  start: Address
  end: Address
  header: Address
  moduledata: Address
  gofunc: Address
  text: Address
}

export const TEXT = 0x401000
const BASE = 0x500000
const NONE = 0xffffffff

function textOf({text = TEXT}: GoImageSpec): number {
  return text
}

/** An array of bytes at an address, as memory. */
export function memoryOf(bytes: Uint8Array, start: number): MemoryReader {
  return {
    read(address, length) {
      const offset = address - start
      return offset >= 0 && length >= 0 && offset + length <= bytes.length
        ? bytes.subarray(offset, offset + length)
        : undefined
    },
  }
}

/** Pairs of zig-zag value delta and pc delta, closed by a zero. */
export function encodePcValues(runs: readonly Run[]): number[] {
  const builder = new BytesBuilder()
  let previous = -1
  for (const [value, length] of runs) {
    const delta = value - previous
    builder.uleb128(delta < 0 ? -2 * delta - 1 : 2 * delta).uleb128(length)
    previous = value
  }
  return [...builder.u8(0).build()]
}

/** A moduledata, a pclntab and the funcdata blob of Go 1.`minor`, one behind the other, with these functions. */
export function buildGoImage(spec: GoImageSpec): GoImage {
  const builder = new BytesBuilder(BASE)
  builder.label('moduledata')
  moduledata(builder, spec)
  builder.align(32).label('header')
  if (spec.minor <= 15) builder.label('namesBase')
  if (spec.minor <= 15) oldTables(builder, spec)
  else newTables(builder, spec)
  builder.align(8).label('gofunc')
  spec.functions.forEach((fn, index) => {
    for (const [number, write] of Object.entries(fn.funcdata ?? {})) {
      write(builder.align(4).label(`funcdata:${index}:${number}`))
    }
  })
  // Readers may look a few bytes past a short table.
  builder.zeros(64)
  const bytes = builder.build()
  return {
    memory: memoryOf(bytes, BASE),
    bytes,
    start: BASE as Address,
    end: (BASE + bytes.length) as Address,
    header: builder.addressOf('header') as Address,
    moduledata: builder.addressOf('moduledata') as Address,
    gofunc: builder.addressOf('gofunc') as Address,
    text: textOf(spec) as Address,
  }
}

/** Offsets that differ: size, end of the fixed common part, gofunc, next (Go's own DWARF of these releases). */
const MODULEDATA: readonly {minor: number; size: number; gofunc: number; epclntab: number; next: number}[] = [
  {minor: 27, size: 568, gofunc: 344, epclntab: 352, next: 560},
  {minor: 26, size: 592, gofunc: 320, epclntab: 328, next: 584},
  {minor: 23, size: 584, gofunc: 320, epclntab: 0, next: 576},
  {minor: 21, size: 592, gofunc: 320, epclntab: 0, next: 584},
  {minor: 20, size: 568, gofunc: 320, epclntab: 0, next: 560},
  {minor: 18, size: 552, gofunc: 304, epclntab: 0, next: 544},
  {minor: 16, size: 536, gofunc: 0, epclntab: 0, next: 528},
  {minor: 10, size: 456, gofunc: 0, epclntab: 0, next: 448},
  {minor: 8, size: 440, gofunc: 0, epclntab: 0, next: 432},
  {minor: 7, size: 352, gofunc: 0, epclntab: 0, next: 344},
]

function moduledata(builder: BytesBuilder, spec: GoImageSpec): void {
  const row = MODULEDATA.find(({minor}) => spec.minor >= minor)
  if (!row) throw new Error(`no moduledata for Go 1.${spec.minor}`)
  const slice = (pointer: string, end: string, width: number): void => {
    builder.u64(pointer)
    for (let twice = 0; twice < 2; twice++) builder.computed(8, of => Math.floor((of(end) - of(pointer)) / width))
  }
  const start = builder.size
  if (spec.minor >= 16) {
    builder.u64('header')
    slice('funcnametab', 'cutab', 1)
    slice('cutab', 'filetab', spec.minor >= 26 ? 4 : 1)
    slice('filetab', 'pctab', 1)
    slice('pctab', 'pclntable', 1)
    slice('pclntable', 'tablesEnd', 1)
    slice('ftab', 'ftabEnd', spec.minor >= 18 ? 8 : 16)
  } else {
    slice('header', 'tablesEnd', 1)
    slice('ftab', 'ftabEnd', 16)
    slice('filetab', 'filetabEnd', 4)
  }
  // findfunctab, minpc, maxpc, text, etext.
  const first = spec.functions[0]?.at ?? 0
  const text = textOf(spec)
  builder.u64(0, text + first, text + spec.end, text, text + spec.end)
  if (row.gofunc) builder.padTo(start + row.gofunc).u64('gofunc')
  if (row.epclntab) builder.padTo(start + row.epclntab).u64('tablesEnd')
  builder
    .padTo(start + row.next)
    .u64(spec.next ?? 0)
    .padTo(start + row.size)
}

/** Go 1.2–1.15: one table, everything relative to its start. */
function oldTables(builder: BytesBuilder, spec: GoImageSpec): void {
  builder.u32(0xfffffffb, 0x08010000).u64(spec.functions.length).label('ftab')
  spec.functions.forEach((fn, index) => {
    builder.u64(textOf(spec) + fn.at).difference(8, `func:${index}`, 'header')
  })
  builder
    .u64(textOf(spec) + spec.end)
    .difference(4, 'filetab', 'header')
    .u32(0)
    .label('ftabEnd')
  names(builder, spec)
  pcTables(builder, spec)
  records(builder, spec)
  const files = spec.files ?? []
  builder
    .align(4)
    .label('filetab')
    .u32(files.length + 1)
  for (const index of files.keys()) builder.difference(4, `file:${index}`, 'header')
  builder.label('filetabEnd')
  for (const [index, file] of files.entries()) builder.label(`file:${index}`).cstring(file)
  builder.label('tablesEnd')
}

/** Go 1.16+: a header and five tables, found by their offsets from it. */
function newTables(builder: BytesBuilder, spec: GoImageSpec): void {
  const {minor} = spec
  const magic = minor >= 20 ? 0xfffffff1 : minor >= 18 ? 0xfffffff0 : 0xfffffffa
  const files = spec.files ?? []
  builder.u32(magic, 0x08010000).u64(spec.functions.length, files.length)
  // 1.26 keeps the slot and leaves it empty.
  if (minor >= 18) builder.u64(minor >= 26 ? 0 : textOf(spec))
  for (const table of ['funcnametab', 'cutab', 'filetab', 'pctab', 'pclntable']) builder.difference(8, table, 'header')
  builder.label('funcnametab').label('namesBase')
  if (!spec.namesFromZero) builder.u8(0)
  names(builder, spec)
  builder.align(4).label('cutab')
  files.forEach((file, index) => {
    if (file === '') builder.u32(NONE)
    else builder.difference(4, `file:${index}`, 'filetab')
  })
  builder.label('filetab')
  files.forEach((file, index) => {
    if (file !== '') builder.label(`file:${index}`).cstring(file)
  })
  builder.align(8).label('pctab').u8(0)
  pcTables(builder, spec)
  builder.align(8).label('pclntable').label('ftab')
  const word = minor >= 18 ? 4 : 8
  const origin = minor >= 18 ? 0 : textOf(spec)
  spec.functions.forEach((fn, index) => {
    builder.computed(word, () => origin + fn.at).difference(word, `func:${index}`, 'pclntable')
  })
  builder
    .computed(word, () => origin + spec.end)
    .fill(word, 0)
    .label('ftabEnd')
  records(builder, spec)
  builder.label('tablesEnd')
}

function names(builder: BytesBuilder, spec: GoImageSpec): void {
  const all = new Set([...spec.functions.map(({name}) => name), ...(spec.names ?? [])])
  for (const name of all) builder.label(`name:${name}`).cstring(name)
}

/** The offset of a name, as records and inline trees hold it. */
export function writeNameOffset(builder: BytesBuilder, name: string): BytesBuilder {
  return builder.difference(4, `name:${name}`, 'namesBase')
}

function pcTables(builder: BytesBuilder, spec: GoImageSpec): void {
  spec.functions.forEach((fn, index) => {
    const tables = {...fn.pcdata, pcsp: fn.pcsp, pcfile: fn.pcfile, pcln: fn.pcln}
    for (const [name, runs] of Object.entries(tables)) {
      if (runs) builder.label(`pc:${index}:${name}`).bytes(encodePcValues(runs))
    }
  })
  builder.label('pcEnd')
}

function records(builder: BytesBuilder, spec: GoImageSpec): void {
  spec.functions.forEach((fn, index) => {
    record(builder.align(8).label(`func:${index}`), spec, fn, index)
  })
}

/** One more than the largest number that is given. */
function countOf(numbered: object | undefined): number {
  return 1 + Math.max(-1, ...Object.keys(numbered ?? {}).map(Number))
}

function record(builder: BytesBuilder, spec: GoImageSpec, fn: FunctionSpec, index: number): void {
  const {minor} = spec
  const base = minor >= 16 ? 'pctab' : 'header'
  const table = (name: string, present: unknown): void => {
    if (present) builder.difference(4, `pc:${index}:${name}`, base)
    else builder.u32(0)
  }
  const npcdata = countOf(fn.pcdata)
  if (minor >= 18) builder.u32(fn.at)
  else builder.u64(textOf(spec) + fn.at)
  writeNameOffset(builder, fn.name).u32(fn.args ?? 0)
  // deferreturn; in 1.10.1–1.11 the funcID, a word, stands there.
  builder.u32(minor === 10 || minor === 11 ? (fn.funcID ?? 0) : 0)
  table('pcsp', fn.pcsp)
  table('pcfile', fn.pcfile)
  table('pcln', fn.pcln)
  builder.u32(npcdata)
  if (minor >= 16) builder.u32(0)
  if (minor >= 20) builder.u32(fn.startLine ?? 0)
  if (minor >= 12) builder.u8(fn.funcID ?? 0, fn.flag ?? 0, 0, countOf(fn.funcdata))
  else builder.u32(countOf(fn.funcdata))
  for (let number = 0; number < npcdata; number++) table(String(number), fn.pcdata?.[number])
  funcdata(builder, minor, fn, index)
}

function funcdata(builder: BytesBuilder, minor: number, fn: FunctionSpec, index: number): void {
  const nfuncdata = countOf(fn.funcdata)
  if (minor < 18) builder.align(8)
  for (let number = 0; number < nfuncdata; number++) {
    const label = `funcdata:${index}:${number}`
    const present = fn.funcdata?.[number]
    if (minor >= 18) present ? builder.difference(4, label, 'gofunc') : builder.u32(NONE)
    else present ? builder.u64(label) : builder.u64(0)
  }
}
