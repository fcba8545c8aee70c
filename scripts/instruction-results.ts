// Writes test/emulate/instruction-results.txt anew: what the processor of this machine does with each instruction form
// that the emulator knows. Needs gcc, and a processor with AVX-512.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {listForms} from '../lab/instructions/forms.ts'
import {featuresHere, runNative} from '../lab/instructions/native-run.ts'
import {formatResults, TABLE_STATES, tablePath} from '../lab/instructions/result-table.ts'

if (!featuresHere().includes('avx512')) throw new Error('this processor has no AVX-512')
const directory = mkdtempSync(join(tmpdir(), 'instructions-'))
try {
  writeFileSync(tablePath, formatResults(runNative(directory, listForms(), TABLE_STATES)))
} finally {
  rmSync(directory, {recursive: true, force: true})
}
