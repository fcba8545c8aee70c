import test from 'ava'
import {describeUnknownPc} from '../../../src/analysis/frames/unknown-pc.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import type {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {ProcessBuilder} from '../../runtime-model/process-builder.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

const LO = 0x7ffd0000
const HI = LO + 0x50
const SP = LO + 0x20
const ENTRY = 0x401000
const PC = toAddress(0x7f0000001eec)

/** Ten words: the stack's bounds are nearer than the 32 words on either side of sp. */
function buildProcess(version: GoVersion) {
  const builder = new ProcessBuilder(version.minor)
  builder.allocate(HI - LO, LO)
  builder.write(SP, ENTRY + 0x64)
  builder.write(SP + 8, 0xffff_ffff_ffff_ffffn)
  const newarray = {name: 'runtime.newarray', entry: toAddress(ENTRY)}
  const functionAt = (pc: Address) => (pc >= ENTRY && pc < ENTRY + 0x100 ? newarray : undefined)
  const process = {memory: builder, tables: {functionAt}, version} as unknown as DeadProcess
  const g0 = {id: 0, address: 0xc000000180, stack: {lo: LO, hi: HI}} as unknown as Goroutine
  return {process, g0}
}

const words = (prefix: string, offset: string) => [
  `stack: frame={sp:0x7ffd0020, fp:0x0} stack=[0x7ffd0000,0x7ffd0050)`,
  `${prefix}000000007ffd0000:  ${prefix}0000000000000000  ${prefix}0000000000000000 `,
  `${prefix}000000007ffd0010:  ${prefix}0000000000000000  ${prefix}0000000000000000 `,
  `${prefix}000000007ffd0020: <${prefix}0000000000401064 <runtime.newarray+${offset}>  ${prefix}ffffffffffffffff `,
  `${prefix}000000007ffd0030:  ${prefix}0000000000000000  ${prefix}0000000000000000 `,
  `${prefix}000000007ffd0040:  ${prefix}0000000000000000  ${prefix}0000000000000000 `,
]
const LONG = words('0x', '0x0000000000000064')

/** runtime.hexdumper. */
const RULED = [
  'runtime: g 0 gp=0xc000000180: unknown pc 0x7f0000001eec',
  'stack: frame={sp:0x7ffd0020, fp:0x0} stack=[0x7ffd0000,0x7ffd0050)',
  '                   7 6 5 4  3 2 1 0   f e d c  b a 9 8  0123456789abcdef',
  '000000007ffd0000: 00000000 00000000  00000000 00000000  ................',
  '000000007ffd0010: 00000000 00000000  00000000 00000000  ................',
  '000000007ffd0020: 00000000 00401064  ffffffff ffffffff  d.@.............',
  '                  ^ SP',
  '                  ^ <runtime.newarray+0x64>',
  '000000007ffd0030: 00000000 00000000  00000000 00000000  ................',
  '000000007ffd0040: 00000000 00000000  00000000 00000000  ................',
]

/** runtime.gentraceback and runtime.hexdumpWords; 1.26 dumps in a form of its own. */
const ROWS: ReleaseRows<readonly string[]> = [
  [7, []],
  [10, ['runtime: unknown pc 0x7f0000001eec', ...words('', '100')]],
  [17, ['runtime: unknown pc 0x7f0000001eec', ...LONG]],
  [19, ['runtime: g 0: unknown pc 0x7f0000001eec', ...LONG]],
  [22, ['runtime: g 0 gp=0xc000000180: unknown pc 0x7f0000001eec', ...LONG]],
  [26, RULED],
]

for (const {version, form} of everyRelease(ROWS)) {
  test(`${version.text}: a stack that begins outside of Go code is dumped as the runtime dumps it`, t => {
    const {process, g0} = buildProcess(version)
    t.deepEqual(describeUnknownPc(process, g0, PC, toAddress(SP)), [...form])
  })
}

test('from 1.26 on lines begin at a multiple of their length, and a word that is not there leaves its room', t => {
  const builder = new ProcessBuilder(26)
  builder.allocate(0x20, LO)
  builder.write(LO + 8, ENTRY + 0x10)
  builder.write(LO + 16, 0x20747865_74206123n)
  const fn = {name: 'runtime.goexit', entry: toAddress(ENTRY)}
  const tables = {functionAt: (pc: Address) => (pc === ENTRY + 0x10 ? fn : undefined)}
  const process = {memory: builder, tables, version: builder.release} as unknown as DeadProcess
  const dumpOf = (lo: number, hi: number) =>
    describeUnknownPc(process, {id: 0, address: 0, stack: {lo, hi}} as unknown as Goroutine, PC, toAddress(LO + 16))
  t.deepEqual(dumpOf(LO + 8, LO + 24).slice(3), [
    '000000007ffd0000:                    00000000 00401010          ..@.....',
    '                                     ^ <runtime.goexit+0x10>',
    '000000007ffd0010: 20747865 74206123                     #a text ',
    '                  ^ SP',
  ])
  t.is(dumpOf(LO, LO + 48).at(-1), '000000007ffd0020: ???????? ????????  ???????? ????????  ????????????????')
})

test('words that the core does not hold are marked', t => {
  const [first] = [...everyRelease(ROWS)].filter(({version}) => version.minor === 14)
  const {process, g0} = buildProcess((first as {version: GoVersion}).version)
  const longer = {...g0, stack: {lo: LO, hi: HI + 16}} as unknown as Goroutine
  t.is(
    describeUnknownPc(process, longer, PC, toAddress(SP)).at(-1),
    '000000007ffd0050:  ????????????????  ???????????????? ',
  )
})
