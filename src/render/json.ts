import type {CoreReport} from '../report/core-report.ts'

/**
 * The report as one JSON document, in pieces, so that a million goroutines never stand in memory together.
 * Keys stand in the order of the schema; one goroutine a line.
 */
export function* renderJson(report: CoreReport): Generator<string> {
  const {schemaVersion, tool, core, go, crash} = report
  const head = JSON.stringify({schemaVersion, tool, core, go, crash}, null, 2)
  yield `${head.slice(0, -2)},\n  "goroutines": [`
  let separator = '\n    '
  for (const goroutine of report.goroutines) {
    yield separator + JSON.stringify(goroutine)
    separator = ',\n    '
  }
  const {threads, cgo, blocking, modules, signature, completeness, diagnostics} = report.tail()
  const tail = JSON.stringify({threads, cgo, blocking, modules, signature, completeness, diagnostics}, null, 2)
  yield `\n  ],\n${tail.slice(2)}\n`
}
