import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {DwarfInfo} from '../../src/dwarf/dwarf-info.ts'
import {RangeIndexBuilder} from '../../src/dwarf/range-index.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {type AttributeSpec, type DieSpec, DwarfBuilder, lineTable, sectionSource} from '../support/dwarf-builder.ts'

const LANG_C = ['language', 'data1', 0x0c] as const

function unitRoot(attributes: readonly AttributeSpec[], children: readonly DieSpec[] = []): DieSpec {
  return {tag: 'compile_unit', attributes: [LANG_C, ['comp_dir', 'string', '/src'], ...attributes], children}
}

function subprogram(name: string, low: number, size: number, children?: readonly DieSpec[]): DieSpec {
  return {
    tag: 'subprogram',
    label: name,
    attributes: [
      ['name', 'string', name],
      ['low_pc', 'addr', low],
      ['high_pc', 'data4', size],
    ],
    ...(children && {children}),
  }
}

function pcRange(low: number, size: number): readonly AttributeSpec[] {
  return [
    ['low_pc', 'addr', low],
    ['high_pc', 'data4', size],
  ]
}

function inlined(origin: string, low: number, size: number, line: number, children?: readonly DieSpec[]): DieSpec {
  return {
    tag: 'inlined_subroutine',
    attributes: [
      ['abstract_origin', 'ref4', origin],
      ...pcRange(low, size),
      ['call_file', 'data1', 1],
      ['call_line', 'data2', line],
      ['call_column', 'data1', 7],
    ],
    ...(children && {children}),
  }
}

function open(sections: Record<string, Uint8Array>, diagnostics = new Diagnostics()): DwarfInfo {
  return new DwarfInfo(sectionSource(sections), {diagnostics})
}

const at = (info: DwarfInfo, address: number) =>
  info.locate(toAddress(address)).map(frame => `${frame.function} ${frame.file}:${frame.line}`)

const abstract = (name: string): DieSpec => ({tag: 'subprogram', label: name, attributes: [['name', 'string', name]]})

test('inlined calls come innermost first, each at the place where it called the next', t => {
  const builder = new DwarfBuilder().unit({
    root: unitRoot(
      [['stmt_list', 'sec_offset', 0], ...pcRange(0x1000, 0x100)],
      [
        abstract('inner'),
        abstract('middle'),
        subprogram('outer', 0x1000, 0x100, [
          {tag: 'lexical_block', children: [inlined('middle', 0x1010, 0x40, 30, [inlined('inner', 0x1020, 0x10, 20)])]},
        ]),
      ],
    ),
  })
  const lines = lineTable(['a.c'], program => {
    program.address(0x1000).row(31).row(21, {advance: 0x10}).row(11, {advance: 0x10, column: 3}).end(0xe0)
  })
  const info = open({...builder.build(), '.debug_line': lines})
  t.deepEqual(at(info, 0x1000), ['outer /src/a.c:31'])
  t.deepEqual(at(info, 0x1010), ['middle /src/a.c:21', 'outer /src/a.c:30'])
  t.deepEqual(at(info, 0x1025), ['inner /src/a.c:11', 'middle /src/a.c:20', 'outer /src/a.c:30'])
  const frames = info.locate(toAddress(0x1025))
  t.deepEqual(
    frames.map(frame => [frame.column, frame.inlined, frame.entry, frame.language]),
    [
      [3, true, 0x1000, 'c'],
      [7, true, 0x1000, 'c'],
      [7, false, 0x1000, 'c'],
    ],
  )
  t.deepEqual(at(info, 0x1100), [])
})

