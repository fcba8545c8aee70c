// What GLib keeps of an assertion that failed, and of a fatal entry of its log.
import test from 'ava'
import {findGlibMessage, readGlibAssertion} from '../../../src/analysis/evidence/glib-message.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {toAddress} from '../../../src/base/address.ts'
import {BytesSource} from '../../../src/base/byte-source.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'
import {ElfFile} from '../../../src/elf/elf-file.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {buildElf, buildSymbolSections, SHT} from '../../support/elf-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const STACK = 0x7f0000010000
const TEXTS = 0x7f0000100000
const frame = (sp: number, cfa: number): UnwindFrame => ({sp: toAddress(sp), cfa: toAddress(cfa)}) as UnwindFrame

/** struct GLogField: key, value, length. */
function stackWith(build: (stack: BytesBuilder, texts: BytesBuilder) => void): DeadProcess {
  const texts = new BytesBuilder(TEXTS)
  const stack = new BytesBuilder(STACK)
  build(stack, texts)
  return {memory: memoryOf(stack.padTo(0x400), texts)} as unknown as DeadProcess
}

const place = (texts: BytesBuilder, text: string): number => {
  const at = texts.here
  texts.cstring(text)
  return at
}

test('the message is the value of the field whose key is MESSAGE', t => {
  const process = stackWith((stack, texts) => {
    stack.padTo(0x100)
    stack.u64(place(texts, 'PRIORITY'), place(texts, '3'), 1)
    stack.u64(place(texts, 'MESSAGE'), place(texts, 'assertion failed: (n > 0)'), 25)
    stack.u64(place(texts, 'GLIB_DOMAIN'), place(texts, 'app'), 3)
  })
  t.is(
    findGlibMessage(process, [frame(STACK, STACK + 0x80), frame(STACK + 0x80, STACK + 0x300)]),
    'assertion failed: (n > 0)',
  )
})

test('of several the outermost is that of the entry; an empty one, or one that leads nowhere, is none', t => {
  const process = stackWith((stack, texts) => {
    const key = place(texts, 'MESSAGE')
    stack.padTo(0x100).u64(key, place(texts, 'inner')).padTo(0x180).u64(key, place(texts, 'outer'))
    stack.padTo(0x200).u64(key, place(texts, '')).padTo(0x220).u64(key, 0xdead0000)
  })
  t.is(findGlibMessage(process, [frame(STACK, STACK + 0x300)]), 'outer')
})

test('what lies outside of the frames that log is of others', t => {
  const process = stackWith((stack, texts) => {
    stack.padTo(0x200).u64(place(texts, 'MESSAGE'), place(texts, 'of another time'))
  })
  t.is(findGlibMessage(process, [frame(STACK, STACK + 0x100)]), undefined)
  t.is(findGlibMessage(process, []), undefined)
})

test('a failed g_assert is read through __glib_assert_msg, of GLib alone', t => {
  const data = {name: '.data', type: SHT.PROGBITS, address: 0x4000, bytes: new Uint8Array(16)}
  const symbols = buildSymbolSections([{name: '__glib_assert_msg', address: 0x4000, size: 8}])
  const image = ElfFile.open(new BytesSource(buildElf({sections: [data, ...symbols]}), 'lib'), new Diagnostics())
  const variable = new BytesBuilder(0x4000)
    .u64('text')
    .label('text')
    .cstring('ERROR:main.c:12: should not be reached\n')
  const read = (path: string): string | undefined => {
    const modules = [{path, image, toAddress: (address: number) => address}]
    return readGlibAssertion({modules, memory: memoryOf(variable)} as unknown as DeadProcess)
  }
  t.is(read('/usr/lib/libglib-2.0.so.0'), 'ERROR:main.c:12: should not be reached')
  t.is(read('/usr/lib/libother.so'), undefined)
})
