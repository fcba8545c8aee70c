import type {CrashReport} from '../report/core-report.ts'
import {describeArithmetic} from './evidence/arithmetic-fault.ts'

/** What of the process the sentence tells, beside the crash itself. */
export interface Scene {
  pid: number | null
  /** What the innermost frame that tells anything is. */
  language: 'go' | 'c' | undefined
}

/** What died and why, in one sentence. */
export function describeCrash(crash: CrashReport, scene: Scene): string {
  const {kind, cause} = crash
  if (kind === 'none') return 'not crashed: this is the core of a living process'
  const why = [cause?.text ?? undefined, cause ? undefined : describeInstruction(crash)]
  if (kind === 'panic')
    return joinParts([`panic: ${firstLine(crash.message) ?? 'its text is not in the core'}`, ...why])
  if (kind === 'fatal') return joinParts([`fatal error: ${describeFatal(crash)}`, ...why])
  const where = scene.language === undefined ? '' : scene.language === 'go' ? ' in Go' : ' in C'
  return joinParts([
    `${nameSignal(crash)}${cause || crash.instruction ? where : describeOrigin(crash, scene, where)}`,
    ...why,
    describeArithmetic(crash),
  ])
}

function joinParts(parts: readonly (string | undefined)[]): string {
  return parts.filter(part => part !== undefined).join(': ')
}

/** A text of many lines stands whole below the summary. */
function firstLine(text: string | null): string | undefined {
  if (text === null) return undefined
  const [first = '', ...others] = text.split('\n')
  return others.length > 0 ? `${first} …` : first
}

/** The runtime says what overflowed in a line before its own words (runtime.newstack). */
function describeFatal(crash: CrashReport): string {
  const {message, header} = crash
  const text = firstLine(message) ?? `its text is not in the core${describeSignalBefore(crash)}`
  const limit = message === 'stack overflow' ? /^runtime: (goroutine stack exceeds .*)/.exec(header[0] ?? '') : null
  return limit ? `${text}: ${limit[1]}` : text
}

/** Of a fault that the goroutine keeps. */
function describeSignalBefore(crash: CrashReport): string {
  if (crash.signal === null) return ''
  return `, after ${nameSignal(crash)}${crash.faultAddress === null ? '' : `, address ${crash.faultAddress}`}`
}

function nameSignal({signal, signalNumber}: CrashReport): string {
  return signal ?? `signal ${signalNumber ?? '?'}`
}

/** Of a signal that no instruction raised. */
function describeOrigin({code, codeName, senderPid}: CrashReport, {pid}: Scene, where: string): string {
  if (code === null || code > 0) return `${where}${codeName === null ? '' : ` (${codeName})`}`
  if (senderPid !== null && senderPid === pid) return `${where}, raised by the process itself`
  const how = codeName === null ? '' : ` (${codeName})`
  if (senderPid === null) return `, sent to the process${how}`
  return `, sent from outside by ${senderPid === 0 ? 'a process that it cannot see' : `process ${senderPid}`}${how}`
}

/** `; %rdx is p = 0x3e8`, where variables were asked for. */
function describeVariables({variables = []}: NonNullable<CrashReport['instruction']>): string {
  const named = variables.map(({register, name, value}) => `%${register} is ${name} = ${value}`)
  return named.length === 0 ? '' : `; ${named.join(', ')}`
}

/** `mov %eax,(%rdx,%rcx,4): null plus 0x8` */
function describeInstruction({instruction}: CrashReport): string | undefined {
  if (!instruction) return undefined
  const {text, operand, operandAddress, addressKind} = instruction
  const kind = addressKind === null ? undefined : addressKind
  const isNamedByKind = kind === undefined || kind.startsWith('null')
  const at = operandAddress === null || isNamedByKind ? '' : ` at ${operandAddress}`
  const jump = operand === '%rip' ? `jump${at === '' ? '' : ' to an address that is no code'}` : operand
  return joinParts([`${text ?? jump ?? ''}${at}`, kind]) + describeVariables(instruction)
}