test('names are collected along origin and specification, across units and into the supplementary file', t => {
  const supplementary = new DwarfBuilder().unit({
    root: {tag: 'partial_unit', children: [{tag: 'subprogram', label: 'far', attributes: [['name', 'string', 'far']]}]},
  })
  const builder = new DwarfBuilder()
    .unit({
      root: unitRoot(
        [],
        [
          {
            tag: 'subprogram',
            label: 'declared',
            attributes: [
              ['name', 'string', 'method'],
              ['linkage_name', 'string', '_ZN1S6methodEv'],
            ],
          },
        ],
      ),
    })
    .unit({
      offsetSize: 8,
      root: unitRoot(pcRange(0x1000, 0x20), [
        {tag: 'subprogram', label: 'abstract', attributes: [['specification', 'ref_addr', 'declared']]},
        {tag: 'subprogram', attributes: [['abstract_origin', 'ref4', 'abstract'], ...pcRange(0x1000, 0x10)]},
        {
          tag: 'subprogram',
          attributes: [
            ['abstract_origin', 'GNU_ref_alt', supplementary.info.addressOf('far')],
            ...pcRange(0x1010, 0x10),
          ],
        },
      ]),
    })
  const info = new DwarfInfo(sectionSource(builder.build()), {
    diagnostics: new Diagnostics(),
    supplementary: sectionSource(supplementary.build(), 'dwz'),
  })
  const [method] = info.locate(toAddress(0x1005))
  t.is(method?.function, 'method')
  t.is(method?.linkageName, '_ZN1S6methodEv')
  t.is(info.functionAt(toAddress(0x1015))?.name, 'far')
})

test('a function without a linkage name has the scopes of its declaration, nameless namespaces too', t => {
  const named = (tag: DieSpec['tag'], name: string, children: DieSpec[]): DieSpec => ({
    tag,
    attributes: [['name', 'string', name]],
    children,
  })
  const declared = (name: string, label: string): DieSpec => ({
    tag: 'subprogram',
    label,
    attributes: [['name', 'string', name]],
  })
  const defined = (label: string, start: number): DieSpec => ({
    tag: 'subprogram',
    attributes: [['specification', 'ref4', label], ...pcRange(start, 0x10)],
  })
  const unit = (language: number) => {
    const builder = new DwarfBuilder().unit({
      root: {
        tag: 'compile_unit',
        attributes: [['language', 'data1', language], ...pcRange(0x1000, 0x40)],
        children: [
          named('namespace', 'app', [
            {tag: 'namespace', children: [named('structure_type', 'Base', [declared('callit', 'callit')])]},
            named('enumeration_type', 'Kind', []),
            declared('gate', 'gate'),
          ]),
          defined('callit', 0x1000),
          defined('gate', 0x1010),
          {
            tag: 'subprogram',
            attributes: [['name', 'string', 'outer'], ...pcRange(0x1020, 0x10)],
            children: [{tag: 'subprogram', attributes: [['name', 'string', 'inner'], ...pcRange(0x1030, 0x10)]}],
          },
        ],
      },
    })
    const info = new DwarfInfo(sectionSource(builder.build()), {diagnostics: new Diagnostics()})
    return [0x1005, 0x1015, 0x1025, 0x1035].map(at => info.locate(toAddress(at))[0]?.scope)
  }
  t.deepEqual(unit(0x04), ['app::(anonymous namespace)::Base', 'app', undefined, undefined])
  t.is(unit(0x0e)[3], 'outer', "a Fortran function's own functions are named by it")
  t.deepEqual(unit(0x0c), [undefined, undefined, undefined, undefined], 'C has none')
})

test('a unit that .debug_aranges leaves out is found by its root, and one without ranges by its functions', t => {
  const builder = new DwarfBuilder()
    .unit({root: unitRoot(pcRange(0x1000, 0x10), [subprogram('listed', 0x1000, 0x10)])})
    .unit({root: unitRoot(pcRange(0x2000, 0x10), [subprogram('unlisted', 0x2000, 0x10)])})
    .unit({root: unitRoot([], [subprogram('rootless', 0x3000, 0x10)])})
  const aranges = new BytesBuilder().u32(44).u16(2).u32(0).u8(8, 0).zeros(4).u64(0x1000, 0x10, 0, 0)
  const info = open({...builder.build(), '.debug_aranges': aranges.build()})
  t.is(info.functionAt(toAddress(0x1001))?.name, 'listed')
  t.is(info.functionAt(toAddress(0x2001))?.name, 'unlisted')
  t.is(info.functionAt(toAddress(0x3001))?.name, 'rootless')
})

