import {readFileSync} from 'node:fs'
import test from 'ava'
import {demanglePlain} from '../../src/demangle/cxx-plain.ts'
import {demangleCxx} from '../../src/demangle/cxx-reader.ts'
import {Demangler, demangleTypeName} from '../../src/demangle/demangler.ts'

/** Names that small programs have, as `c++filt -i` writes them. */
const NAMES: Record<string, string> = {
  _Z1fv: 'f()',
  _Z1fiPKcz: 'f(int, char const*, ...)',
  _ZN3foo3barEv: 'foo::bar()',
  _ZNK3foo3barEv: 'foo::bar() const',
  _ZN3fooC2ERKS_: 'foo::foo(foo const&)',
  _ZN3fooD0Ev: 'foo::~foo()',
  _ZN12_GLOBAL__N_16hiddenEi: '(anonymous namespace)::hidden(int)',
  _ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_: 'std::remove_reference<int&>::type&& std::move<int&>(int&)',
  _ZNSt6vectorIiSaIiEE9push_backEOi: 'std::vector<int, std::allocator<int> >::push_back(int&&)',
  _ZlsRSoRK1S: 'operator<<(std::ostream&, S const&)',
  _ZNK1ScvbEv: 'S::operator bool() const',
  _ZN1ScvT_IiEEv: 'S::operator int<int>()',
  _Z1gPFvicE: 'g(void (*)(int, char))',
  _Z1gPFPFvvEiE: 'g(void (*(*)(int))())',
  _Z1hRA5_KcM1SFivE: 'h(char const (&) [5], int (S::*)())',
  _ZZ4mainENKUliE_clEi: 'main::{lambda(int)#1}::operator()(int) const',
  _ZZ1fvE1x: 'f()::x',
  _ZGVZ1fvE1x: 'guard variable for f()::x',
  '_Z1fv.cold': 'f() [clone .cold]',
  '_Z1fv.constprop.0.isra.1': 'f() [clone .constprop.0] [clone .isra.1]',
  _Z3sumIJiiEEiDpT_: 'int sum<int, int>(int, int)',
  _Z3sumIJEEiDpT_: 'int sum<>()',
  // A parameter that stands for what is const already, a template's in the name of another one's.
  _Z1fIKiEvRKT_: 'void f<int const>(int const&)',
  _Z5outerIZ5innerIcEvT_EUlvE_EvOS1_: 'void outer<inner<char>(char)::{lambda()#1}>(inner<char>(char)::{lambda()#1}&&)',
  _Z1fIXadL_ZN1S1gEiEEEvv: 'void f<&S::g>()',
  _Z1fIXadL_Z1gIiEvT_EEEvv: 'void f<&(void g<int>(int))>()',
  _Z1fIiEDTclL_Z1gIiET_S0_Efp_EET_: 'decltype ((g<int>)({parm#1})) f<int>(int)',
  _Z1fIiEDTclL_Z1giEfp_EET_: 'decltype (g({parm#1})) f<int>(int)',
  _ZN4core3fmt5write17h0123456789abcdefE: 'core::fmt::write',
  '_ZN50_$LT$T$u20$as$u20$core..convert..From$LT$U$GT$$GT$4from17h0123456789abcdefE':
    '<T as core::convert::From<U>>::from',
  _RNvCs1234_7mycrate3foo: 'mycrate::foo',
  _RINvNtC3std3mem8align_ofdE: 'std::mem::align_of::<f64>',
  _RNCNvCs1234_7mycrate3foo0B3_: 'mycrate::foo::{closure#0}',
  _RNvXCs1234_7mycrateNtB2_1SNtNtC4core5clone5Clone5clone: '<mycrate::S as core::clone::Clone>::clone',
  _RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y: 'utf8_idents::საჭმელად_გემრიელი_სადილი',
  _RINvC1a1fTiTjEEE: 'a::f::<(isize, (usize,))>',
}

test('C++ and Rust names read as other tools write them', t => {
  const demangler = new Demangler()
  for (const [mangled, wanted] of Object.entries(NAMES)) t.is(demangler.demangle(mangled), wanted, mangled)
})

