import type {Fixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {FORMATS} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'

/**
 * What `analyze --quiet` prints of a committed case, without a process of its own: what the command line adds is shown
 * by the golden texts.
 */
export async function printedReport(
  fixture: Fixture,
  {
    traceback,
    cgoFrames = 'auto',
    format = 'text',
  }: {
    traceback?: 'crash'
    cgoFrames?: 'auto' | 'none'
    format?: 'text' | 'json'
  } = {},
): Promise<string> {
  const diagnostics = new Diagnostics()
  const places = {exe: fixture.executable, sysroots: [fixture.sysroot], diagnostics}
  const process = await openProcess(fixture.core, places)
  try {
    const report = analyzeCore(process, {
      tool: {name: 'gotrace-core', version: '0'},
      traceback,
      cgoFrames,
      goroutines: undefined,
      maxFrames: 1000,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    })
    const view = traceback === undefined ? 'whole' : 'go'
    const render = FORMATS[format].renderers.analyze
    return [...(render?.(report, {style: PLAIN_STYLE, registers: false, view}) ?? [])].join('')
  } finally {
    process.close()
  }
}
