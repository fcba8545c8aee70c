import type {GoroutineGroupReport, GoroutineReport, GoroutinesReport} from '../report/core-report.ts'
import {renderJsonStream} from './json-stream.ts'

export function renderGoroutinesJson(report: GoroutinesReport, items: Iterable<GoroutineReport>): Generator<string> {
  const {schemaVersion, tool, core, go} = report
  const tail = () => ({groups: null, counts: report.counts(), diagnostics: report.diagnostics()})
  return renderJsonStream({head: {schemaVersion, tool, core, go}, key: 'goroutines', items, tail})
}

export function renderGroupsJson(report: GoroutinesReport, items: readonly GoroutineGroupReport[]): Generator<string> {
  const {schemaVersion, tool, core, go} = report
  const tail = () => ({counts: report.counts(), diagnostics: report.diagnostics()})
  return renderJsonStream({head: {schemaVersion, tool, core, go, goroutines: null}, key: 'groups', items, tail})
}
