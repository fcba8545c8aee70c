import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {FormatError} from '../../src/base/errors.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {CgoSymbolizer, emptySymbolizerArg} from '../../src/symbolize/cgo-symbolizer.ts'
import type {DebugSources, SymbolSource} from '../../src/symbolize/module-symbols.ts'
import type {SourceFrame} from '../../src/symbolize/source-frame.ts'
import {Symbolizer} from '../../src/symbolize/symbolizer.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {DwarfBuilder, sectionSource} from '../support/dwarf-builder.ts'
import {buildElf, buildSymbolSections, ET, PF, PT, SHT, type SymbolSpec} from '../support/elf-builder.ts'

const BIAS = 0x10000

function moduleOf(image: ElfFile | undefined, debug: DebugSources = {}): SymbolSource {
  return {
    path: '/lib/x.so',
    start: toAddress(BIAS),
    image,
    debug,
    linkAddress: address => toAddress(address - BIAS),
    toAddress: linkAddress => toAddress(linkAddress + BIAS),
  }
}

function symbolizerOf(module: SymbolSource, options: object = {}): Symbolizer {
  return new Symbolizer({moduleAt: () => module, diagnostics: new Diagnostics(), ...options})
}

const at = (symbolizer: Symbolizer, pc: number, lookupPc = pc) => symbolizer.locate(toAddress(pc), toAddress(lookupPc))

/** A library with local and global functions in .text at 0x1000 and a PLT stub at 0x2000 for `memcpy`. */
function library(): ElfFile {
  const strings = new BytesBuilder().u8(0)
  const string = (text: string): number => {
    const offset = strings.here
    strings.cstring(text)
    return offset
  }
  const symbols = new BytesBuilder().zeros(24)
  const symbol = (name: string, info: number, section: number, address: number, size: number) =>
    symbols.u32(string(name)).u8(info, 0).u16(section).u64(address, size)
  symbol('local.c', 4, 0xfff1, 0, 0)
  symbol('hidden', 2, 1, 0x1000, 0x10)
  symbol('table', 1, 1, 0x1030, 4)
  symbol('_ZN2ns3runEi', 0x12, 1, 0x1010, 0x10)
  symbol('copy@@V1', 0x12, 1, 0x1020, 0x10)
  const dynamic = new BytesBuilder().u8(0).cstring('memcpy')
  const dynsym = new BytesBuilder().zeros(24).u32(1).u8(0x12, 0).u16(0).zeros(16)
  // jmp *0x1000(%rip): the slot is at 0x2000 + 6 + 0x1000
  const stub = new BytesBuilder().hex('ff 25 00 10 00 00').zeros(10)
  const relocations = new BytesBuilder().u64(0x3006).u32(7, 1).u64(0)
  const bytes = buildElf({
    type: ET.DYN,
    sections: [
      {name: '.text', bytes: new Uint8Array(0x40), address: 0x1000},
      {name: '.plt', bytes: stub.build(), address: 0x2000},
      {name: '.symtab', bytes: symbols.build(), type: SHT.SYMTAB, link: '.strtab', entrySize: 24, info: 4},
      {name: '.strtab', bytes: strings.build(), type: SHT.STRTAB},
      {name: '.dynsym', bytes: dynsym.build(), type: SHT.DYNSYM, link: '.dynstr', entrySize: 24},
      {name: '.dynstr', bytes: dynamic.build(), type: SHT.STRTAB},
      {name: '.rela.plt', bytes: relocations.build()},
    ],
    segments: [{type: PT.LOAD, flags: PF.R + PF.X, from: '.text', to: '.plt'}],
  })
  return ElfFile.open(new BytesSource(bytes, '/lib/x.so'), new Diagnostics())
}

test('symbols answer where DWARF does not: demangled, without version, with the file of local functions', t => {
  const symbolizer = symbolizerOf(moduleOf(library()))
  const brief = (pc: number) => at(symbolizer, pc).map(frame => [frame.function, frame.file, frame.entry])
  t.deepEqual(brief(0x11004), [['hidden', 'local.c', 0x11000]])
  t.deepEqual(brief(0x11014), [['ns::run(int)', null, 0x11010]])
  t.deepEqual(brief(0x11020), [['copy', null, 0x11020]])
  t.deepEqual(brief(0x11031), [['table', null, 0x11030]])
  t.deepEqual(brief(0x12003), [['memcpy@plt', null, 0x12000]])
  t.is(at(symbolizer, 0x11014)[0]?.linkageName, '_ZN2ns3runEi')
})

