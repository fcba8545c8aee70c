// The stacks of goroutines as profiles, for the tools that draw them.
import {createRequire} from 'node:module'
import {gunzipSync} from 'node:zlib'
import {Ajv} from 'ajv'
import test from 'ava'
import {Profile} from 'pprof-format'
import type {Format} from '../../src/render/format.ts'
import {FORMATS, type FormatName} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import type {FrameReport, GoroutineReport, GoroutinesReport} from '../../src/report/core-report.ts'

const require = createRequire(import.meta.url)

function frame(name: string | null, pc: number, more: Partial<FrameReport> = {}): FrameReport {
  const file = name === null ? null : `/src/${/^\w*/.exec(name)}.go`
  const line = name === null ? null : pc % 100
  const base = {kind: 'go', function: name, file, line, column: null, pc: `0x${pc.toString(16)}`, inlined: false}
  return {...base, module: '/bin/server', moduleOffset: `0x${(pc - 0x400000).toString(16)}`, ...more} as FrameReport
}

const park = frame('runtime.gopark', 0x401010)
const receive = frame('main.receive', 0x402020)
const inlined = frame('main.helper', 0x403030, {inlined: true})
const work = frame('main.work', 0x403030)
const cgocall = frame('runtime.asmcgocall', 0x406060, {kind: 'switch'})
const main = frame('main.main', 0x404040)
const libc = frame(null, 0x7f0000, {kind: 'c', module: '/lib/libc.so.6', moduleOffset: '0x8a3c1', file: null})

function goroutine(frames: FrameReport[], state: string, labels: Record<string, string> = {}): GoroutineReport {
  return {frames, state, labels} as unknown as GoroutineReport
}

const hostile = frame('evil;\n9\x1b[2J', 0x405050)
const GOROUTINES = [
  goroutine([park, receive, main], 'chan receive'),
  goroutine([libc, cgocall, inlined, work, main], 'syscall'),
  goroutine([park, receive, main], 'chan receive'),
  goroutine([park, receive, main], 'chan receive', {tenant: 'acme'}),
  goroutine([hostile], 'running'),
]

function render(format: FormatName): (string | Uint8Array)[] {
  const report = {
    tool: {name: 'gotrace-core', version: '1.2.3'},
    core: {path: '/tmp/core.1'},
    goroutines: GOROUTINES,
    groups: null,
    noteLimit: () => {},
  } as unknown as GoroutinesReport
  const {renderers}: Format = FORMATS[format]
  return [...(renderers.goroutines?.(report, {style: PLAIN_STYLE, registers: false} as never) ?? [])]
}

test('folded: a line for each stack, outermost first, labels at the root; no name ends a frame or a line', t => {
  t.is(
    render('folded').join(''),
    [
      'main.main;main.receive;runtime.gopark 2',
      'main.main;main.work;main.helper;libc.so.6+0x8a3c1 1',
      'tenant=acme;main.main;main.receive;runtime.gopark 1',
      'evil:\\x0a9\\x1b[2J 1',
      '',
    ].join('\n'),
  )
})

test('speedscope: what its own schema takes, with every goroutine weighed once', t => {
  const document = JSON.parse(render('speedscope').join(''))
  const schema = require('speedscope/dist/release/file-format-schema.json')
  const validate = new Ajv({strict: false}).compile(schema)
  t.true(validate(document), JSON.stringify(validate.errors))
  const [profile] = document.profiles
  const stacks = profile.samples.map((sample: number[]) => sample.map(index => document.shared.frames[index].name))
  t.deepEqual(stacks.slice(0, 2), [
    ['main.main', 'main.receive', 'runtime.gopark'],
    ['main.main', 'main.work', 'main.helper', 'libc.so.6+0x8a3c1'],
  ])
  t.deepEqual(profile.weights, [2, 1, 1, 1])
  t.is(profile.endValue, 5)
})

test('pprof: samples as those of a goroutine profile, inlined functions as lines of one location', t => {
  const [bytes] = render('pprof')
  const profile = Profile.decode(gunzipSync(bytes as Uint8Array))
  const {strings} = profile.stringTable
  const text = (index: number | bigint): string => strings[Number(index)] ?? '?'
  t.deepEqual(
    profile.sampleType.map(({type, unit}) => [text(type), text(unit)]),
    [['goroutine', 'count']],
  )
  const lines = (id: number | bigint): string[] =>
    profile.location[Number(id) - 1]?.line.map(line =>
      text(profile.function[Number(line.functionId) - 1]?.name ?? 0),
    ) ?? []
  const samples = profile.sample.map(({locationId, value, label}) => ({
    stack: locationId.map(lines),
    value: value.map(Number),
    labels: Object.fromEntries(label.map(({key, str}) => [text(key), text(str)])),
  }))
  t.deepEqual(samples, [
    {
      stack: [['runtime.gopark'], ['main.receive'], ['main.main']],
      value: [2],
      labels: {'goroutine state': 'chan receive'},
    },
    {
      stack: [['libc.so.6+0x8a3c1'], ['main.helper', 'main.work'], ['main.main']],
      value: [1],
      labels: {'goroutine state': 'syscall'},
    },
    {
      stack: [['runtime.gopark'], ['main.receive'], ['main.main']],
      value: [1],
      labels: {tenant: 'acme', 'goroutine state': 'chan receive'},
    },
    {stack: [['evil;\n9\x1b[2J']], value: [1], labels: {'goroutine state': 'running'}},
  ])
})

test('tree: stacks merged from the outermost frame on, a dash where they part, the most goroutines first', t => {
  t.is(
    render('tree').join(''),
    [
      '5 goroutines',
      '4 - main.main  /src/main.go:52',
      '3   - main.receive  /src/main.go:28',
      '3     runtime.gopark  /src/runtime.go:16',
      '1   - main.work  /src/main.go:40',
      '1     main.helper  /src/main.go:40',
      '1     libc.so.6+0x8a3c1',
      '1 - evil;\\x0a9\\x1b[2J  /src/evil.go:64',
      '',
    ].join('\n'),
  )
})
