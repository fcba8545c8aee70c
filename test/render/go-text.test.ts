import test from 'ava'
import {renderFrames} from '../../src/render/go-text.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import type {FrameReport} from '../../src/report/core-report.ts'

const GO: FrameReport = {
  kind: 'go',
  function: 'main.f',
  file: '/src/main.go',
  line: 7,
  column: null,
  pc: '0x401123',
  entry: '0x401100',
  offset: '0x23',
  sp: '0xc000010000',
  fp: '0xc000010040',
  args: '0x1',
  inlined: false,
  module: '/bin/x',
  moduleOffset: '0x1123',
  language: 'Go',
  foundBy: 'pcsp',
}
const SAVED: FrameReport = {
  ...GO,
  kind: 'c',
  function: null,
  file: null,
  line: null,
  entry: null,
  offset: null,
  sp: null,
  fp: null,
  args: null,
  language: null,
  foundBy: 'saved-cgo-callers',
}

const text = (frame: FrameReport, detail: 'plain' | 'full', showsPc: boolean, hasSymbolizer: boolean) =>
  renderFrames([frame], detail, PLAIN_STYLE, {
    showsPc,
    hasSymbolizer,
    showsSwitches: false,
    showsModules: false,
    namesDying: true,
  })

test('up to 1.8 a frame in full shows fp and sp, later pc too', t => {
  const place = '\t/src/main.go:7 +0x23'
  t.is(text(GO, 'plain', true, false), `main.f(0x1)\n${place}\n`)
  t.is(text(GO, 'full', false, false), `main.f(0x1)\n${place} fp=0xc000010040 sp=0xc000010000\n`)
  t.is(text(GO, 'full', true, false), `main.f(0x1)\n${place} fp=0xc000010040 sp=0xc000010000 pc=0x401123\n`)
})

test('a saved pc without a name takes one line where no symbolizer is registered, else two', t => {
  t.is(text(SAVED, 'plain', true, false), 'non-Go function at pc=0x401123\n')
  t.is(text(SAVED, 'plain', true, true), 'non-Go function\n\tpc=0x401123\n')
  const named = {...SAVED, function: 'c_leaf', file: '/src/x.c', line: 3}
  t.is(text(named, 'plain', true, false), 'c_leaf\n\t/src/x.c:3 pc=0x401123\n')
})

test('a C frame that was unwound and has no name keeps its two lines', t => {
  const unwound: FrameReport = {...SAVED, sp: '0x7ffd0000', fp: '0x7ffd0040', foundBy: 'cfi'}
  t.is(text(unwound, 'plain', true, false), 'non-Go function\n\tpc=0x401123\n')
})

test('the seam between the stacks is shown where every frame is, as a name without arguments', t => {
  const seam: FrameReport = {...GO, kind: 'switch', function: 'runtime.asmcgocall', args: null}
  const shown = (showsSwitches: boolean) =>
    renderFrames([seam], 'full', PLAIN_STYLE, {
      showsPc: true,
      hasSymbolizer: false,
      showsSwitches,
      showsModules: false,
      namesDying: true,
    })
  t.is(shown(false), '')
  t.is(shown(true), 'runtime.asmcgocall\n\t/src/main.go:7 pc=0x401123\n')
})
