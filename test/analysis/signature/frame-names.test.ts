import test from 'ava'
import {stableCName, stableGoName} from '../../../src/analysis/signature/frame-names.ts'

const GO: Readonly<Record<string, string>> = {
  'main.work': 'main.work',
  'main.(*Server).serve': 'main.(*Server).serve',
  'main.work.func1': 'main.work.func',
  'main.work.func2': 'main.work.func',
  'main.work.func1.2': 'main.work.func',
  'main.(*T).run.func3': 'main.(*T).run.func',
  'main.work-range1': 'main.work',
  'main.work.func1-range2': 'main.work.func',
  'main.T.Close-fm': 'main.T.Close',
  'main.init.0': 'main.init.0',
  'main.glob..func1': 'main.init.func',
  'main.init.func1': 'main.init.func',
  'main.Map[go.shape.int,go.shape.[]string]': 'main.Map[...]',
  'main.Map[...]': 'main.Map[...]',
  'main.Map[...].func1': 'main.Map[...].func',
  'main.(*List[go.shape.string]).Push': 'main.(*List[...]).Push',
  'gopkg.in/yaml%2ev3.(*parser).parse': 'gopkg.in/yaml%2ev3.(*parser).parse',
  'runtime.memmove.abi0': 'runtime.memmove',
}

test('a Go function keeps its name across instances and numbers of closures', t => {
  for (const [name, stable] of Object.entries(GO)) t.is(stableGoName(name), stable, name)
})

test('a closure of an inlined function belongs to that function', t => {
  const isFunction = (name: string) => name === 'main.caller'
  t.is(stableGoName('main.caller.inlined.func1', isFunction), 'main.inlined.func')
  t.is(stableGoName('main.Type.method.func1', isFunction), 'main.Type.method.func')
  t.is(stableGoName('main.caller.func2.1.inlined.func1', isFunction), 'main.inlined.func', 'a closure was the caller')
  t.is(stableGoName('main.init.func23.init.func23.1.2', isFunction), 'main.init.func')
})

const C: Readonly<Record<string, string>> = {
  strlen: 'strlen',
  'boom.constprop.0.isra.1': 'boom',
  'work.part.0': 'work',
  'work.cold': 'work',
  'inner.1234': 'inner',
  'main._omp_fn.0': 'main',
  'memcpy@plt': 'memcpy',
  'memcpy@@GLIBC_2.14': 'memcpy',
  _ZN3foo3barEi: 'foo::bar',
  'foo::bar(int)': 'foo::bar',
  'foo::bar(int, std::vector<int>) const': 'foo::bar',
  'void foo::twice<int>(int)': 'foo::twice',
  'void foo::twice<std::pair<int, char> >(int)': 'foo::twice',
  'std::vector<int, std::allocator<int> >::at(unsigned long)': 'std::vector::at',
  'make[abi:cxx11](int)': 'make',
  '(anonymous namespace)::hidden(int)': '{anonymous}::hidden',
  'ns::T::operator()(int) const': 'ns::T::operator()',
  'ns::operator<<(std::ostream&, ns::T const&)': 'ns::operator<<',
  'bool ns::operator< <int>(ns::P<int> const&, ns::P<int> const&)': 'ns::operator<',
  'ns::Ptr<T>::operator->() const': 'ns::Ptr::operator->',
  'run(int)::{lambda(int)#2}::operator()(int) const': 'run::{lambda}::operator()',
  'void std::function<void (int)>::operator()(int) const': 'std::function::operator()',
  'non-virtual thunk to A::f()': 'A::f',
  'app::work::h0123456789abcdef': 'app::work',
  'app[8c1a2b3c4d5e6f70]::work': 'app::work',
  'app::work::{{closure}}::h0123456789abcdef': 'app::work::{closure}',
  'app::work::{closure#0}': 'app::work::{closure}',
  '<app::T as app::Run>::run::h0123456789abcdef': '<app::T as app::Run>::run',
  'app::twice::<i32>': 'app::twice',
}

test('a function of C, C++ or Rust keeps its name across instances, tags, hashes and clones', t => {
  for (const [name, stable] of Object.entries(C)) t.is(stableCName(name), stable, name)
})

test('names of any kind end, and stay names', t => {
  for (const name of ['<', '>', '(', ')', '<<<<', 'operator', 'a<', 'a(b', '[', '.func1', '', 'x'.repeat(5000)]) {
    t.true(stableCName(name).length <= 500, name)
    t.true(stableGoName(name).length <= 500, name)
  }
})