test('of units that claim the same code the first one has it', t => {
  const builder = new DwarfBuilder()
    .unit({root: unitRoot(pcRange(0x1000, 0x10), [subprogram('first', 0x1000, 0x10)])})
    .unit({root: unitRoot(pcRange(0x1000, 0x20), [subprogram('second', 0x1000, 0x20)])})
  const info = open(builder.build())
  t.is(info.functionAt(toAddress(0x1001))?.name, 'first')
  t.is(info.functionAt(toAddress(0x1011))?.name, 'second')
})

test('code between the ranges of a unit has the line that its line table says, and no function', t => {
  const builder = new DwarfBuilder()
    .unit({
      root: unitRoot([
        ['stmt_list', 'sec_offset', 0],
        ['low_pc', 'addr', 0],
        ['ranges', 'sec_offset', 0],
      ]),
    })
    .unit({root: unitRoot(pcRange(0x3000, 0x10))})
  const ranges = new BytesBuilder().u64(0x1000, 0x1010, 0x1020, 0x1030, 0, 0)
  const lines = lineTable(['a.adb'], program => {
    program.address(0x1000).row(1).row(2, {advance: 0x10}).row(3, {advance: 0x10}).end(0x10)
  })
  const info = open({...builder.build(), '.debug_ranges': ranges.build(), '.debug_line': lines})
  t.deepEqual(at(info, 0x1014), ['undefined /src/a.adb:2'])
  t.deepEqual(at(info, 0x1030), [], 'where the sequence ends, so does the code')
  t.deepEqual(at(info, 0x3010), [])
  t.deepEqual(at(info, 0x800), [])
})

test('functions that the linker dropped are nowhere', t => {
  const builder = new DwarfBuilder().unit({
    root: unitRoot(
      [
        ['low_pc', 'addr', 0],
        ['ranges', 'sec_offset', 0],
      ],
      [subprogram('dropped', 0, 0x5000), subprogram('kept', 0x1000, 0x10), subprogram('dead', -1, 0x10)],
    ),
  })
  const ranges = new BytesBuilder().u64(0, 0x5000, 0x1000, 0x1010, 1, 1, 0, 0)
  const info = open({...builder.build(), '.debug_ranges': ranges.build()})
  t.is(info.functionAt(toAddress(0x1001))?.name, 'kept')
  t.is(info.functionAt(toAddress(0x100)), undefined)
})

