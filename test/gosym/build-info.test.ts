import test from 'ava'
import type {Address} from '../../src/base/address.ts'
import {findBuildInfo, parseBuildInfo, parseModuleInfo, readBuildVersion} from '../../src/gosym/build-info.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {memoryOf} from '../support/pclntab-builder.ts'

const MODINFO = [
  'path\texample.com/app',
  'mod\texample.com/app\t(devel)\t',
  'dep\texample.com/lib\tv1.2.3\th1:abc=',
  'dep\texample.com/old\tv0.1.0',
  '=>\texample.com/fork\tv0.1.1\th1:def=',
  'build\t-compiler=gc',
  'build\t-ldflags="-s -w -X main.v=\\"1\\""',
  'build\tCGO_ENABLED=1',
  '',
].join('\n')

/** The text as the linker has it: between two sentinels of 16 bytes that are not UTF-8. */
function framed(builder: BytesBuilder): BytesBuilder {
  const sentinel = '3077af0c9274080241e1c107e6d618e6'
  return builder.hex(sentinel).text(MODINFO).hex('f932433186182072008242104116d8f2')
}

function inline(version: string): Uint8Array {
  const modinfo = framed(new BytesBuilder()).build()
  return new BytesBuilder()
    .hex('ff 20 47 6f 20 62 75 69 6c 64 69 6e 66 3a 08 02')
    .zeros(16)
    .uleb128(new TextEncoder().encode(version).length)
    .text(version)
    .uleb128(modinfo.length)
    .bytes(modinfo)
    .build()
}

test('1.18+: the strings stand behind the header', t => {
  const info = parseBuildInfo({bytes: inline('go1.22.12 X:nocoverageredesign'), address: 0x4000 as Address})
  t.is(info?.versionText, 'go1.22.12 X:nocoverageredesign')
  t.like(info?.version, {minor: 22, patch: 12})
  t.is(info?.path, 'example.com/app')
  t.deepEqual(info?.main, {path: 'example.com/app', version: '(devel)', sum: undefined, replace: undefined})
  t.is(info?.modules.length, 2)
  t.is(info?.modules[1]?.replace?.path, 'example.com/fork')
  t.deepEqual(
    [...(info?.settings ?? [])],
    [
      ['-compiler', 'gc'],
      ['-ldflags', '-s -w -X main.v="1"'],
      ['CGO_ENABLED', '1'],
    ],
  )
})

test('up to 1.17: the header points at string variables elsewhere', t => {
  const section = new BytesBuilder().hex('ff 20 47 6f 20 62 75 69 6c 64 69 6e 66 3a 08 00').u64(0x6000, 0x6010).build()
  // The variable's neighbours follow the text, without a NUL.
  const data = new BytesBuilder(0x6000).u64('version', 9, 'modinfo')
  data
    .computed(8, of => of('end') - of('modinfo'))
    .label('version')
    .text('go1.15.15neighbour')
    .label('modinfo')
  framed(data).label('end')
  const memory = memoryOf(data.build(), 0x6000)
  const info = parseBuildInfo({bytes: section, address: 0x5000 as Address}, memory)
  t.is(info?.versionText, 'go1.15.15')
  t.is(info?.path, 'example.com/app')
  t.is(
    parseBuildInfo({bytes: section, address: 0x5000 as Address}),
    undefined,
    'without the memory there is no version',
  )
  t.is(readBuildVersion(memory, 0x6000 as Address)?.text, 'go1.15.15')
})

test('without a section it is found on a 16-byte boundary of a writable range', t => {
  const bytes = new BytesBuilder()
    .zeros(0x38)
    .bytes(inline('go1.1').slice(0, 32))
    .align(16)
    .bytes(inline('go1.26.1'))
    .build()
  const range = {start: 0x10000 as Address, end: (0x10000 + bytes.length) as Address, writable: true}
  t.is(findBuildInfo(memoryOf(bytes, 0x10000), [range])?.versionText, 'go1.26.1')
})

test('lengths that leave the section give nothing', t => {
  const bytes = inline('go1.22.1')
  for (let size = 0; size < 44; size++) {
    t.notThrows(() => parseBuildInfo({bytes: bytes.slice(0, size), address: 0 as Address}))
  }
  bytes.fill(0xff, 32, 44)
  t.is(parseBuildInfo({bytes, address: 0 as Address}), undefined)
})

test('settings named like object members are settings', t => {
  t.deepEqual([...parseModuleInfo('build\t__proto__=1\nbuild\tx=y=z').settings.keys()], ['__proto__', 'x'])
})

for (const [text, minor, patch, preRelease] of [
  ['go1.22.12', 22, 12, undefined],
  ['go1.7', 7, 0, undefined],
  ['go1.21rc3', 21, 0, 'rc3'],
  ['go1.18beta1', 18, 0, 'beta1'],
  ['devel go1.28-abc123 Mon Nov 2', 28, 0, 'devel'],
  ['go1.20.12-vendor (1.20.12-2.el9)', 20, 12, undefined],
  ['go1.17.8b7', 17, 8, undefined],
] as const) {
  test(`${text} is Go 1.${minor}.${patch}`, t => {
    t.like(GoVersion.parse(text), {major: 1, minor, patch, preRelease, text})
  })
}

test('a text without a release has no version', t => {
  t.is(GoVersion.parse('devel +a1b2c3d Mon Jan 6'), undefined)
  t.is(GoVersion.parse(''), undefined)
})

test('releases compare by minor, then patch', t => {
  const version = GoVersion.parse('go1.16.4')
  t.true(version?.atLeast(16, 4))
  t.true(version?.atLeast(15, 9))
  t.false(version?.atLeast(16, 5))
  t.false(version?.atLeast(17))
})
