// What FUNCDATA_ArgInfo and the pointer maps say of arguments, also where they are damaged.
import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {argumentWords, parseArguments, readPointerWords} from '../../src/gosym/go-argument.ts'
import {memoryOf} from '../support/pclntab-builder.ts'

const word = (offset: number, size: number, isPointer = false, isLive: boolean | undefined = undefined) => {
  return {kind: 'word' as const, offset, size, isLive, isPointer}
}

test('words, groups in groups, what is left out', t => {
  const program = Uint8Array.of(0, 8, 0xfe, 8, 8, 0xfe, 16, 4, 0xfd, 0xfd, 0xfb, 0xfc, 0xff, 24, 8)
  t.deepEqual(parseArguments(program, undefined, new Set([1])), [
    word(0, 8),
    {kind: 'group', parts: [word(8, 8, true), {kind: 'group', parts: [word(16, 4)]}]},
    {kind: 'far'},
    {kind: 'more'},
  ])
})

test('a program that closes what it has not opened, or never ends, gives what it has', t => {
  t.deepEqual(parseArguments(Uint8Array.of(0xfd, 0xfd, 0, 8), undefined, new Set()), [word(0, 8)])
  t.deepEqual(parseArguments(Uint8Array.of(0xfe, 0xfe, 8), undefined, new Set()), [
    {kind: 'group', parts: [{kind: 'group', parts: [word(8, 8)]}]},
  ])
})

test('which slots hold their argument', t => {
  const liveness = {firstOffset: 8, bitmap: Uint8Array.of(0b10)}
  const program = Uint8Array.of(0, 8, 8, 8, 16, 8, 0xff)
  t.deepEqual(parseArguments(program, liveness, new Set()), [
    word(0, 8, false, true),
    word(8, 8, false, false),
    word(16, 8, false, true),
  ])
})

test('the rows of a pointer map together; counts that no compiler writes give nothing', t => {
  const map = (rows: number, bits: number, ...bytes: number[]) => {
    return memoryOf(Uint8Array.of(rows, 0, 0, 0, bits % 256, Math.floor(bits / 256), 0, 0, ...bytes), 0x1000)
  }
  const at = toAddress(0x1000)
  t.deepEqual([...readPointerWords(map(2, 9, 0b1, 0, 0b100, 0b1), at)].sort(), [0, 2, 8])
  t.deepEqual([...readPointerWords(map(2, 9, 0b1), at)], [])
  t.deepEqual([...readPointerWords(map(1, 60_000, 0b1), at)], [])
  t.deepEqual([...readPointerWords(map(1, 0), at)], [])
  t.deepEqual([...readPointerWords(memoryOf(new Uint8Array(0), 0x1000), at)], [])
})

test('the words of the area that arguments and results shared', t => {
  t.deepEqual(argumentWords(16, new Set([1]), 10), [word(0, 8), word(8, 8, true)])
  t.deepEqual(argumentWords(24, new Set(), 2), [word(0, 8), word(8, 8), {kind: 'more'}])
  t.deepEqual(argumentWords(-1, new Set(), 2), [])
})