test('DWARF 5: indexed strings and addresses, range lists, constants in the abbreviation', t => {
  const builder = new DwarfBuilder()
  const name = builder.string('five')
  builder.unit({
    version: 5,
    root: unitRoot(
      [
        ['str_offsets_base', 'sec_offset', 8],
        ['addr_base', 'sec_offset', 8],
        ['rnglists_base', 'sec_offset', 12],
        ['low_pc', 'addrx', 0],
        ['ranges', 'rnglistx', 0],
        ['stmt_list', 'sec_offset', 0],
      ],
      [
        {tag: 'subprogram', label: 'origin', attributes: [['name', 'strx1', 0]]},
        {
          tag: 'subprogram',
          attributes: [
            ['name', 'strx', 0],
            ['low_pc', 'addrx1', 0],
            ['high_pc', 'indirect', 0x20],
          ],
          children: [
            {
              tag: 'inlined_subroutine',
              attributes: [
                ['abstract_origin', 'ref4', 'origin'],
                ['low_pc', 'addrx', 1],
                ['high_pc', 'udata', 4],
                ['call_file', 'implicit_const', 1],
                ['call_line', 'implicit_const', 99],
              ],
            },
          ],
        },
      ],
    ),
  })
  const line = new BytesBuilder()
  line.difference(4, 'end', 'body').label('body').u16(5).u8(8, 0).difference(4, 'program', 'header').label('header')
  line.u8(1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)
  line.u8(1, 1, 0x1f, 2).u32(0, 5) // directories: DW_LNCT_path by DW_FORM_line_strp
  line.u8(3, 1, 0x08, 2, 0x0b, 5, 0x1e, 2) // files: path, directory index, MD5
  line.cstring('main.c').u8(1).zeros(16)
  line.cstring('five.c').u8(1).u64(0x0706050403020100n, 0x0f0e0d0c0b0a0908n)
  line.label('program')
  line.u8(0, 9, 2).u64(0x4000).u8(3, 6, 1, 2, 0x20, 0, 1, 1).label('end')
  const sections = {
    ...builder.build(),
    '.debug_line': line.build(),
    '.debug_line_str': new BytesBuilder().cstring('/cwd').cstring('/inc').build(),
    '.debug_str_offsets': new BytesBuilder().u32(8).u16(5, 0).u32(name).build(),
    '.debug_addr': new BytesBuilder().u32(20).u16(5).u8(8, 0).u64(0x4000, 0x4008).build(),
    '.debug_rnglists': new BytesBuilder().u32(20).u16(5).u8(8, 0).u32(1, 4).u8(3, 0, 0x20, 0).build(),
  }
  const info = open(sections)
  t.deepEqual(at(info, 0x4009), ['five /inc/five.c:7', 'five /inc/five.c:99'])
  const digests = ['/inc/five.c', '/inc/main.c', '/inc/other.c'].map(path => info.fileDigest(toAddress(0x4009), path))
  t.deepEqual(digests, ['000102030405060708090a0b0c0d0e0f', undefined, undefined])
})

test('a split unit is read from its .dwo, with the addresses and the lines of the skeleton', t => {
  const skeleton = new DwarfBuilder().unit({
    version: 5,
    unitType: 'skeleton',
    id: 0x1122334455667788n,
    root: {
      tag: 'skeleton_unit',
      attributes: [
        ['dwo_name', 'string', 'a.dwo'],
        ['comp_dir', 'string', '/build'],
        ['addr_base', 'sec_offset', 8],
        ['stmt_list', 'sec_offset', 0],
        ...pcRange(0x1000, 0x10),
      ],
    },
  })
  const split = new DwarfBuilder().unit({
    version: 5,
    unitType: 'split_compile',
    id: 0x1122334455667788n,
    root: {
      tag: 'compile_unit',
      attributes: [LANG_C],
      children: [
        {
          tag: 'subprogram',
          attributes: [
            ['name', 'strx', 0],
            ['low_pc', 'addrx', 0],
            ['high_pc', 'data1', 0x10],
          ],
        },
      ],
    },
  })
  const built = split.build()
  const dwo = {
    '.debug_info.dwo': built['.debug_info'] as Uint8Array,
    '.debug_abbrev.dwo': built['.debug_abbrev'] as Uint8Array,
    '.debug_str.dwo': new BytesBuilder().cstring('apart').build(),
    '.debug_str_offsets.dwo': new BytesBuilder().u32(8).u16(5, 0).u32(0).build(),
  }
  const main = {
    ...skeleton.build(),
    '.debug_addr': new BytesBuilder().u32(12).u16(5).u8(8, 0).u64(0x1000).build(),
    '.debug_line': lineTable(['a.c'], program => program.address(0x1000).row(5).end(0x10)),
  }
  const asked: unknown[] = []
  const info = new DwarfInfo(sectionSource(main), {
    diagnostics: new Diagnostics(),
    splitUnit: (...question) => {
      asked.push(question)
      return sectionSource(dwo, 'a.dwo')
    },
  })
  t.deepEqual(at(info, 0x1004), ['apart /build/a.c:5'])
  t.deepEqual(asked, [['a.dwo', '/build', 0x1122334455667788n]])

  const diagnostics = new Diagnostics()
  const alone = new DwarfInfo(sectionSource(main), {diagnostics, splitUnit: () => undefined})
  t.deepEqual(at(alone, 0x1004), ['undefined /build/a.c:5'], 'the lines are in the executable')
  t.is(diagnostics.list()[0]?.code, 'split-dwarf-missing')
})

