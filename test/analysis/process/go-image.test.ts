// Which files of a process hold Go code, what runtimes it has, and where a reported frame came from.
import test from 'ava'
import {openFixture} from '../../../lab/fixtures.ts'
import {FrameOrigins} from '../../../src/analysis/process/frame-origins.ts'
import {identifyGo} from '../../../src/analysis/process/go-identity.ts'
import {findGoImages, lostProgram, rangesOf, tableRanges} from '../../../src/analysis/process/go-image.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {AddressSpace} from '../../../src/elf/address-space.ts'
import type {Module} from '../../../src/elf/module.ts'
import {withFixture} from '../../support/open-fixture.ts'
import {go} from '../../support/signature-facts.ts'

const NO_MEMORY = {read: () => undefined} as unknown as AddressSpace

function moduleOf(path: string, fields: object = {}): Module {
  const place = {start: toAddress(0x1000), end: toAddress(0x2000), image: undefined, imageOrigin: 'none'}
  return {path, ...place, isExecutable: false, buildId: undefined, goBuildId: undefined, ...fields} as unknown as Module
}

const pathsOf = (modules: readonly Module[]) => findGoImages(NO_MEMORY, modules).map(({module}) => module.path)
const withSection = (...names: string[]) => ({
  sectionHeader: (name: string) => (names.includes(name) ? {} : undefined),
  section: () => undefined,
  segments: [],
})

test('a file holds Go code by its section or by Go’s build ID; the program comes first', t => {
  const library = moduleOf('libgo.so', {image: withSection('.gopclntab'), imageOrigin: 'file'})
  const program = moduleOf('app', {isExecutable: true, imageOrigin: 'file', goBuildId: 'abc'})
  const plain = moduleOf('libc.so.6', {image: withSection('.text'), imageOrigin: 'file'})
  t.deepEqual(pathsOf([plain, library, program]), ['app', 'libgo.so'])
  t.deepEqual(pathsOf([plain]), [])
})

test('a program that is gone may have been Go, unless its notes say that it was not', t => {
  const gone = moduleOf('app', {isExecutable: true})
  t.is(lostProgram([gone]), gone)
  t.is(lostProgram([moduleOf('app', {isExecutable: true, buildId: 'ab'})]), undefined)
  const withGoNote = moduleOf('app', {isExecutable: true, buildId: 'ab', goBuildId: 'x'})
  t.is(lostProgram([withGoNote]), withGoNote)
  t.is(lostProgram([moduleOf('app', {isExecutable: true, imageOrigin: 'file'})]), undefined)
  const library = moduleOf('libgo.so', {image: withSection('.go.buildinfo'), imageOrigin: 'file'})
  t.deepEqual(pathsOf([library, gone]), ['app', 'libgo.so'])
})

test('a module without segments is one range, as it is mapped', t => {
  t.deepEqual(rangesOf([moduleOf('gone')]), [{start: 0x1000, end: 0x2000, writable: true}])
})

test('function tables are searched where a section says that they are, then in all that is loaded, code last', t => {
  const load = (address: number, access: object = {}) => ({
    type: 1,
    address,
    memorySize: 0x100,
    executable: false,
    ...access,
  })
  const segments = [
    load(0x100, {executable: true}),
    load(0x200),
    {...load(0x300), type: 2},
    load(0x400, {writable: true}),
  ]
  const sectionHeader = (name: string) => (name === '.data.rel.ro.gopclntab' ? {address: 0x240} : undefined)
  const program = moduleOf('app', {image: {segments, sectionHeader}, toAddress: (at: number) => 0x1000 + at})
  t.deepEqual(
    tableRanges([program]).map(({start, end}) => [start, end]),
    [
      [0x1240, 0x1248],
      [0x1200, 0x1300],
      [0x1400, 0x1500],
      [0x1100, 0x1200],
    ],
  )
})

test('a program that loaded a Go library has two runtimes, its own first; each has its release', async t => {
  const name = 'guest-panic-go1.27-nodwarf'
  const {executable} = await openFixture(name)
  const found = await withFixture(name, (files, diagnostics) =>
    identifyGo({...files, hasChanged: () => false}, diagnostics).map(({image, known, tables}) => ({
      isProgram: image?.module.path.endsWith(executable.slice(executable.lastIndexOf('/'))),
      known: known?.minor,
      hasMain: tables?.functionNamed('main.main') !== undefined,
    })),
  )
  t.deepEqual(found, [
    {isProgram: true, known: 27, hasMain: true},
    {isProgram: false, known: 27, hasMain: true},
  ])
})

/** An object with some members of one's own; the others run on the object itself. */
function overriding<T extends object>(object: T, own: Partial<T>): T {
  const get = (from: T, key: string | symbol) => {
    if (key in own) return own[key as keyof T]
    const value = Reflect.get(from, key, from)
    return typeof value === 'function' ? value.bind(from) : value
  }
  return new Proxy(object, {get})
}

for (const name of ['cfault-segv-go1.27', 'cfault-segv-go1.27-pie', 'blocked-fault-go1.19-nosymbols']) {
  test(`${name}: a program without build information whose data are lost has the release of its file`, async t => {
    const releases = await withFixture(name, ({core, addressSpace, modules}, diagnostics) => {
      const isData = (at: number) =>
        modules.some(({image, loadBias}) =>
          image?.segments.some(
            ({writable, address, memorySize}) =>
              writable && at >= address + loadBias && at < address + loadBias + memorySize,
          ),
        )
      const memory = overriding(addressSpace, {
        read: (at, length) => (isData(at) ? undefined : addressSpace.read(at, length)),
        number64: at => (isData(at) ? undefined : addressSpace.number64(at)),
      })
      const silent = modules.map(module => {
        const {image} = module
        if (!image) return module
        const section = (named: string) => (named === '.go.buildinfo' ? undefined : image.section(named))
        return overriding(module, {image: overriding(image, {section})})
      })
      const files = {core, addressSpace: memory, modules: silent, hasChanged: () => false}
      return identifyGo(files, diagnostics).map(({image, known}) => [image?.buildInfo, known?.minor])
    })
    t.deepEqual(releases, [[undefined, name.includes('1.27') ? 27 : 19]])
  })
}

test('a reported frame leads back to the walk that it came from, and no other does', t => {
  const origins = new FrameOrigins()
  const [report, other] = [go('main.work'), go('main.work')]
  const place = {pc: toAddress(1), lookupPc: toAddress(1), sp: toAddress(8), cfa: undefined, registers: undefined}
  const origin = {...place, isGo: true, index: 0, count: 1}
  t.is(origins.note(report, origin), report)
  t.is(origins.of(report), origin)
  t.is(origins.of(other), undefined)
})
