import {BoundedCache} from '../../base/bounded-cache.ts'
import {InputError} from '../../base/errors.ts'
import {sha256} from '../../base/sha256.ts'
import {DEFAULT_RULES, SIGNATURE_VERSION} from './default-rules.ts'

/** What a rule does with a frame. The first three are those of Socorro, Mozilla's collector of crashes. */
const RULE_KINDS = {
  irrelevant: 'is left out',
  prefix: 'counts, but does not name the family',
  sentinel: 'the signature begins here: frames above it are left out',
  last: 'the signature ends here: frames below it are left out',
  inside: 'frames of a library in a row count as one, the function that was called, as with prefix',
  fold: 'is written in another way',
} as const

export type RuleKind = keyof typeof RULE_KINDS
/** What a pattern is held against: the name of a Go or C function, the name of a module's file. */
export type RuleSubject = 'go' | 'c' | 'module'

interface Rule {
  readonly kinds: ReadonlySet<RuleKind>
  readonly subjects: ReadonlySet<RuleSubject>
  readonly reason: string
  readonly pattern: RegExp
  /** Of `fold`. */
  readonly replacement: string
}

/** A rules file, by the name that mistakes are told under. */
export interface RulesText {
  readonly name: string
  readonly text: string
}

/** A pattern is held against names of this length at most, so that none takes long. */
const NAME_LIMIT = 1000

/** Weight of names that were held against the rules. */
const KEPT = 1024 * 1024

function weightOf(_: unknown, name: string): number {
  return 32 + name.length
}

interface Folded {
  readonly name: string
  readonly reason: string | undefined
}

/** Patterns that everyone has are compiled once, for all cores of a process. */
let defaults: readonly Rule[] | undefined

/** Which frames make a signature, by name. A user's own rules come before those that everyone has. */
export class SignatureRules {
  /** Signatures compare where it is the same: of the default rules, and of a user's own where there are any. */
  readonly version: string
  readonly #rules: readonly Rule[]
  // Deep stacks have few names.
  readonly #reasons = new BoundedCache<string, string | undefined>(KEPT, weightOf)
  readonly #folded = new BoundedCache<string, Folded>(KEPT, weightOf)

  /** @throws InputError that names file and line */
  constructor(own?: RulesText) {
    this.version = own ? `${SIGNATURE_VERSION}+${sha256(own.text).slice(0, 8)}` : SIGNATURE_VERSION
    defaults ??= parseRules(DEFAULT_RULES)
    this.#rules = [...(own ? parseRules(own) : []), ...defaults]
  }

  /** Why a name is of a kind; undefined where no rule says so. */
  reason(kind: Exclude<RuleKind, 'fold'>, subject: RuleSubject, name: string): string | undefined {
    const short = name.slice(0, NAME_LIMIT)
    return this.#reasons.of(`${kind} ${subject} ${short}`, () => {
      const fits = ({kinds, subjects, pattern}: Rule) => kinds.has(kind) && subjects.has(subject) && pattern.test(short)
      return this.#rules.find(fits)?.reason
    })
  }

  /** The name as a signature has it, every `fold` applied in turn, and why it is not as it was. */
  fold(subject: RuleSubject, name: string): Folded {
    return this.#folded.of(`${subject} ${name}`, () => this.#fold(subject, name))
  }

  #fold(subject: RuleSubject, name: string): Folded {
    let folded = name
    let reason: string | undefined
    for (const rule of this.#rules) {
      if (!rule.kinds.has('fold') || !rule.subjects.has(subject)) continue
      const next = folded.slice(0, NAME_LIMIT).replace(rule.pattern, rule.replacement)
      if (next === folded || next === '') continue
      folded = next
      reason = rule.reason
    }
    return {name: folded, reason}
  }
}

type Section = Pick<Rule, 'kinds' | 'subjects' | 'reason'>

const SUBJECTS: ReadonlySet<string> = new Set<RuleSubject>(['go', 'c', 'module'])
const HEADER = /^\[([a-z ]+)(?::\s*(.*))?\]$/
const ARROW = /\s+=>(?:\s+|$)/

/**
 * Sections `[KIND… SUBJECT…: why]`, below each a regular expression a line; `fold` has `PATTERN => REPLACEMENT`. Lines
 * that begin with # are remarks.
 */
function parseRules({name, text}: RulesText): Rule[] {
  const rules: Rule[] = []
  let section: Section | undefined
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const place = `${name}:${index + 1}`
    const header = HEADER.exec(line)
    if (header) section = parseHeader(header, place)
    else if (section) rules.push(parseRule(line, section, place))
    else throw wrong(`${place}: a rule before the first section`, 'begin with a section: [irrelevant c: why]')
  }
  return rules
}

function parseHeader([, words = '', reason = '']: RegExpExecArray, place: string): Section {
  const kinds = new Set<RuleKind>()
  const subjects = new Set<RuleSubject>()
  for (const word of words.split(' ').filter(each => each !== '')) {
    if (Object.hasOwn(RULE_KINDS, word)) kinds.add(word as RuleKind)
    else if (SUBJECTS.has(word)) subjects.add(word as RuleSubject)
    else throw wrong(`${place}: "${word}" is neither a kind nor a subject`, KNOWN_WORDS)
  }
  if (kinds.size === 0) throw wrong(`${place}: the section has no kind`, KNOWN_WORDS)
  if (kinds.has('fold') && kinds.size > 1) throw wrong(`${place}: fold stands alone`, 'give it a section of its own')
  // Whoever names no language means both.
  if (subjects.size === 0) for (const subject of ['go', 'c'] as const) subjects.add(subject)
  return {kinds, subjects, reason: reason.trim() || [...kinds].join(' ')}
}

function parseRule(line: string, section: Section, place: string): Rule {
  const isFold = section.kinds.has('fold')
  const [pattern = '', replacement] = isFold ? line.split(ARROW) : [line]
  if (isFold && replacement === undefined) {
    throw wrong(`${place}: "${line}" has no =>`, 'write PATTERN => REPLACEMENT, with $1 for the first group')
  }
  try {
    return {...section, pattern: new RegExp(pattern, 'u'), replacement: replacement ?? ''}
  } catch (error) {
    throw wrong(`${place}: ${(error as Error).message}`, 'patterns are regular expressions of JavaScript')
  }
}

const KNOWN_WORDS = `kinds: ${Object.keys(RULE_KINDS).join(', ')}; subjects: ${[...SUBJECTS].join(', ')}`

function wrong(message: string, hint: string): InputError {
  return new InputError('bad-argument', message, hint)
}