test('a package gives each unit its share of the sections', t => {
  const split = new DwarfBuilder()
  for (const [id, name] of [
    [1n, 'first'],
    [2n, 'second'],
  ] as const) {
    split.unit({
      root: {
        tag: 'compile_unit',
        attributes: [['GNU_dwo_id', 'data8', id]],
        children: [
          {
            tag: 'subprogram',
            attributes: [
              ['name', 'string', name],
              ['low_pc', 'GNU_addr_index', 0],
              ['high_pc', 'data1', 16],
            ],
          },
        ],
      },
    })
  }
  const built = split.build()
  const info = built['.debug_info'] as Uint8Array
  const abbrev = built['.debug_abbrev'] as Uint8Array
  const second = split.info.addressOf('unit1')
  const index = new BytesBuilder().u32(2, 2, 2, 2).u64(1n, 2n).u32(1, 2).u32(1, 3)
  index.u32(0, 0, second, 0).u32(second, abbrev.length, info.length - second, abbrev.length)
  const dwp = {'.debug_info.dwo': info, '.debug_abbrev.dwo': abbrev, '.debug_cu_index': index.build()}
  const skeleton = new DwarfBuilder().unit({
    root: unitRoot([
      ['GNU_dwo_name', 'string', 'b.dwo'],
      ['GNU_dwo_id', 'data8', 2n],
      ['GNU_addr_base', 'sec_offset', 0],
      ...pcRange(0x1000, 0x10),
    ]),
  })
  const dwarf = new DwarfInfo(
    sectionSource({...skeleton.build(), '.debug_addr': new BytesBuilder().u64(0x1000).build()}),
    {diagnostics: new Diagnostics(), splitUnit: () => sectionSource(dwp, 'x.dwp')},
  )
  t.is(dwarf.functionAt(toAddress(0x1004))?.name, 'second')
})

test('a broken unit loses itself alone and is reported once', t => {
  const builder = new DwarfBuilder()
    .unit({root: unitRoot(pcRange(0x1000, 0x10), [subprogram('lost', 0x1000, 0x10)])})
    .unit({root: unitRoot(pcRange(0x2000, 0x10), [subprogram('kept', 0x2000, 0x10)])})
  const lost = builder.info.addressOf('lost')
  const sections = builder.build()
  ;(sections['.debug_info'] as Uint8Array)[lost] = 0x7e // no such abbreviation
  const diagnostics = new Diagnostics()
  const info = open(sections, diagnostics)
  t.deepEqual(at(info, 0x1001), [])
  t.deepEqual(at(info, 0x1002), [])
  t.deepEqual(at(info, 0x2001), ['kept undefined:0'])
  t.is(diagnostics.list().length, 1)
  t.regex(diagnostics.list()[0]?.message ?? '', /test:\.debug_info\+0x[0-9a-f]+: no abbreviation 126/)
})

