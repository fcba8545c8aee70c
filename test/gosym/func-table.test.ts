import test from 'ava'
import {Random} from '../../lab/fuzz/random.ts'
import type {Address} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import {GoTables} from '../../src/gosym/func-table.ts'
import type {ScanRange} from '../../src/gosym/memory-scan.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import type {BytesBuilder} from '../support/bytes-builder.ts'
import {
  buildGoImage,
  type FunctionSpec,
  type GoImage,
  type GoImageSpec,
  memoryOf,
  TEXT,
  writeNameOffset,
} from '../support/pclntab-builder.ts'

/** One release for each shape of header, record, inline tree and moduledata. */
const RELEASES = [7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 23, 26, 27]

const at = (offset: number): Address => (TEXT + offset) as Address

interface Call {
  name: string
  /** 1.12+: offset of the call in the function. */
  parentPc: number
  /** Before: index of the outer call, file number and line. */
  parent: number
  file: number
  line: number
}

function inlineTree(minor: number, calls: readonly Call[]): (builder: BytesBuilder) => void {
  return builder => {
    for (const {name, parentPc, parent, file, line} of calls) {
      if (minor <= 11) writeNameOffset(builder.u32(parent, file, line), name)
      else if (minor <= 19) writeNameOffset(builder.u16(parent).u8(0, 0).u32(file, line), name).u32(parentPc)
      else writeNameOffset(builder.u8(0, 0, 0, 0), name).u32(parentPc, 77)
    }
  }
}

/** Inline tree: pcdata number, funcdata number. */
function inlineNumbers(minor: number): [number, number] {
  if (minor >= 16) return [2, 3]
  return minor >= 13 ? [2, 4] : [1, 2]
}

/**
 * main.main, 0x40 bytes: at 0x10–0x20 main.inner is inlined into main.outer (call at 0x20), which is inlined into
 * main.main (call at 0x30). Then runtime.gopanic.
 */
function spec(minor: number, more: Partial<FunctionSpec> = {}): GoImageSpec {
  const [pcdata, funcdata] = inlineNumbers(minor)
  const first = minor <= 15 ? 1 : 0
  const main: FunctionSpec = {
    name: 'main.main',
    at: 0,
    startLine: 9,
    pcsp: [
      [0, 8],
      [24, 0x30],
      [0, 2],
    ],
    pcfile: [
      [first, 0x10],
      [first + 1, 0x10],
      [first, 0x20],
    ],
    pcln: [
      [10, 0x10],
      [300, 0x10],
      [200, 0x10],
      [12, 0x10],
    ],
    ...more,
  }
  if (minor >= 9) {
    main.pcdata = {
      ...more.pcdata,
      [pcdata]: [
        [-1, 0x10],
        [1, 0x10],
        [0, 0x10],
        [-1, 0x10],
      ],
    }
    main.funcdata = {
      ...more.funcdata,
      [funcdata]: inlineTree(minor, [
        {name: 'main.outer', parentPc: 0x30, parent: 0xffffffff, file: first, line: 12},
        {name: 'main.inner', parentPc: 0x20, parent: 0, file: first, line: 200},
      ]),
    }
  }
  return {
    minor,
    functions: [main, {name: 'runtime.gopanic', at: 0x40}],
    end: 0x60,
    files: ['/src/main.go', '/src/inner.go'],
    names: ['main.outer', 'main.inner'],
  }
}

function rangeOf(image: GoImage): ScanRange {
  return {start: image.start, end: image.end, writable: true}
}

function openImage(image: GoImage, version: GoVersion | undefined, firstModuledata?: Address): GoTables | undefined {
  return GoTables.open({
    memory: image.memory,
    version,
    firstModuledata,
    candidates: [rangeOf(image)],
    diagnostics: new Diagnostics(),
  })
}

function openKnown(minor: number, more: Partial<FunctionSpec> = {}): GoTables {
  const image = buildGoImage(spec(minor, more))
  const tables = openImage(image, GoVersion.ofMinor(minor), image.moduledata)
  if (!tables) throw new Error('no tables')
  return tables
}