/** 1000: test %edi,%edi / je 1006 / nop / nop / ret (1006), then a function of another file: push %rbx / ret. */
function unsized(symbols: SymbolSpec[], isWhole: boolean): Symbolizer {
  const bytes = buildElf({
    type: ET.DYN,
    sections: [
      {name: '.text', bytes: new BytesBuilder().hex('85 ff 74 02 90 90 c3 53 c3').build(), address: 0x1000},
      ...buildSymbolSections(symbols, !isWhole),
    ],
    segments: [{type: PT.LOAD, flags: PF.R + PF.X, from: '.text', to: '.text'}],
  })
  return symbolizerOf(moduleOf(ElfFile.open(new BytesSource(bytes, '/lib/x.so'), new Diagnostics())))
}

test('where local functions have no symbols, a label without a size names what its code comes to and no more', t => {
  const symbols = [{name: 'memset', address: 0x1000}]
  const names = (symbolizer: Symbolizer) =>
    [0x11000, 0x11003, 0x11006, 0x11007, 0x11008].map(pc => {
      return at(symbolizer, pc)[0]?.function
    })
  t.deepEqual(names(unsized(symbols, false)), ['memset', 'memset', 'memset', null, null])
  t.deepEqual(names(unsized(symbols, true)), ['memset', 'memset', 'memset', 'memset', 'memset'])
})

test('a pc of which nothing is known has its module and an offset', t => {
  const frames = at(symbolizerOf(moduleOf(library())), 0x11038)
  t.is(frames.length, 1)
  t.like(frames[0], {function: null, file: null, line: null, entry: null, module: '/lib/x.so', moduleOffset: 0x38})
  const nowhere = new Symbolizer({moduleAt: () => undefined, diagnostics: new Diagnostics()})
  t.like(at(nowhere, 0x5)[0], {function: null, module: null, moduleOffset: null})
})

test("a return address at a function's end belongs to the caller, and keeps its own offset", t => {
  const symbolizer = symbolizerOf(moduleOf(library()))
  t.like(at(symbolizer, 0x11010, 0x1100f)[0], {function: 'hidden', moduleOffset: 0x10})
  t.like(at(symbolizer, 0x11010)[0], {function: 'ns::run(int)', moduleOffset: 0x10})
})

test('Go tables come first, and their own unknown marks are no names', t => {
  const go = {
    functionAt: (pc: Address) =>
      pc < 0x11008
        ? {
            entry: toAddress(0x11000),
            inlineFrames: () => [
              {linkedName: 'main.inlined', file: '/x/a.go', line: 3, inlined: true},
              {linkedName: 'main.f', file: '?', line: 0, inlined: false},
            ],
          }
        : undefined,
  }
  const symbolizer = symbolizerOf(moduleOf(library()), {go})
  t.deepEqual(
    at(symbolizer, 0x11004).map(({kind, function: name, file, line, inlined}) => [kind, name, file, line, inlined]),
    [
      ['go', 'main.inlined', '/x/a.go', 3, true],
      ['go', 'main.f', null, null, false],
    ],
  )
  t.is(at(symbolizer, 0x1100a)[0]?.function, 'hidden')
})

test('the symbol names what DWARF leaves unnamed, and C++ functions with internal linkage', t => {
  const builder = new DwarfBuilder().unit({
    root: {
      tag: 'compile_unit',
      attributes: [
        ['low_pc', 'addr', 0x1000],
        ['high_pc', 'data4', 0x30],
      ],
      children: [
        {
          tag: 'subprogram',
          attributes: [
            ['low_pc', 'addr', 0x1000],
            ['high_pc', 'data4', 0x10],
          ],
        },
        {
          tag: 'subprogram',
          attributes: [
            ['name', 'string', 'run'],
            ['low_pc', 'addr', 0x1010],
            ['high_pc', 'data4', 0x10],
          ],
        },
        {
          tag: 'subprogram',
          attributes: [
            ['name', 'string', 'c_name'],
            ['low_pc', 'addr', 0x1020],
            ['high_pc', 'data4', 0x10],
          ],
        },
      ],
    },
  })
  const dwarf = sectionSource(builder.build())
  const symbolizer = symbolizerOf(moduleOf(library(), {dwarf}))
  t.deepEqual(
    [0x11004, 0x11014, 0x11024].map(pc => at(symbolizer, pc)[0]?.function),
    ['hidden', 'ns::run(int)', 'c_name'],
  )
  const plain = symbolizerOf(moduleOf(library(), {dwarf}), {demangle: false})
  t.is(at(plain, 0x11014)[0]?.function, '_ZN2ns3runEi')
})

/** What gas writes for a function in assembly: the one label that it chose. */
function assembly(name: string, start: number): DwarfBuilder {
  const range = [
    ['low_pc', 'addr', start],
    ['high_pc', 'data4', 0x10],
  ] as const
  return new DwarfBuilder().unit({
    root: {
      tag: 'compile_unit',
      attributes: [['language', 'data2', 0x8001], ...range],
      children: [{tag: 'subprogram', attributes: [['name', 'string', name], ...range]}],
    },
  })
}