test('of rows at one address the last counts; a sequence without an end covers nothing', t => {
  const builder = new DwarfBuilder().unit({
    root: unitRoot([['stmt_list', 'sec_offset', 0], ...pcRange(0x1000, 0x2000)]),
  })
  const lines = lineTable(['a.c'], program => {
    program.address(0x2000).row(7).end(0x10)
    program.address(0x1000).row(1).row(2).row(0, {advance: 8}).end(8)
    program.address(0n).row(66).end(0x10)
    program.address(0x2800).row(8).row(9, {advance: 4})
  })
  const info = open({...builder.build(), '.debug_line': lines})
  t.deepEqual(at(info, 0x1000), ['undefined /src/a.c:2'])
  t.deepEqual(at(info, 0x1008), ['undefined /src/a.c:0'], 'line 0 is code without a line')
  t.deepEqual(at(info, 0x2001), ['undefined /src/a.c:7'])
  t.deepEqual(at(info, 0x2010), [], 'the end of a sequence is outside')
  t.deepEqual(at(info, 0x2800), [])
})

test('struct layouts reach into structs within, through typedefs and arrays', t => {
  const member = (name: string, offset: number, type: string): DieSpec => ({
    tag: 'member',
    attributes: [
      ['name', 'string', name],
      ['data_member_location', 'udata', offset],
      ['type', 'ref4', type],
    ],
  })
  const builder = new DwarfBuilder().unit({
    root: {
      tag: 'compile_unit',
      attributes: [['name', 'string', 'runtime']],
      children: [
        {
          tag: 'typedef',
          attributes: [
            ['name', 'string', 'runtime.g'],
            ['type', 'ref4', 'g'],
          ],
        },
        {
          tag: 'structure_type',
          label: 'g',
          attributes: [
            ['name', 'string', 'runtime.g'],
            ['byte_size', 'udata', 64],
          ],
          children: [member('goid', 8, 'word'), member('sched', 16, 'alias'), member('pcs', 40, 'array')],
        },
        {
          tag: 'typedef',
          label: 'alias',
          attributes: [
            ['name', 'string', 'runtime.gobuf'],
            ['type', 'ref4', 'gobuf'],
          ],
        },
        {
          tag: 'structure_type',
          label: 'gobuf',
          attributes: [
            ['name', 'string', 'runtime.gobuf'],
            ['byte_size', 'udata', 16],
          ],
          children: [member('sp', 0, 'word'), member('pc', 8, 'word')],
        },
        {
          tag: 'base_type',
          label: 'word',
          attributes: [
            ['name', 'string', 'uintptr'],
            ['byte_size', 'udata', 8],
          ],
        },
        {
          tag: 'array_type',
          label: 'array',
          attributes: [['type', 'ref4', 'word']],
          children: [{tag: 'subrange_type', attributes: [['count', 'udata', 3]]}],
        },
        {
          tag: 'variable',
          attributes: [
            ['name', 'string', 'runtime.allgs'],
            ['location', 'exprloc', new BytesBuilder().u8(3).u64(0x5000).build()],
          ],
        },
      ],
    },
  })
  const info = open(builder.build())
  const layout = info.structLayout('runtime.g')
  t.is(layout?.size, 64)
  t.deepEqual(Object.fromEntries(layout?.fields ?? []), {
    goid: {offset: 8, size: 8, type: 'uintptr'},
    sched: {offset: 16, size: 16, type: 'runtime.gobuf'},
    'sched.sp': {offset: 16, size: 8, type: 'uintptr'},
    'sched.pc': {offset: 24, size: 8, type: 'uintptr'},
    pcs: {offset: 40, size: 24, type: ''},
  })
  t.is(info.variableAddress('runtime.allgs'), toAddress(0x5000))
  t.deepEqual([...info.structLayouts(['runtime.gobuf', 'runtime.none']).keys()], ['runtime.gobuf'])
})

test('where ranges overlap, the one added last wins', t => {
  const builder = new RangeIndexBuilder()
  builder.add(0x10, 0x50, 0)
  builder.add(0x20, 0x30, 1)
  builder.add(0x28, 0x60, 2)
  const index = builder.build()
  const values = [0x0f, 0x10, 0x20, 0x28, 0x40, 0x5f, 0x60].map(address => index.find(address))
  t.deepEqual(values, [-1, 0, 1, 2, 2, 2, -1])
})

