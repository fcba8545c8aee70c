// The emulator held against the processor of this machine: every instruction form from thousands of random states.
import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, test} from 'node:test'
import {runEmulated} from '../../lab/instructions/emulated-run.ts'
import {type InstructionForm, listForms} from '../../lab/instructions/forms.ts'
import {featuresHere, runNative} from '../../lab/instructions/native-run.ts'
import {definedPart} from '../../lab/instructions/state.ts'

/** Of each form; there are over two thousand forms. */
const STATES = 200

describe('instructions', () => {
  for (const feature of ['base', 'avx2', 'avx512'] as const) {
    test(feature, {skip: featuresHere().includes(feature) ? false : `this processor has no ${feature}`}, () => {
      const directory = mkdtempSync(join(tmpdir(), 'gotrace-instructions-'))
      try {
        const forms = listForms().filter(form => form.feature === feature)
        const wrong = runNative(directory, forms, STATES).flatMap(({form, code, after}) =>
          differences(form, code, after),
        )
        assert.deepEqual(wrong, [])
      } finally {
        rmSync(directory, {recursive: true, force: true})
      }
    })
  }
})

function differences(form: InstructionForm, code: Uint8Array, after: readonly Uint8Array[]): string[] {
  const ours = runEmulated(form, code, after.length)
  const isWrong = (state: Uint8Array, index: number) =>
    Buffer.compare(definedPart(form, state), definedPart(form, ours[index] as Uint8Array)) !== 0
  const at = after.findIndex(isWrong)
  return at < 0 ? [] : [`${form.text}: state ${at}`]
}
