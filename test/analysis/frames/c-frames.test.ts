import test from 'ava'
import {reportNativeFrame, reportSavedPcs, reportSwitch, sourceName} from '../../../src/analysis/frames/c-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {SourceFrame} from '../../../src/symbolize/source-frame.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'

function source(name: string | null, fields: Partial<SourceFrame> = {}): SourceFrame {
  return {
    kind: 'c',
    function: name,
    linkageName: null,
    file: '/src/a.c',
    line: 12,
    column: 3,
    entry: toAddress(0x1000),
    inlined: false,
    language: 'c',
    module: '/opt/a.so',
    moduleOffset: null,
    ...fields,
  }
}

function processOf(sources: readonly SourceFrame[], fields: object = {}): DeadProcess {
  const image = {tables: {}, ...fields}
  return {symbolizer: {locate: () => sources}, images: [image], ...image} as unknown as DeadProcess
}

const FRAME = {
  pc: toAddress(0x1010),
  lookupPc: toAddress(0x100f),
  sp: toAddress(0x7000),
  cfa: toAddress(0x7040),
  foundBy: 'cfi',
  kind: 'native',
} as const satisfies Partial<UnwindFrame>

test('the marks of a compiler’s clones are no part of a name', t => {
  const expected = {
    'parse.constprop.0': 'parse',
    'parse.isra.3.cold': 'parse',
    'parse.part.0.cold.12': 'parse',
    'parse.llvm.123': 'parse',
    'Table::grow(int) [clone .cold]': 'Table::grow(int)',
    'Table::grow(int) [clone .isra.0] [clone .cold]': 'Table::grow(int)',
    'a.partial': 'a.partial',
    parse: 'parse',
  }
  for (const [name, plain] of Object.entries(expected)) t.is(sourceName(name), plain)
})

test('inlined calls come first; all frames of one pc have its place, and the physical one the offset', t => {
  const process = processOf([source('inner', {inlined: true}), source('outer.cold')])
  const frames = reportNativeFrame(process, FRAME)
  t.deepEqual(
    frames.map(frame => [frame.function, frame.offset, frame.inlined, frame.kind]),
    [
      ['inner', null, true, 'c'],
      ['outer', '0x10', false, 'c'],
    ],
  )
  for (const frame of frames) {
    t.like(frame, {pc: '0x1010', sp: '0x7000', fp: '0x7040', foundBy: 'cfi', line: 12, module: '/opt/a.so'})
  }
})

test('a line without a file is none', t => {
  const [frame] = reportNativeFrame(processOf([source('f', {file: null})]), FRAME)
  t.is(frame?.line, null)
})

test('a signal’s restorer has its name only where it is known to begin there', t => {
  const restorer = {...FRAME, kind: 'signal'} as const
  const near = reportNativeFrame(processOf([source('__restore_rt', {entry: toAddress(0x100f)})]), restorer)
  t.like(near[0], {kind: 'signal', function: '__restore_rt', entry: '0x100f'})
  const far = reportNativeFrame(processOf([source('__sigaction')]), restorer)
  t.like(far[0], {kind: 'signal', function: null, entry: null})
})

test('without function tables, code without a name in the module of Go may be Go', t => {
  const module = {goModule: {start: 0x1000, end: 0x2000}}
  const kindOf = (name: string | null, fields: object) =>
    reportNativeFrame(processOf([source(name)], fields), FRAME)[0]?.kind
  t.is(kindOf(null, {...module, tables: undefined}), 'unknown')
  t.is(kindOf(null, module), 'c')
  t.is(kindOf('f', {...module, tables: undefined}), 'c')
  t.is(kindOf(null, {goModule: {start: 0x4000, end: 0x5000}, tables: undefined}), 'c')
})

test('pcs that the runtime saved are looked up as they are, and say so; the first may be the signal’s', t => {
  const asked: number[] = []
  const symbolizer = {
    locate(pc: number, lookupPc: number) {
      asked.push(pc, lookupPc)
      return [source('f')]
    },
  }
  const memory = {moduleAt: () => ({start: 0x1000, path: '/opt/a'})}
  const process = {symbolizer, memory, hooks: {hasSymbolizer: true}} as unknown as DeadProcess
  const pcs = [toAddress(0x1004), toAddress(0x2008)]
  const foundBy = (recovered: (typeof pcs)[number] | undefined) =>
    reportSavedPcs(process, {pcs, recovered}).map(frame => frame.foundBy)
  t.deepEqual(foundBy(undefined), ['saved-cgo-callers', 'saved-cgo-callers'])
  t.deepEqual(foundBy(pcs[0]), ['signal-frame', 'saved-cgo-callers'])
  t.deepEqual(asked.slice(0, 4), [0x1004, 0x1004, 0x2008, 0x2008])
})

test('a seam between two stacks is a switch, with the Go function where it has one', t => {
  const memory = {moduleAt: () => ({start: 0x1000, path: '/opt/a'})}
  const process = {memory} as unknown as DeadProcess
  const go = {name: 'runtime.asmcgocall', entry: 0x1000}
  const named = reportSwitch(process, {...FRAME, go} as unknown as UnwindFrame)
  t.like(named, {kind: 'switch', function: 'runtime.asmcgocall', offset: '0x10', language: 'Go', moduleOffset: '0x10'})
  const unnamed = reportSwitch(process, {...FRAME, go: undefined} as unknown as UnwindFrame)
  t.like(unnamed, {kind: 'switch', function: null, offset: null, language: null, module: '/opt/a'})
})
