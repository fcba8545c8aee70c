import test from 'ava'
import {Cursor} from '../../src/base/cursor.ts'
import {AbbrevDeclarations, AbbrevTable} from '../../src/dwarf/abbrev.ts'
import {DW_FORM} from '../../src/dwarf/constants.ts'
import {DieAttributes, readAttributes, skipAttributes} from '../../src/dwarf/form.ts'

/** Lengths that differ by unit, that the data tell, and fixed ones, in an order that leaves none with its like. */
const FORMS = [
  DW_FORM.data2,
  DW_FORM.addr,
  DW_FORM.string,
  DW_FORM.ref_addr,
  DW_FORM.sec_offset,
  DW_FORM.udata,
  DW_FORM.exprloc,
  DW_FORM.data16,
  DW_FORM.flag_present,
  DW_FORM.block1,
  DW_FORM.sdata,
  DW_FORM.strp,
]

/** A DIE of an abbreviation with these forms. */
function declare(forms: readonly number[]): AbbrevTable {
  const attributes = forms.flatMap((form, index) => [index + 1, form])
  const bytes = Uint8Array.of(1, 0x34, 0, ...attributes, 0, 0, 0)
  return new AbbrevTable(new Cursor(bytes, 'abbrev'), new AbbrevDeclarations(bytes))
}

function data(addressSize: number, offsetSize: number, refAddrSize: number): Uint8Array {
  const zeros = (length: number): number[] => Array.from({length}, () => 0)
  const [text, block] = [
    [0x61, 0x62, 0],
    [2, 9, 9],
  ]
  const before = [...zeros(2 + addressSize), ...text, ...zeros(refAddrSize + offsetSize), 0x80, 1, ...block]
  return Uint8Array.of(...before, ...zeros(16), ...block, 0xff, 0x7e, ...zeros(offsetSize))
}

test('to pass by a DIE leads to where to read it leads, whatever the unit’s sizes', t => {
  const abbrev = declare(FORMS).find(1)
  if (!abbrev) return t.fail()
  for (const [version, addressSize, offsetSize] of [
    [2, 8, 4],
    [4, 4, 8],
    [5, 8, 8],
  ] as const) {
    const bytes = data(addressSize, offsetSize, version === 2 ? addressSize : offsetSize)
    const context = {version, addressSize, offsetSize}
    const [read, passed] = [new Cursor(bytes, 'read'), new Cursor(bytes, 'passed')]
    readAttributes(read, abbrev, context, new DieAttributes())
    skipAttributes(passed, abbrev, context)
    t.is(read.position, bytes.length)
    t.is(passed.position, bytes.length)
    const cut = new Cursor(bytes.subarray(0, -1), 'cut')
    t.throws(() => skipAttributes(cut, abbrev, context), {name: 'FormatError'})
  }
})

test('to pass by fields in one go leads there too, or nowhere: where one is cut or long, or of a rare form', t => {
  const {fields} = declare(FORMS).find(1) ?? {}
  if (!fields) return t.fail()
  const bytes = data(8, 4, 4)
  const cursor = new Cursor(bytes, 'fields')
  t.true(cursor.skipFields(fields))
  t.is(cursor.position, bytes.length)
  for (let size = 0; size < bytes.length; size++) {
    const cut = new Cursor(bytes.subarray(0, size), 'cut')
    t.false(cut.skipFields(fields))
    t.is(cut.position, 0)
  }
  const block = declare([DW_FORM.data1, DW_FORM.exprloc]).find(1)?.fields ?? []
  for (const [length, position] of [
    [0x7f, 0x81],
    [0x80, 0],
  ] as const) {
    const long = new Cursor(Uint8Array.of(0, length, ...new Uint8Array(0x90)), 'block')
    t.is(long.skipFields(block), position > 0)
    t.is(long.position, position)
  }
  t.is(declare([DW_FORM.data1, DW_FORM.block4]).find(1)?.fields, undefined)
})

test('a form that no version defines is not passed by', t => {
  const abbrev = declare([DW_FORM.data1, 0, DW_FORM.data1]).find(1)
  if (!abbrev) return t.fail()
  const context = {version: 5, addressSize: 8, offsetSize: 4} as const
  t.throws(() => skipAttributes(new Cursor(new Uint8Array(8), 'die'), abbrev, context), {message: /unknown form 0x0/})
})

test('tables share the declarations that are the same to the byte, and no others', t => {
  const constant = (value: number) => [0x34, 0, 0x1c, DW_FORM.implicit_const, value, 0, 0]
  const bytes = Uint8Array.of(1, ...constant(5), 2, ...constant(6), 0, 7, ...constant(5), 1, ...constant(6), 0)
  const declarations = new AbbrevDeclarations(bytes)
  const tableAt = (offset: number): AbbrevTable => {
    const cursor = new Cursor(bytes, 'abbrev')
    cursor.seek(offset)
    return new AbbrevTable(cursor, declarations)
  }
  const [first, second] = [tableAt(0), tableAt(17)]
  t.deepEqual(first.find(1)?.implicit, [5])
  t.deepEqual(first.find(2)?.implicit, [6])
  t.is(second.find(7), first.find(1))
  t.is(second.find(1), first.find(2))
  t.is(second.find(2), undefined)
})
