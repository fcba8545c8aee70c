import {createRequire} from 'node:module'
import test from 'ava'
import {decodeFault} from '../../src/amd64/faulting-instruction.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {toAddress} from '../../src/base/address.ts'
import {renderGoText} from '../../src/render/go-text.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {renderSummary} from '../../src/render/summary-text.ts'
import {plainOptions} from '../support/analysis-options.ts'
import {withFixture} from '../support/open-fixture.ts'
import {FakeProcess} from '../unwind/process.ts'

// Alone in its file: what one test loads, another finds loaded.
const isLoaded = (): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some(path => path.includes('/node_modules/iced-x86/'))

test.serial('the text of a crash that tables explain, its summary too, never loads the decoder', async t => {
  const text = await withFixture('cfault-segv-go1.27', (dead, diagnostics) => {
    const report = analyzeCore(dead, plainOptions(diagnostics))
    return [...renderSummary(report.summary, PLAIN_STYLE), ...renderGoText(report, PLAIN_STYLE)].join('')
  })
  t.regex(text, /SIGSEGV/)
  t.regex(text, /mov/)
  t.false(isLoaded())
})

test.serial('the first instruction that is asked for loads it', t => {
  decodeFault(new FakeProcess().code(0x1000, '90'), toAddress(0x1000), {
    general: undefined,
    fsBase: undefined,
    gsBase: undefined,
  })
  t.true(isLoaded())
})
