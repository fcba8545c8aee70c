// Functions by name: how much of the tables a search goes through.
import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {NameIndex} from '../../src/gosym/name-index.ts'
import type {Pclntab} from '../../src/gosym/pclntab.ts'

/** A multiple of what a window keeps. */
const START = 0x10_0000
/** The first name is empty; longer than what is searched at a time: one name lies across the end of a piece. */
const NAMES = Buffer.from(`\0${'x'.repeat(65_529)}\0runtime.gopanic\0main.main\0`)

/** Tables of so many functions, and how many of them were looked at. */
function tablesOf(nfunc: number, names: Buffer | undefined, hasOwnNames = true) {
  const looked = {count: 0}
  const read = (address: number, length: number) =>
    names && address >= START && address - START + length <= names.length
      ? names.subarray(address - START).subarray(0, length)
      : undefined
  const funcnametab = {start: toAddress(START), end: toAddress(START + NAMES.length)}
  const pclntable = {start: toAddress(hasOwnNames ? 0x90_0000 : START), end: toAddress(0x99_9999)}
  const recordAt = () => {
    looked.count++
    return undefined
  }
  const places = {nfunc, funcnametab, pclntable, release: {func: {nameOff: 4}}}
  const index = new NameIndex({places, memory: {read}, recordAt, readName: () => ''} as unknown as Pclntab)
  return {index, looked}
}

test('a name that the linker dropped is not looked for in any function', t => {
  const {index, looked} = tablesOf(1000, NAMES)
  t.is(index.find('runtime.gotraceback'), undefined)
  t.is(index.find('runtime.gopani'), undefined)
  t.is(looked.count, 0)
  t.is(index.find('runtime.gopanic'), undefined)
  t.is(looked.count, 1000)
})

test('where names are no table of their own, or cannot be read, all functions are', t => {
  for (const {index, looked} of [tablesOf(1000, NAMES, false), tablesOf(1000, undefined)]) {
    t.is(index.find('runtime.gotraceback'), undefined)
    t.is(looked.count, 1000)
  }
})