test('of the labels of a function in assembly the global one names it', t => {
  const nameAt = (builder: DwarfBuilder, pc: number) =>
    at(symbolizerOf(moduleOf(library(), {dwarf: sectionSource(builder.build())})), pc)[0]?.function
  t.is(nameAt(assembly('__GI_copy', 0x1020), 0x11024), 'copy')
  t.is(nameAt(assembly('also_hidden', 0x1000), 0x11004), 'also_hidden')
})

test('the symbol tells the scope of a nested function, also of the part that was split off; of C it tells nothing', t => {
  const function_ = (language: number) =>
    new DwarfBuilder().unit({
      root: {
        tag: 'compile_unit',
        attributes: [['language', 'data2', language]],
        children: [
          {
            tag: 'subprogram',
            attributes: [
              ['name', 'string', 'run'],
              ['low_pc', 'addr', 0],
              ['ranges', 'sec_offset', 0],
            ],
          },
        ],
      },
    })
  // `_ZN2ns3runEi`, and `copy` for the part of it
  const ranges = new BytesBuilder().u64(0x1010, 0x1020, 0x1020, 0x1030, 0, 0).build()
  const names = (language: number) => {
    const dwarf = sectionSource({...function_(language).build(), '.debug_ranges': ranges})
    const symbolizer = symbolizerOf(moduleOf(library(), {dwarf}))
    return [0x11014, 0x11024].map(pc => at(symbolizer, pc)[0]?.function)
  }
  t.deepEqual(names(0x0d), ['ns::run(int)', 'copy'])
  t.deepEqual(names(0x0c), ['ns::run(int)', 'run'])
  t.deepEqual(names(0x1a), ['ns::run(int)', 'run'], 'C inside of C++')
})

test('a module whose information cannot be read loses its own names alone', t => {
  const diagnostics = new Diagnostics()
  const dwarf = {
    name: 'broken',
    section: (): never => {
      throw new FormatError('broken:.debug_info', 'unreadable')
    },
  }
  const symbolizer = new Symbolizer({moduleAt: () => moduleOf(library(), {dwarf}), diagnostics})
  t.is(at(symbolizer, 0x11004)[0]?.function, 'hidden')
  t.is(diagnostics.list()[0]?.code, 'symbols-unreadable')
})

const frame = (name: string | null, line: number | null): SourceFrame => ({
  kind: 'c',
  function: name,
  linkageName: null,
  file: line === null ? null : 'a.c',
  line,
  column: null,
  entry: name === null ? null : toAddress(0x100),
  inlined: false,
  language: 'c',
  module: null,
  moduleOffset: null,
})

test('the symbolizer hands out one frame a call, more follows until the last, and clears what it does not know', t => {
  const frames = new Map([
    [0x111, [frame('inner', 1), frame('outer', 2)]],
    [0x222, [frame(null, null)]],
  ])
  const cgo = new CgoSymbolizer(pc => frames.get(pc) ?? [])
  const arg = emptySymbolizerArg()
  t.deepEqual(
    [...cgo.steps(arg, toAddress(0x111))],
    [
      {pc: toAddress(0x111), file: 'a.c', lineno: 1, func: 'inner', entry: toAddress(0x100), more: 1, data: 1},
      {pc: toAddress(0x111), file: 'a.c', lineno: 2, func: 'outer', entry: toAddress(0x100), more: 0, data: 0},
    ],
  )
  t.deepEqual([...cgo.steps(arg, toAddress(0x222))], [{...emptySymbolizerArg(), pc: toAddress(0x222)}])
  t.deepEqual([...cgo.steps(arg, toAddress(0x333))], [{...emptySymbolizerArg(), pc: toAddress(0x333)}])
})

test('what is no address leaves nothing in the struct', t => {
  const cgo = new CgoSymbolizer(() => [frame('f', 7)])
  const arg = emptySymbolizerArg()
  t.is([...cgo.steps(arg, toAddress(0x111))].length, 1)
  t.deepEqual(cgo.clear(arg), emptySymbolizerArg())
  t.deepEqual(cgo.close(arg), emptySymbolizerArg())
})

test('the closing call has pc 0 and leaves the other fields as they were', t => {
  const cgo = new CgoSymbolizer(() => [frame('f', 7)])
  const arg = emptySymbolizerArg()
  const [last] = [...cgo.steps(arg, toAddress(0x111))]
  t.deepEqual(cgo.close(arg), {...last, pc: toAddress(0)} as never)
})