for (const minor of RELEASES) {
  test(`Go 1.${minor}: a pc belongs to the function that starts at or below it`, t => {
    const tables = openKnown(minor)
    t.is(tables.functionAt(at(0))?.name, 'main.main')
    t.is(tables.functionAt(at(0x3f))?.name, 'main.main')
    t.is(tables.functionAt(at(0x40))?.name, 'runtime.gopanic')
    t.is(tables.functionAt(at(0x40))?.funcID, 'gopanic')
    t.is(tables.functionAt(at(-1)), undefined)
    t.is(tables.functionAt(at(0x60)), undefined)
    t.is(tables.functionAt(at(5))?.entry, at(0))
    t.is(tables.functionAt(at(5))?.end, at(0x40))
  })

  test(`Go 1.${minor}: each pc of many functions is found, from wherever the one before was`, t => {
    const random = new Random(minor)
    const starts = [0]
    while (starts.length < 70) starts.push((starts.at(-1) as number) + 1 + random.below(30))
    const names = new Map(starts.map((start, index) => [start, `main.f${index}`]))
    const functions = starts.map(start => ({name: names.get(start) as string, at: start}))
    const end = (starts.at(-1) as number) + 9
    const image = buildGoImage({minor, functions, end, files: [], names: []})
    const tables = openImage(image, GoVersion.ofMinor(minor), image.moduledata)
    const nameAt = (offset: number) => names.get(starts.findLast(start => start <= offset) as number)
    for (let asked = 0; asked < 1000; asked++) {
      const offset = random.below(end)
      t.is(tables?.functionAt(at(offset))?.name, nameAt(offset))
    }
    for (let offset = 0; offset < end; offset++) t.is(tables?.functionAt(at(offset))?.name, nameAt(offset))
  })

  test(`Go 1.${minor}: the SP delta holds below the end of its run, and padding has none`, t => {
    const main = openKnown(minor).functionAt(at(0))
    t.is(main?.spDelta(at(0)), 0)
    t.is(main?.spDelta(at(7)), 0)
    t.is(main?.spDelta(at(8)), 24)
    t.is(main?.spDelta(at(0x39)), 0)
    t.is(main?.spDelta(at(0x3a)), undefined)
  })

  test(`Go 1.${minor}: inlined calls come innermost first, each at its own position`, t => {
    const frames = openKnown(minor)
      .functionAt(at(0))
      ?.inlineFrames(at(0x18))
      .map(({name, file, line, inlined}) => `${name} ${file}:${line}${inlined ? ' inlined' : ''}`)
    t.deepEqual(
      frames,
      minor < 9
        ? ['main.main /src/inner.go:300']
        : ['main.inner /src/inner.go:300 inlined', 'main.outer /src/main.go:200 inlined', 'main.main /src/main.go:12'],
    )
  })

  test(`Go 1.${minor}: the moduledata is found without symbols`, t => {
    const image = buildGoImage(spec(minor))
    const tables = openImage(image, GoVersion.ofMinor(minor))
    t.is(tables?.modules[0]?.address, image.moduledata)
    t.is(tables?.versionSource, 'given')
    t.is(tables?.functionNamed('runtime.gopanic')?.entry, at(0x40))
    t.is(tables?.functionNamed('runtime.absent'), undefined)
  })

  test(`Go 1.${minor}: without a version functions and lines still come out`, t => {
    const tables = openImage(buildGoImage(spec(minor)), undefined)
    t.is(tables?.versionSource, 'tables')
    t.is(tables?.functionAt(at(0x18))?.name, 'main.main')
    t.deepEqual(tables?.functionAt(at(0x18))?.fileLine(at(0x18)), {file: '/src/inner.go', line: 300})
    t.is(tables?.functionAt(at(0x18))?.spDelta(at(0x18)), 24)
  })

  test(`Go 1.${minor}: a file's pclntab is enough for functions and lines`, t => {
    const image = buildGoImage(spec(minor))
    const tables = GoTables.fromPclntab({
      memory: image.memory,
      version: GoVersion.ofMinor(minor),
      header: image.header,
      candidates: [],
      textStart: minor >= 26 ? image.text : undefined,
      gofunc: image.gofunc,
      diagnostics: new Diagnostics(),
    })
    t.is(tables?.functionAt(at(0x18))?.inlineFrames(at(0x18)).length, minor < 9 ? 1 : 3)
    t.deepEqual(tables?.functionAt(at(0))?.fileLine(at(0)), {file: '/src/main.go', line: 10})
    t.is(tables?.functionAt(at(0x60)), undefined)
  })
}

