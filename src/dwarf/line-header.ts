import type {Cursor} from '../base/cursor.ts'
import {DW_FORM, DW_LNCT} from './constants.ts'
import {DieAttributes, type FormContext, readForm} from './form.ts'
import type {Unit} from './unit.ts'
import {readInitialLength} from './unit-list.ts'

/** A line number program's header (DWARF 5, 6.2.4). */
export interface LineHeader {
  version: number
  addressSize: number
  minimumInstructionLength: number
  maximumOperations: number
  lineBase: number
  lineRange: number
  opcodeBase: number
  /** Operands of the standard opcodes, by opcode. */
  operandCounts: Uint8Array
  /** In version 5 entry 0 is the compilation directory and the primary file; before, entries start at 1. */
  directories: string[]
  files: LineFile[]
  /** Cursor over the program, behind the header. */
  program: Cursor
}

export interface LineFile {
  name: string
  directory: number
  /** Of its content, in hexadecimal; only version 5 can have it. */
  md5?: string
}

/** Directories or files of one table: the largest units name some 10,000. */
const ENTRY_LIMIT = 1_000_000

/** @throws FormatError */
export function readLineHeader(unit: Unit, offset: number): LineHeader {
  const section = unit.file.sections.cursor('.debug_line')
  section.seek(offset)
  const {length, offsetSize} = readInitialLength(section)
  const cursor = section.slice(Math.min(length, section.remaining))
  const version = cursor.u16()
  if (version < 2 || version > 5) throw cursor.error(`line table version ${version}`, 0)
  const addressSize = version >= 5 ? cursor.u8() : unit.addressSize
  if (version >= 5) cursor.skip(1) // segment selector size
  const headerLength = cursor.unsigned(offsetSize)
  const programStart = cursor.position + headerLength
  const minimumInstructionLength = cursor.u8()
  const maximumOperations = version >= 4 ? Math.max(cursor.u8(), 1) : 1
  cursor.skip(1) // default_is_stmt
  const lineBase = cursor.i8()
  const lineRange = cursor.u8()
  const opcodeBase = cursor.u8()
  const operandCounts = new Uint8Array(opcodeBase)
  for (let opcode = 1; opcode < opcodeBase; opcode++) operandCounts[opcode] = cursor.u8()
  const context: FormContext = {version, addressSize, offsetSize}
  const tables = version >= 5 ? readEntryTables(cursor, unit, context) : readOldTables(cursor)
  cursor.seek(programStart)
  const program = cursor.slice(cursor.remaining)
  return {
    version,
    addressSize,
    minimumInstructionLength,
    maximumOperations,
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    ...tables,
    program,
  }
}

/** Versions 2 to 4: strings until an empty one. Slot 0 stands for the compilation directory. */
function readOldTables(cursor: Cursor): {directories: string[]; files: LineFile[]} {
  const directories = ['']
  for (let name = cursor.cstring(); name !== ''; name = cursor.cstring()) directories.push(name)
  const files: LineFile[] = [{name: '', directory: 0}]
  for (let name = cursor.cstring(); name !== ''; name = cursor.cstring()) {
    files.push({name, directory: cursor.uleb128()})
    cursor.uleb128() // time
    cursor.uleb128() // length
  }
  return {directories, files}
}

/** Version 5: entries whose fields are described by a format (6.2.4.1). */
function readEntryTables(cursor: Cursor, unit: Unit, context: FormContext): {directories: string[]; files: LineFile[]} {
  const directories = readEntries(cursor, unit, context).map(entry => entry.name)
  return {directories, files: readEntries(cursor, unit, context)}
}

function readEntries(cursor: Cursor, unit: Unit, context: FormContext): LineFile[] {
  const formatCount = cursor.u8()
  const types: number[] = []
  const forms: number[] = []
  for (let at = 0; at < formatCount; at++) {
    types.push(cursor.uleb128())
    forms.push(cursor.uleb128())
  }
  const count = cursor.uleb128()
  // entries may take no bytes at all, so that the section's size alone bounds nothing
  if (count > cursor.remaining || count > ENTRY_LIMIT)
    throw cursor.error(`${count} entries in a table of ${cursor.remaining} bytes`)
  const entries: LineFile[] = []
  const values = new DieAttributes()
  for (let at = 0; at < count; at++) {
    values.clear()
    for (let field = 0; field < formatCount; field++) {
      readForm(cursor, types[field] as number, forms[field] as number, 0, context, values)
    }
    const md5 = entryDigest(cursor, values)
    const name = entryString(cursor, unit, values) ?? ''
    const directory = values.number(DW_LNCT.directory_index) ?? 0
    entries.push(md5 === undefined ? {name, directory} : {name, directory, md5})
  }
  return entries
}

function entryString(cursor: Cursor, unit: Unit, values: DieAttributes): string | undefined {
  const slot = values.find(DW_LNCT.path)
  if (slot < 0) return undefined
  if (values.form(slot) !== DW_FORM.string) return unit.string(values, DW_LNCT.path)
  const position = cursor.position
  cursor.seek(values.value(slot))
  const text = cursor.cstring()
  cursor.seek(position)
  return text
}

function entryDigest(cursor: Cursor, values: DieAttributes): string | undefined {
  const slot = values.find(DW_LNCT.MD5)
  if (slot < 0 || values.form(slot) !== DW_FORM.data16) return undefined
  const position = cursor.position
  cursor.seek(values.value(slot))
  const {bytes} = cursor.slice(16)
  cursor.seek(position)
  // A compiler that has none for one file of a table writes zeros.
  return bytes.some(byte => byte !== 0) ? Buffer.from(bytes).toString('hex') : undefined
}

/** The full path of a file of the table: file, else directory/file, each made absolute by the one before it. */
export function linePath(header: LineHeader, index: number, compDir: string | undefined): string | undefined {
  const file = header.files[index]
  if (!file || file.name === '') return undefined
  if (file.name.startsWith('/')) return file.name
  const directory = header.directories[file.directory] ?? ''
  const path = directory === '' ? file.name : `${directory.replace(/\/+$/, '')}/${file.name}`
  if (path.startsWith('/') || !compDir) return path
  return `${compDir.replace(/\/+$/, '')}/${path}`
}
