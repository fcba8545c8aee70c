import test from 'ava'
import {isExportedRuntime, isUserVisible, nameForTraceback} from '../../src/gosym/func-name.ts'
import {GoVersion} from '../../src/gosym/version.ts'

const go = (minor: number): GoVersion => GoVersion.ofMinor(minor)

test('gopanic is printed as panic, and nothing else is', t => {
  t.is(nameForTraceback('runtime.gopanic', go(15)), 'panic')
  t.is(nameForTraceback('runtime.gopanic.func1', go(27)), 'runtime.gopanic.func1')
})

test('type arguments are cut from 1.21 on', t => {
  const name = 'main.(*G[go.shape.[]int,go.shape.map[string]int]).Do'
  t.is(nameForTraceback(name, go(20)), name)
  t.is(nameForTraceback(name, go(21)), 'main.(*G[...]).Do')
  t.is(nameForTraceback(name, go(27)), 'main.(*G[...]).Do')
  t.is(nameForTraceback('main.odd[x', go(27)), 'main.odd[x')
  t.is(nameForTraceback('main.odd]x[', go(27)), 'main.odd]x[')
})

test('a generic method of a generic type keeps two groups from 1.27 on', t => {
  const name = 'main.(*G[go.shape.[]int]).Map[go.shape.string].func1'
  t.is(nameForTraceback(name, go(26)), 'main.(*G[...].func1')
  t.is(nameForTraceback(name, go(27)), 'main.(*G[...]).Map[...].func1')
  t.is(nameForTraceback('main.T[a]]b[c]', go(27)), 'main.T[a]]b[c]', 'unbalanced names stay whole')
})

test('methods of exported runtime types are exported from 1.23 on', t => {
  t.true(isExportedRuntime('runtime.GC', go(15)))
  t.false(isExportedRuntime('runtime.gc', go(27)))
  t.false(isExportedRuntime('runtime.(*Func).Entry', go(22)))
  t.true(isExportedRuntime('runtime.(*Func).Entry', go(23)))
  t.false(isExportedRuntime('runtime.(*mheap).Alloc', go(23)))
  t.false(isExportedRuntime('runtime.(*Func).entry', go(23)))
  t.true(isExportedRuntime('runtime.Frames.Next', go(23)))
  t.false(isExportedRuntime('main.X', go(23)))
})

test('names without a dot are hidden', t => {
  t.false(isUserVisible('_cgoexp_123_callback', go(27)))
  t.true(isUserVisible('main._Cfunc_f', go(27)))
  t.false(isUserVisible('runtime.goexit', go(27)))
})
