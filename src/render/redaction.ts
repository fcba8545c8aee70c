import type {Diagnostics} from '../base/diagnostics.ts'
import type {Finding} from '../base/finding.ts'
import type {CrashReport} from '../report/core-report.ts'

/** What stands where a text was. */
const LEFT_OUT = '[redacted]'
/** In place of a home folder, as a shell writes it. */
const HOME = '~'

/**
 * Folders of people: /home/NAME, wherever it is mounted, /Users/NAME, /root. A name with blanks ends at the next slash;
 * where none follows, at the next blank.
 */
const NAME = '(?:[^/\\\\\\n"]+(?=[/\\\\])|[^/\\\\\\s:;,\'"()\\[\\]]+)'
const HOMES = new RegExp(`(?:/(?:var/|export/|usr/|mnt/)?home/|[/\\\\]Users[/\\\\])${NAME}|/root(?![\\w.-])`, 'g')

/** Build settings that tell what was built; others are flags and environment, which may hold anything. */
const OPEN_SETTINGS = /^(?:GO(?:ARCH|OS|AMD64|VERSION)|CGO_ENABLED|-compiler|-buildmode|-race|-trimpath|vcs(?:\..+)?)$/

/** What errors of the runtime begin with (runtime/error.go); what follows are the program's values. */
const RUNTIME_ERROR =
  /^runtime error: (?:invalid memory address or nil pointer dereference|integer divide by zero|integer overflow|index out of range|slice bounds out of range|makeslice: (?:len|cap) out of range|negative shift amount|hash of unhashable type|comparing uncomparable type)/

type Plain = Readonly<Record<string, unknown>>

/**
 * Leaves out of a report what is the dead process's own business: arguments, environment, texts out of its memory, and
 * the home folders in all paths. What is left tells the bug: functions, lines, types of errors, addresses.
 */
export class Redaction {
  readonly #homes: readonly string[]

  /** @param homes home folders that no pattern tells */
  constructor(homes: readonly (string | undefined)[]) {
    const known = homes.filter(home => home?.startsWith('/') && home.length > 1)
    this.#homes = known.map(home => (home as string).replace(/\/+$/, ''))
  }

  /** A text without home folders. */
  text(text: string): string {
    const plain = this.#homes.reduce((rest, home) => rest.replaceAll(home, HOME), text)
    return plain.replace(HOMES, (_, at: number) => (/[\w.-]/.test(plain.charAt(at - 1)) ? `/${HOME}` : HOME))
  }

  /** The answer of a command; lists that are made on demand still are. */
  answer<Answer extends object>(answer: Answer): Answer {
    return new Proxy(answer, {
      get: (target, key) => {
        // Asked of the answer itself, whose fields are private.
        const found: unknown = Reflect.get(target, key, target)
        if (key === 'summary') return this.#summary(found as Plain, (target as {crash?: CrashReport}).crash)
        if (typeof found !== 'function') return this.value(found, String(key))
        return (...args: unknown[]) => this.value(Reflect.apply(found, target, args), String(key))
      },
    })
  }

  /** A part of a report, or a line of batch; `key` is what it is called. */
  value<Value>(value: Value, key = ''): Value {
    return this.#value(value, key) as Value
  }