test('a file that was dropped by the linker keeps its line', t => {
  const image = buildGoImage({...spec(21), files: ['', '/src/inner.go']})
  const main = openImage(image, GoVersion.ofMinor(21))?.functionAt(at(0))
  t.deepEqual(main?.fileLine(at(0)), {file: '?', line: 10})
  t.deepEqual(main?.fileLine(at(0x3f + 1)), {file: '?', line: 0}, 'past the table')
})

test('the startLine is known from 1.20 on', t => {
  t.is(openKnown(19).functionAt(at(0))?.startLine, undefined)
  const frames = openKnown(20).functionAt(at(0))?.inlineFrames(at(0x18))
  t.deepEqual(
    frames?.map(({startLine}) => startLine),
    [77, 77, 9],
  )
})

test('a version that the tables contradict is not believed', t => {
  const image = buildGoImage(spec(26))
  const tables = openImage(image, GoVersion.ofMinor(15), image.moduledata)
  t.is(tables?.versionSource, 'tables')
  t.is(tables?.functionAt(at(0x18))?.inlineFrames(at(0x18)).length, 3)
})

test('a release that came later reads with the newest layout', t => {
  const image = buildGoImage(spec(27))
  t.is(openImage(image, GoVersion.parse('go1.31.2'))?.functionAt(at(0x18))?.inlineFrames(at(0x18)).length, 3)
})

test('a walk ends by flag from 1.17 on and by identity before', t => {
  t.true(openKnown(21, {flag: 5}).functionAt(at(0))?.isTopOfStack(false))
  t.false(openKnown(21, {flag: 4, name: 'runtime.mcall'}).functionAt(at(0))?.isTopOfStack(true))
  t.true(openKnown(15, {name: 'runtime.mcall'}).functionAt(at(0))?.isTopOfStack(false))
  t.false(openKnown(15, {name: 'runtime.asmcgocall'}).functionAt(at(0))?.isTopOfStack(false))
  t.true(openKnown(15, {name: 'runtime.asmcgocall'}).functionAt(at(0))?.isTopOfStack(true))
})

test('runtime.cgocallback is special from 1.16 on, cgocallback_gofunc before', t => {
  t.is(openKnown(16, {name: 'runtime.cgocallback'}).functionAt(at(0))?.funcID, 'cgocallback')
  t.is(openKnown(15, {name: 'runtime.cgocallback'}).functionAt(at(0))?.funcID, 'normal')
  t.is(openKnown(15, {name: 'runtime.cgocallback_gofunc'}).functionAt(at(0))?.funcID, 'cgocallback')
})

test('a wrapper is told by its number, which moved with the releases', t => {
  for (const [minor, number] of [
    [12, 20],
    [15, 22],
    [17, 22],
    [18, 21],
    [23, 22],
    [26, 23],
  ] as const) {
    t.true(openKnown(minor, {funcID: number}).functionAt(at(0))?.isWrapper, `1.${minor}`)
    t.false(openKnown(minor, {funcID: number - 1}).functionAt(at(0))?.isWrapper, `1.${minor}`)
  }
})

const STACK = 0x7000
/** Words 0x11, 0x2222222222222222, 0x33 … at the start of the argument area. */
const STACK_BYTES = (() => {
  const bytes = new Uint8Array(128)
  for (let word = 0; word < 16; word++) bytes.fill((word + 1) * 0x11, word * 8, word * 8 + (word === 1 ? 8 : 1))
  return bytes
})()

function argText(minor: number, more: Partial<FunctionSpec>, pc = 0x18): string | undefined {
  const main = openKnown(minor, more).functionAt(at(0))
  return main?.argText(at(pc), STACK as Address, memoryOf(STACK_BYTES, STACK))
}

test('up to 1.16 arguments are words, results too, ten at most', t => {
  t.is(argText(15, {args: 0}), '')
  t.is(argText(15, {args: 24}), '0x11, 0x2222222222222222, 0x33')
  t.is(argText(16, {args: 88}), '0x11, 0x2222222222222222, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, ...')
  t.regex(argText(16, {args: 0x80000000}) ?? '', /0xaa, \.\.\.$/, 'unknown size')
})

