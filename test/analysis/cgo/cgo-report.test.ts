import test from 'ava'
import {reportHooks} from '../../../src/analysis/cgo/cgo-report.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {Diagnostics} from '../../../src/base/diagnostics.ts'

function hooksOf(state: object | undefined) {
  const diagnostics = new Diagnostics()
  const symbolizer = {locate: () => [{function: 'inlined'}, {function: 'tracer'}]}
  const runtime = state && {state}
  const report = reportHooks({runtime, symbolizer, diagnostics} as unknown as DeadProcess)
  return {...report, codes: diagnostics.list().map(({code}) => code)}
}

test('a hook is named by the function that it is, and is null where the program gave none', t => {
  t.deepEqual(hooksOf({cgoTraceback: 0x1000, cgoContext: null, cgoSymbolizer: null}), {
    hooks: {traceback: {address: '0x1000', symbol: 'tracer'}, context: null, symbolizer: null},
    hooksKnown: true,
    codes: [],
  })
})

test('hooks that cannot be found out are said to be unknown, not absent', t => {
  const {hooksKnown, codes} = hooksOf({cgoTraceback: null, cgoContext: undefined, cgoSymbolizer: null})
  t.false(hooksKnown)
  t.deepEqual(codes, ['cgo-hooks-unknown'])
  t.deepEqual(hooksOf(undefined).codes, [], 'without a runtime there is nothing to ask')
})