  #value(value: unknown, key: string): unknown {
    const rule = RULES[key]
    if (rule && value !== null) return rule(value)
    if (typeof value === 'string') return this.text(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(item => this.#value(item, ''))
    if (Symbol.iterator in value) return {[Symbol.iterator]: () => this.#each(value as Iterable<unknown>)}
    return this.#object(value as Plain)
  }

  *#each(values: Iterable<unknown>): Generator<unknown> {
    for (const value of values) yield this.#value(value, '')
  }

  #object(value: Plain): Plain {
    const parts = Object.entries(value).map(([key, part]) => [key, this.#value(part, key)] as const)
    return {...Object.fromEntries(parts), ...withoutTexts(value)}
  }

  /** Its sentence has the texts of the crash in it. */
  #summary(summary: Plain, crash: CrashReport | undefined): Plain {
    let what = String(summary.what)
    if (crash?.cause) what = what.replaceAll(crash.cause.text, LEFT_OUT)
    const message = firstLine(crash?.message) ?? ''
    if (crash?.kind === 'panic') what = what.replace(`panic: ${message}`, () => `panic: ${withoutValues(message)}`)
    return this.#object({...summary, what})
  }
}

/** A report says that it is without something. */
export function tellRedacted(diagnostics: Diagnostics): void {
  const message = 'arguments, environment, messages, labels, registers and home folders were left out (--redact)'
  diagnostics.add('redacted', message, {severity: 'info'})
}

/** By the name of the field, wherever it is. */
const RULES: Readonly<Record<string, (value: unknown) => unknown>> = {
  arguments: () => [],
  args: () => '...',
  labels: () => ({}),
  /** Words of a stack. */
  remarks: () => [],
  registers: () => ({}),
  settings: value =>
    Object.fromEntries(
      Object.entries(value as Plain).map(([key, setting]) => [key, OPEN_SETTINGS.test(key) ? setting : LEFT_OUT]),
    ),
  explain: value => (value as string[]).map(line => line.replace(/^(class: [^,]*),.*$/s, '$1')),
}

/** What replaces the texts of an object that is a crash, a cause, a goroutine or a thread. */
function withoutTexts(value: Plain): Plain {
  if ('kind' in value && 'message' in value) return withoutMessage(value as unknown as CrashReport)
  if ('kind' in value && 'text' in value) return {text: LEFT_OUT}
  // What code of the process wanted to open or to print.
  if (value.code === 'cgo-hook-refused') return {message: LEFT_OUT, where: null}
  if ('header' in value && 'state' in value) return withoutLabels(value as {header: string; state: string})
  // What a program called its thread.
  if ('handlerFrames' in value && 'name' in value) return {name: null}
  return {}
}

/** The texts that runtime.throw prints are the runtime's own; those of panics are the program's. */
function withoutMessage({kind, message, header}: Partial<CrashReport>): Plain {
  const isOpen = kind === 'fatal' || kind === 'signal'
  const redacted = message === null || message === undefined || isOpen ? message : withoutValues(message)
  const parts = message === undefined ? {} : {message: redacted}
  const fatal = kind === 'fatal' ? `fatal error: ${firstLine(message)}` : undefined
  return Array.isArray(header) ? {...parts, header: withoutPanics(header, fatal)} : parts
}

/** A panic's text may have lines that look like the runtime's: below one only what cannot be it is kept. */
function withoutPanics(lines: readonly string[], fatal: string | undefined): string[] {
  const kept: string[] = []
  let isInText = false
  for (const line of lines.flatMap(each => each.split('\n'))) {
    const panic = /^(\t*panic: )(.*?)((?: \[recovered(?:, repanicked)?\])?)$/s.exec(line)
    if (panic) {
      isInText = true
      kept.push(`${panic[1]}${withoutValues(panic[2] ?? '')}${panic[3]}`)
    } else if (
      !isInText ||
      /^\[signal SIG[A-Z]+[\w :]* code=0x[0-9a-f]+ addr=0x[0-9a-f]+ pc=0x[0-9a-f]+\]$/.test(line)
    ) {
      kept.push(line)
    } else if (line.trimStart() === fatal) kept.push(line)
  }
  return kept
}

function withoutValues(text: string): string {
  const known = RUNTIME_ERROR.exec(text)?.[0]
  return known ?? LEFT_OUT
}

/** runtime.goroutineheader: in the brackets (Go 1.26), behind them (1.27). */
function withoutLabels({header, state}: {header: string; state: string}): Plain {
  return {
    header: header.replace(/\] \{.*\}:$/s, ']:').replace(/ labels:\{.*\}\]:$/s, ']:'),
    state: state.replace(/ labels:\{.*\}$/s, ''),
  }
}

function firstLine(text: Finding<string>): string | undefined {
  return text?.split('\n', 1)[0]
}
