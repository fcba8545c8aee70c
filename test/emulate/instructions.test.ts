import test from 'ava'
import {runEmulated} from '../../lab/instructions/emulated-run.ts'
import {readResults, TABLE_STATES} from '../../lab/instructions/result-table.ts'
import {definedPart, digestOf} from '../../lab/instructions/state.ts'

test('every form leaves registers, flags and memory as a processor did', t => {
  const wrong = readResults().filter(({form, code, digest}) => {
    const states = runEmulated(form, code, TABLE_STATES)
    return digestOf(states.map(state => definedPart(form, state))) !== digest
  })
  t.deepEqual(
    wrong.map(({form}) => form.text),
    [],
  )
})
