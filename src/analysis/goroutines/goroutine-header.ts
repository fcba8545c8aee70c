import {hex} from '../../base/address.ts'
import type {GoVersion} from '../../gosym/version.ts'

/** What the first line of a goroutine's block says. */
export interface HeaderFacts {
  id: number
  address: number
  /** `waiting`, `running`, …; the wait reason where that replaces it. */
  statusText: string
  /** The scheduler's own word, before a wait reason replaces it. */
  status: string
  isScanned: boolean
  waitReason: string | null
  /**
   * g.waitreason is one that counts as idle in a synctest bubble; it keeps the last wait's reason when that is over.
   */
  isIdleInSynctest: boolean
  waitMinutes: number | null
  isLockedToThread: boolean
  m: {id: number; address: number} | null
  /** Goroutine ID of the synctest group's root (1.24). */
  syncGroup: number | null
  /** synctest bubble (1.25+). */
  bubble: number | null
  labels: readonly (readonly [string, string])[]
}

/** The text in brackets (runtime.goroutineheader, traceback.go). */
export function goroutineState(facts: HeaderFacts, version: GoVersion): string {
  let state = facts.statusText
  if (facts.status === 'leaked') state += ' (leaked)'
  if (facts.isScanned) state += ' (scan)'
  if (isDurable(facts, version)) state += ' (durable)'
  if (facts.waitMinutes !== null && facts.waitMinutes >= 1) state += `, ${facts.waitMinutes} minutes`
  if (facts.isLockedToThread) state += ', locked to thread'
  if (facts.syncGroup !== null) state += `, synctest group ${facts.syncGroup}`
  if (facts.bubble !== null) state += `, synctest bubble ${facts.bubble}`
  if (facts.labels.length > 0 && version.atLeast(26) && !version.atLeast(27)) {
    state += ` labels:{${facts.labels.map(([key, value]) => `${quote(key)}: ${quote(value)}`).join(', ')}}`
  }
  return state
}

/** 1.25 asks for the reason of the last wait, even where that is over; later releases only while it lasts. */
function isDurable({bubble, isIdleInSynctest, status, statusText}: HeaderFacts, version: GoVersion): boolean {
  if (bubble === null || !isIdleInSynctest) return false
  return (status === 'waiting' || !version.atLeast(26)) && !statusText.endsWith('(durable)')
}

/** `goroutine 1 gp=0x… m=0 mp=0x… [running]:`; `detailed` as the level and the M's state ask for it, from 1.22 on. */
export function goroutineHeader(facts: HeaderFacts, version: GoVersion, detailed: boolean): string {
  let header = `goroutine ${facts.id}`
  if (detailed && version.atLeast(22)) {
    header += ` gp=${hex(facts.address)}`
    header += facts.m ? ` m=${facts.m.id} mp=${hex(facts.m.address)}` : ' m=nil'
  }
  header += ` [${goroutineState(facts, version)}]`
  if (facts.labels.length > 0 && version.atLeast(27)) {
    header += ` {${facts.labels.map(([key, value]) => `${quoteIfNeeded(key)}: ${quoteIfNeeded(value)}`).join(', ')}}`
  }
  return `${header}:`
}

function quoteIfNeeded(text: string): string {
  return /^[A-Za-z0-9./_]*$/.test(text) ? text : quote(text)
}

const ESCAPES: Record<string, string> = {'\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', '"': '\\"'}

/** runtime.printquoted (print.go): printable ASCII stands for itself, DEL counts with what is beyond ASCII. */
function quote(text: string): string {
  let out = '"'
  for (const char of text) {
    const code = char.codePointAt(0) as number
    const escaped = ESCAPES[char]
    if (escaped) out += escaped
    else if (code >= 0x20 && code < 0x7f) out += char
    else if (code < 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`
    else out += `\\U${code.toString(16).padStart(8, '0')}`
  }
  return `${out}"`
}
