import test from 'ava'
import {Demangler} from '../../src/symbolize/demangle.ts'

/** Mangled names as the library writes them: without result types of templates, without crate hashes. */
const NAMES: Record<string, string> = {
  _Z1fv: 'f()',
  _Z1fiPKcz: 'f(int, char const*, ...)',
  _ZN3foo3barEv: 'foo::bar()',
  _ZNK3foo3barEv: 'foo::bar() const',
  _ZN3fooC2ERKS_: 'foo::foo(foo const&)',
  _ZN3fooD0Ev: 'foo::~foo()',
  _ZN12_GLOBAL__N_16hiddenEi: '(anonymous namespace)::hidden(int)',
  _ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_: 'std::move<int&>(int&)',
  _ZNSt6vectorIiSaIiEE9push_backEOi: 'std::vector<int, std::allocator<int> >::push_back(int&&)',
  _ZlsRSoRK1S: 'operator<<(std::ostream&, S const&)',
  _ZNK1ScvbEv: 'S::operator bool() const',
  _ZN1ScvT_IiEEv: 'S::operator int<int>()',
  _Z1gPFvicE: 'g(void (*)(int, char))',
  _Z1hRA5_KcM1SFivE: 'h(char const (&) [5], int (S::*)())',
  _ZZ4mainENKUliE_clEi: 'main::{lambda(int)#1}::operator()(int) const',
  _ZZ1fvE1x: 'f()::x',
  _ZGVZ1fvE1x: 'guard variable for f()::x',
  '_Z1fv.cold': 'f() [clone .cold]',
  '_Z1fv.constprop.0.isra.1': 'f() [clone .constprop.0] [clone .isra.1]',
  _Z3sumIJiiEEiDpT_: 'sum<int, int>(int, int)',
  _Z3sumIJEEiDpT_: 'sum<>()',
  _ZN4core3fmt5write17h0123456789abcdefE: 'core::fmt::write',
  '_ZN50_$LT$T$u20$as$u20$core..convert..From$LT$U$GT$$GT$4from17h0123456789abcdefE':
    '<T as core::convert::From<U>>::from',
  _RNvCs1234_7mycrate3foo: 'mycrate::foo',
  _RINvNtC3std3mem8align_ofdE: 'std::mem::align_of::<f64>',
  _RNCNvCs1234_7mycrate3foo0B3_: 'mycrate::foo::{closure#0}',
  _RNvXCs1234_7mycrateNtB2_1SNtNtC4core5clone5Clone5clone: '<mycrate::S as core::clone::Clone>::clone',
}

test('C++ and Rust names read as other tools write them', t => {
  const demangler = new Demangler()
  for (const [mangled, wanted] of Object.entries(NAMES)) {
    t.is(demangler.demangle(mangled), wanted, mangled)
  }
})

test('what is not mangled, or broken, has no other name', t => {
  const demangler = new Demangler()
  const names = ['main', '_cgo_panic', '_Z', '_Zq', '_ZN', '_ZNS_E', '_ZN3fooC', '_RNv', '_R9zz', '_ZZZZZ', '_Z99999x']
  for (const name of names) t.is(demangler.demangle(name), undefined, name)
})

test('hostile names end soon', t => {
  const demangler = new Demangler()
  const started = Date.now()
  demangler.demangle(`_Z1f${'P'.repeat(60_000)}i`)
  demangler.demangle(`_Z1f${'I'.repeat(3000)}`)
  // each substitution doubles the text
  const doubling = Array.from(
    {length: 30},
    (_, at) =>
      `1aIS${at === 0 ? '' : (at - 1).toString(36).toUpperCase()}_S${at === 0 ? '' : (at - 1).toString(36).toUpperCase()}_E`,
  )
  demangler.demangle(`_Z1f1b${doubling.join('')}`)
  demangler.demangle(`_RIC1a${'IC1b'.repeat(2000)}`)
  demangler.demangle(`_RIC1aTB0_B0_B0_B0_E${'TB4_B4_B4_B4_B4_E'.repeat(500)}E`)
  t.true(Date.now() - started < 3000)
})
