import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {DwarfInfo} from '../../src/dwarf/dwarf-info.ts'
import {type AttributeSpec, type DieSpec, DwarfBuilder, sectionSource} from '../support/dwarf-builder.ts'

type Site = {tag?: 'call_site' | 'GNU_call_site'; attributes: readonly AttributeSpec[]}

/** A unit with one function at 0x1000, what it says of its lists of calls, and the calls that it lists. */
function tailCalls(version: number, lists: readonly AttributeSpec[], sites: readonly Site[]) {
  const called: DieSpec = {tag: 'subprogram', label: 'g', attributes: [['name', 'string', 'g']]}
  const range = [
    ['low_pc', 'addr', 0x1000],
    ['high_pc', 'data4', 0x40],
  ] as const
  const block: DieSpec = {tag: 'lexical_block', children: sites.map(site => ({tag: 'call_site', ...site}))}
  const nested: DieSpec = {
    tag: 'subprogram',
    children: [
      {
        tag: 'call_site',
        attributes: [
          ['call_tail_call', 'flag_present', 1],
          ['call_pc', 'addr', 0x1039],
        ],
      },
    ],
  }
  const f: DieSpec = {tag: 'subprogram', attributes: [...range, ...lists], children: [block, nested]}
  const builder = new DwarfBuilder().unit({
    version,
    root: {tag: 'compile_unit', attributes: [['language', 'data1', 0x0c], ...range], children: [called, f]},
  })
  const info = new DwarfInfo(sectionSource(builder.build()), {diagnostics: new Diagnostics()})
  return info.tailCallsOf(toAddress(0x1000))
}

test('the tail calls of a function are listed as DWARF 5 writes them, by the jump or by what is behind it', t => {
  const sites: Site[] = [
    {
      attributes: [
        ['call_return_pc', 'addr', 0x1010],
        ['call_origin', 'ref4', 'g'],
      ],
    },
    {
      attributes: [
        ['call_return_pc', 'addr', 0x1020],
        ['call_tail_call', 'flag_present', 1],
        ['call_origin', 'ref4', 'g'],
      ],
    },
    {
      attributes: [
        ['call_pc', 'addr', 0x1030],
        ['call_tail_call', 'flag_present', 1],
      ],
    },
  ]
  t.deepEqual(tailCalls(5, [['call_all_calls', 'flag_present', 1]], sites), [
    {callPc: undefined, returnPc: 0x1020, isDirect: true},
    {callPc: 0x1030, returnPc: undefined, isDirect: false},
  ])
})

test('the tail calls of a function are listed as GCC writes them up to DWARF 4', t => {
  const sites: Site[] = [
    {
      tag: 'GNU_call_site',
      attributes: [
        ['low_pc', 'addr', 0x1020],
        ['GNU_tail_call', 'flag_present', 1],
        ['abstract_origin', 'ref4', 'g'],
      ],
    },
  ]
  t.deepEqual(tailCalls(4, [['GNU_all_tail_call_sites', 'flag_present', 1]], sites), [
    {callPc: undefined, returnPc: 0x1020, isDirect: true},
  ])
})

test('a list that may not be whole is none', t => {
  const site: Site = {
    attributes: [
      ['call_pc', 'addr', 0x1030],
      ['call_tail_call', 'flag_present', 1],
    ],
  }
  t.is(tailCalls(5, [], [site]), undefined)
  t.is(tailCalls(5, [['call_all_calls', 'flag', 0]], [site]), undefined)
})