const program = (...bytes: number[]) => ({5: (builder: BytesBuilder) => void builder.u8(...bytes)})

test('from 1.17 on arguments follow the ArgInfo program', t => {
  t.is(argText(17, {}), '', 'no program, nothing printed')
  t.is(argText(17, {funcdata: program(0xff)}), '')
  t.is(argText(17, {funcdata: program(0, 8, 8, 2, 0xff)}), '0x11, 0x2222')
  t.is(argText(23, {funcdata: program(0xfe, 0xfd, 0xff)}), '{}')
  t.is(
    argText(23, {funcdata: program(0xfe, 0, 8, 0xfe, 8, 8, 0xfd, 0xfc, 0xfd, 0xfb, 0xfc, 0xff)}),
    '{0x11, {0x2222222222222222}, ...}, _, ...',
  )
})

test('a slot that is not live at the lookup pc is marked', t => {
  const more: Partial<FunctionSpec> = {
    funcdata: {
      ...program(0, 8, 8, 1, 16, 8, 0xff),
      // Components from offset 8 on need liveness; at index 1 the first of them is dead and the second live.
      6: builder => void builder.u8(8, 0b10),
    },
    pcdata: {
      3: [
        [-1, 0x10],
        [1, 0x30],
      ],
    },
  }
  t.is(argText(18, more, 0x18), '0x11, 0x22?, 0x33')
  t.is(argText(18, more, 0x08), '0x11, 0x22, 0x33', 'no bitmap at that pc: all live')
})

test('an argument whose memory is missing is a question mark', t => {
  const main = openKnown(23, {funcdata: program(0, 8, 0xff)}).functionAt(at(0))
  t.is(main?.argText(at(0x18), 0x9999 as Address, memoryOf(STACK_BYTES, STACK)), '?')
})

test('flipped bytes and cut memory never throw', t => {
  for (const minor of [11, 15, 16, 18, 23, 27]) {
    const image = buildGoImage(spec(minor, {funcdata: program(0, 8, 0xff)}))
    let seed = minor
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % below
    }
    for (let round = 0; round < 150; round++) {
      const bytes = image.bytes.slice(0, round % 10 === 0 ? random(image.bytes.length) : undefined)
      for (let flip = 0; flip < 6 && bytes.length > 0; flip++) bytes[random(bytes.length)] = random(256)
      const broken = {...image, memory: memoryOf(bytes, image.start)}
      useAll(openImage(broken, round % 3 === 0 ? undefined : GoVersion.ofMinor(minor), image.moduledata), broken.memory)
    }
  }
  t.pass()
})

function useAll(tables: GoTables | undefined, memory: MemoryReader): void {
  for (const pc of [0, 0x18, 0x3f, 0x45]) {
    const found = tables?.functionAt(at(pc))
    found?.inlineFrames(at(pc))
    found?.spDelta(at(pc))
    found?.argText(at(pc), STACK as Address, memory)
  }
  tables?.functionNamed('main.main')
}

test('a chain of moduledatas that runs in a circle ends', t => {
  const image = buildGoImage(spec(23))
  const again = buildGoImage({...spec(23), next: image.moduledata})
  const diagnostics = new Diagnostics()
  const tables = GoTables.open({
    memory: again.memory,
    version: GoVersion.ofMinor(23),
    firstModuledata: again.moduledata,
    candidates: [],
    diagnostics,
  })
  t.is(tables?.modules.length, 1)
  t.deepEqual(
    diagnostics.list().map(({code}) => code),
    ['bad-moduledata'],
  )
})

for (const minor of [16, 18, 20, 26]) {
  test(`Go 1.${minor}: the first name of the table is no name to the runtime, but the linker wrote it`, t => {
    const tables = openImage(buildGoImage({...spec(minor), namesFromZero: true}), GoVersion.ofMinor(minor))
    const main = tables?.functionAt(at(0))?.inlineFrames(at(0x38)).at(-1)
    t.deepEqual([main?.name, main?.linkedName], ['', 'main.main'])
    const other = tables?.functionAt(at(0x40))?.inlineFrames(at(0x40)).at(-1)
    t.deepEqual([other?.name, other?.linkedName], ['runtime.gopanic', 'runtime.gopanic'])
  })
}
