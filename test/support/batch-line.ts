import type {BatchLine} from '../../src/report/core-report.ts'

/** A line of batch of a core with that key: a panic in one function, with what a test says of it. */
export function batchLine(key: string, said: Partial<BatchLine> = {}): BatchLine {
  return {
    schemaVersion: '1',
    tool: {name: 'gotrace-core', version: '0'},
    path: `/crash/${key}`,
    size: 4096,
    mtime: '2026-11-20T10:00:00.000Z',
    key,
    attempt: 1,
    compression: 'none',
    truncated: false,
    pid: 1,
    executable: {path: '/usr/bin/server', buildId: 'b1b1b1b1'},
    goVersion: 'go1.27.4',
    build: null,
    crash: {
      kind: 'panic',
      signal: null,
      codeName: null,
      faultAddress: null,
      message: 'boom',
      thread: 1,
      goroutine: 1,
      image: null,
      duringCgo: false,
      cause: null,
    },
    signature: signatureOf('aaaa0000aaaa0000'),
    frames: [],
    completeness: {goFrames: 1, cFrames: 1, score: 1, reasons: []},
    diagnostics: {info: 0, warning: 0, error: 0},
    durationMs: 1,
    labels: {},
    report: null,
    redacted: false,
    error: null,
    ...said,
  }
}

export function signatureOf(exact: string): BatchLine['signature'] {
  return {version: '2', exact, family: 'panic main.work -', frames: ['main.work', 'main.main'], explain: null}
}

/** A line of a core that could not be analysed. */
export function failedLine(path: string): BatchLine {
  const error = {code: 'timeout', message: 'no answer', hint: null} as const
  return batchLine('', {path, key: null, signature: null, crash: null, executable: null, error})
}
