import type {CodeFacts} from '../../src/analysis/signature/code-facts.ts'
import {SignatureRules} from '../../src/analysis/signature/rules.ts'
import {makeSignature, type SignatureFacts} from '../../src/analysis/signature/signature.ts'
import type {CrashReport, FrameReport, ModuleReport, SignatureReport} from '../../src/report/core-report.ts'

export const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6'

function moduleOf(path: string, start: string, end: string): ModuleReport {
  const unknown = {found: null, symbols: null, mismatch: null, losses: null}
  return {path, buildId: 'abcdef0123456789', start, end, loadBias: start, ...unknown}
}

export const MODULES = [moduleOf('/opt/app/libx.so', '0x7000', '0x8000'), moduleOf(LIBC, '0x9000', '0xa000')]

/** A frame of a stack, at a place of its own unless one is given. */
export function frame(kind: FrameReport['kind'], name: string | null, fields: Partial<FrameReport> = {}): FrameReport {
  return {
    kind,
    function: name,
    file: null,
    line: 7,
    column: null,
    pc: '0x7123',
    entry: null,
    offset: null,
    sp: null,
    fp: null,
    args: null,
    inlined: false,
    module: '/opt/app/libx.so',
    moduleOffset: '0x123',
    language: null,
    foundBy: 'cfi',
    ...fields,
  }
}

export const c = (name: string | null, fields?: Partial<FrameReport>): FrameReport => frame('c', name, fields)
export const go = (name: string, fields?: Partial<FrameReport>): FrameReport => frame('go', name, fields)
/** A frame of the C library. */
export const libc = (name: string | null, pc = '0x9000'): FrameReport => c(name, {module: LIBC, pc})

export const SEGV = {
  kind: 'signal',
  signal: 'SIGSEGV',
  code: 1,
  cause: null,
  message: null,
  header: [] as string[],
} as CrashReport
export const ABRT = {...SEGV, signal: 'SIGABRT', code: -6, senderPid: 7} as CrashReport
export const panicOf = (message: string): CrashReport => ({...SEGV, kind: 'panic', message})
export const fatalOf = (message: string): CrashReport => ({...SEGV, kind: 'fatal', message, signal: null, code: null})

const NO_CODE: CodeFacts = {
  calledBefore: () => undefined,
  callsThroughSlot: () => false,
  ordinalOfCall: () => 0,
  functionStart: () => undefined,
  calleesOf: () => new Set(),
  fingerprint: () => undefined,
  loadsClosureCode: () => false,
  isRuntimeCode: () => false,
  isGoFunction: () => false,
}

/** Who signs a stack of a crash; `code` and the rest as far as a test is about them. */
export function sign(
  crash: CrashReport,
  frames: readonly FrameReport[],
  {code, ...others}: Partial<Omit<SignatureFacts, 'code'>> & {code?: Partial<CodeFacts>} = {},
  rules = new SignatureRules(),
): SignatureReport {
  const program = others.program ?? 'app'
  const facts = {
    crash,
    frames,
    gaps: new Set<FrameReport>(),
    modules: MODULES,
    pid: 7,
    panics: [],
    program,
    identity: () => program,
    blocked: () => [],
    ...others,
  }
  return makeSignature({...facts, code: {...NO_CODE, ...code}}, rules)
}