test('names of all kinds out of large libraries read as c++filt writes them', t => {
  const demangler = new Demangler()
  const lines = readFileSync(new URL('names.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
  t.true(lines.length > 100)
  for (const line of lines) {
    const [mangled = '', wanted] = line.split('\t')
    t.is(demangler.demangle(mangled), wanted, mangled)
  }
})

/** Of what a name read without a tree must not get wrong: each is nearly what can be read so. */
const NEARLY_PLAIN = [
  '_ZN1nlsIiEEvT_', // operator<< <int>
  '_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_',
  '_Z1fIKiEvRKT_',
  '_Z1fIRKiEvRT_',
  '_Z1fIOiEvRT_OS1_',
  '_Z1fIRiEvKT_',
  '_Z1fIJiRcOdEEvDpOT_',
  '_Z1fIJiEEvDpPKT_S2_',
  '_Z1fI1aIiEJEEvv',
  '_Z1fI1aIiEJ1bIiEEEvv',
  '_Z1fIJEiEvv',
  '_Z1fPFPFvvEiE',
  '_Z1fPFvvES0_PS0_',
  '_Z1fKFvvE',
  '_ZNSsC1Ev',
  '_ZNSaIcED2Ev',
  '_ZN1aIiEC2IcEET_',
  '_ZNKR1a1fEv',
  '_Z1fvi',
  '_Z1fIFvivEEvv',
  '_ZN1aE',
  '_ZN1a1bS_E',
  '_ZNS_E',
  '_Z1fILc65EEvv',
  '_Z1fILln5ELb1ELN1a1bE2EEvv',
  '_Z1fILf3f800000EEvv',
  '_ZN1aB5cxx11C2B3abcEv',
  '_ZN12_GLOBAL__N_11fEN1a1bE.isra.0.cold',
  '_ZN1a1fEPKcz',
]

test('a name that is read without a tree reads as by the tree', t => {
  const lines = readFileSync(new URL('names.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t')[0] ?? '')
  let plain = 0
  for (const name of [...NEARLY_PLAIN, ...Object.keys(NAMES), ...lines, ...hostileNames()]) {
    const read = demanglePlain(name)
    if (read === undefined) continue
    plain++
    t.is(`${read}`, demangleCxx(name), name)
  }
  t.true(plain > 50, `${plain} of them`)
})

test('what is not mangled, or broken, has no other name', t => {
  const demangler = new Demangler()
  const names = ['main', '_cgo_panic', '_Z', '_Zq', '_ZN', '_ZNS_E', '_ZN3fooC', '_RNv', '_R9zz', '_ZZZZZ', '_Z99999x']
  for (const name of [...names, '_Z1fT_', '_Z1fDp', '_Z1fv@@', '_RNvC1a1b!'])
    t.is(demangler.demangle(name), undefined, name)
})

test('types are spelled as std::type_info has them', t => {
  t.is(demangleTypeName('St13runtime_error'), 'std::runtime_error')
  t.is(demangleTypeName('PKc'), 'char const*')
  t.is(demangleTypeName('N2ns5ErrorILi3EEE'), 'ns::Error<3>')
  t.is(demangleTypeName('???'), undefined)
})

test('no name shows control characters', t => {
  const demangler = new Demangler()
  t.is(demangler.demangle('_RINvC1a1fKca_E'), "a::f::<'\\u{a}'>")
  t.is(demangler.demangle('_ZN3a$u1b$b17h0123456789abcdefE'), undefined)
  t.is(demangler.demangle('_ZN7a$u1b$b17h0123456789abcdefE'), 'a$u1b$b')
})

/** Each part refers to the one before it twice, so that each doubles the text. */
function doubling(parts: number): string {
  const seq = (index: number): string => (index === 0 ? 'S_' : `S${(index - 1).toString(36).toUpperCase()}_`)
  let name = '1aIiiE'
  for (let at = 0; at < parts; at++) name += `1bI${seq(2 * at + 1)}${seq(2 * at + 1)}E`
  return `_Z1fN${name}E`
}

function hostileNames(): string[] {
  return [
    `_Z1f${'P'.repeat(30_000)}i`,
    `_Z1f${'PK'.repeat(150)}i`,
    `_Z1f${'I'.repeat(3000)}`,
    `_Z${'N1a'.repeat(9000)}E`,
    `_Z1f${'Fv'.repeat(10_000)}`,
    `_Z1fIXaa${'aaLb1E'.repeat(5000)}EEvv`,
    `_Z1fI${'J'.repeat(10_000)}${'E'.repeat(10_000)}Evv`,
    `_Z${'Z'.repeat(9000)}1f`,
    `_Z1fIJ${'i'.repeat(5000)}EEv${'DpT_'.repeat(5000)}`,
    `_Z1fIJ${'iii'.repeat(200)}EEv${'DpDpDpT_'.repeat(50)}`,
    ...[8, 20, 30, 200, 2000].map(doubling),
    `_RIC1a${'IC1b'.repeat(2000)}`,
    `_RIC1aTB0_B0_B0_B0_E${'TB4_B4_B4_B4_B4_E'.repeat(500)}E`,
    `_RNvC1a${'9999999'.repeat(100)}`,
    `_RNvC1au9999_${'a'.repeat(9999)}`,
    `_RINvC1a1f${'T'.repeat(5000)}u${'E'.repeat(5001)}`,
    `_RINvC1a1fFG${'Z'.repeat(100)}_EuE`,
  ]
}

test('hostile names end soon, and what they are shown as is bounded', t => {
  const demangler = new Demangler()
  const started = process.cpuUsage()
  let size = 0
  for (const name of hostileNames()) {
    for (let copy = 0; copy < 5; copy++) size += (demangler.demangle(`${name}.${copy}`) ?? name).length
  }
  t.true(size < 5 * hostileNames().length * 33_000)
  t.true(process.cpuUsage(started).user < 20e6)
})
