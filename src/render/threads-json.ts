import type {ThreadsReport} from '../report/core-report.ts'
import {renderJsonStream} from './json-stream.ts'

export function renderThreadsJson(report: ThreadsReport): Generator<string> {
  const {schemaVersion, tool, core, go, crash, threads} = report
  const tail = () => ({diagnostics: report.diagnostics()})
  return renderJsonStream({head: {schemaVersion, tool, core, go, crash}, key: 'threads', items: threads, tail})
}