test('types that refer to themselves end', t => {
  const builder = new DwarfBuilder().unit({
    root: unitRoot(pcRange(0x1000, 0x10), [
      {tag: 'subprogram', label: 'loop', attributes: [['abstract_origin', 'ref4', 'loop'], ...pcRange(0x1000, 0x10)]},
      {
        tag: 'structure_type',
        label: 'knot',
        attributes: [
          ['name', 'string', 'knot'],
          ['byte_size', 'udata', 8],
        ],
        children: Array.from({length: 12}, () => ({
          tag: 'member' as const,
          attributes: [
            ['name', 'string', 'k'],
            ['type', 'ref4', 'knot'],
          ] as const,
        })),
      },
      {tag: 'array_type', label: 'array', attributes: [['type', 'ref4', 'array']], children: []},
      {
        tag: 'structure_type',
        attributes: [
          ['name', 'string', 'holder'],
          ['byte_size', 'udata', 8],
        ],
        children: [
          {
            tag: 'member',
            attributes: [
              ['name', 'string', 'a'],
              ['type', 'ref4', 'array'],
            ],
          },
        ],
      },
    ]),
  })
  const info = open(builder.build())
  t.deepEqual(at(info, 0x1001), ['undefined undefined:0'])
  t.is(info.structLayout('knot')?.size, 8)
  t.is(info.structLayout('holder')?.fields.get('a')?.size, 0)
})

/** Small, fast, seeded: xorshift32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

test('damaged sections give fewer answers, never another error', t => {
  const builder = new DwarfBuilder().unit({
    version: 4,
    root: unitRoot(
      [
        ['stmt_list', 'sec_offset', 0],
        ['ranges', 'sec_offset', 0],
        ['low_pc', 'addr', 0],
      ],
      [
        abstract('inner'),
        subprogram('outer', 0x1000, 0x100, [inlined('inner', 0x1020, 0x10, 20)]),
        {
          tag: 'structure_type',
          attributes: [
            ['name', 'string', 'main.T'],
            ['byte_size', 'udata', 8],
          ],
          children: [],
        },
      ],
    ),
  })
  const whole: Record<string, Uint8Array> = {
    ...builder.build(),
    '.debug_ranges': new BytesBuilder().u64(0x1000, 0x1100, 0, 0).build(),
    '.debug_line': lineTable(['a.c'], program => program.address(0x1000).row(3).row(9, {advance: 0x20}).end(0xe0)),
  }
  const names = Object.keys(whole)
  const next = random(20261122)
  let answered = 0
  for (let round = 0; round < 3000; round++) {
    const sections: Record<string, Uint8Array> = Object.fromEntries(
      names.map(name => [name, (whole[name] as Uint8Array).slice()]),
    )
    const name = names[Math.floor(next() * names.length)] as string
    const bytes = sections[name] as Uint8Array
    if (round % 4 === 0) sections[name] = bytes.subarray(0, Math.floor(next() * bytes.length))
    else for (let flips = 0; flips < 3; flips++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256)
    const info = open(sections)
    for (const address of [0x1000, 0x1021, 0x10ff]) answered += info.locate(toAddress(address)).length
    info.structLayout('main.T')
    info.variableAddress('main.v')
  }
  t.true(answered > 0)
})

test('zeros are padding between units, but not for ever', t => {
  const diagnostics = new Diagnostics()
  t.deepEqual(at(open({'.debug_info': new Uint8Array(1000)}, diagnostics), 0x1000), [])
  t.deepEqual(diagnostics.list(), [])
  t.deepEqual(at(open({'.debug_info': new Uint8Array(1_000_000)}, diagnostics), 0x1000), [])
  t.deepEqual(
    diagnostics.list().map(({code, message}) => [code, /too much that is no unit/.test(message)]),
    [['dwarf-unit', true]],
  )
})
