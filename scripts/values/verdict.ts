/** One variable of a debugger against ours. */
import type {DelveVariable} from './delve.ts'

export type Data = null | boolean | number | string | Data[] | {[field: string]: Data}

export interface Verdict {
  readonly outcome: 'right' | 'missing' | 'wrong' | 'more' | 'neither'
  readonly where: string
  readonly ours: string
  readonly theirs: string
}

export interface OurVariable {
  readonly name: string | null
  readonly state: string
  readonly value: string
  readonly structured: Data
}

type Outcome = Verdict['outcome']

/** The worst of the parts is that of the whole. */
function worst(outcomes: readonly Outcome[]): Outcome {
  for (const outcome of ['wrong', 'missing', 'more'] as const) if (outcomes.includes(outcome)) return outcome
  return outcomes.includes('right') || outcomes.length === 0 ? 'right' : 'neither'
}

const isObject = (data: Data | undefined): data is {[field: string]: Data} =>
  typeof data === 'object' && data !== null && !Array.isArray(data)

/** Of several of one name the one that is most alike. */
function best(where: string, theirs: string, found: readonly (readonly [OurVariable, Outcome])[]): Verdict {
  const rank: readonly Outcome[] = ['right', 'neither', 'more', 'missing', 'wrong']
  const [first] = [...found].sort(([, a], [, b]) => rank.indexOf(a) - rank.indexOf(b))
  if (!first) return {outcome: 'missing', where, ours: '(no such variable)', theirs}
  const [ours, outcome] = first
  return {outcome, where, ours: `${ours.value} [${ours.state}]`, theirs}
}

export function compareGdb(
  frame: string,
  {name, type, value}: {name: string; type: string; value: Data},
  ours: readonly OurVariable[],
): Verdict {
  const where = `${frame}: ${type} ${name}`
  const theirs = JSON.stringify(value)
  const named = ours.filter(each => each.name === name)
  if (named.length === 0 && isObject(value) && 'gone' in value) return {outcome: 'neither', where, ours: '', theirs}
  return best(
    where,
    theirs,
    named.map(each => [each, ofGdb(each.structured, value)] as const),
  )
}

function ofGdb(ours: Data | undefined, theirs: Data): Outcome {
  const isGone = isObject(theirs) && 'gone' in theirs
  if (isGone) return ours === null || ours === undefined ? 'neither' : 'more'
  if (isObject(theirs)) return ofGdbObject(ours, theirs)
  if (ours === null || ours === undefined) return 'missing'
  if (Array.isArray(theirs)) {
    if (!Array.isArray(ours)) return isObject(ours) && 'text' in ours ? 'right' : 'wrong'
    if (ours.length < theirs.length) return 'missing'
    return worst(theirs.map((item, index) => ofGdb(ours[index], item)))
  }
  if (typeof theirs === 'string') return sameWord(String(ours), theirs) ? 'right' : 'wrong'
  return String(ours) === String(theirs) ? 'right' : 'wrong'
}

function ofGdbObject(ours: Data | undefined, theirs: {[field: string]: Data}): Outcome {
  if (ours === null || ours === undefined) {
    const parts = Object.values(theirs)
    const isPart = !['pointer', 'float', 'text', 'other', 'pairs'].some(key => key in theirs)
    return isPart && parts.length > 0 ? worst(parts.map(part => ofGdb(null, part))) : 'missing'
  }
  if ('pointer' in theirs) return isObject(ours) && ours.pointer === theirs.pointer ? 'right' : isPointed(ours)
  if ('float' in theirs) return sameNumber(String(ours), String(theirs.float)) ? 'right' : 'wrong'
  if ('text' in theirs) return sameText(ours, String(theirs.text)) ? 'right' : 'wrong'
  if ('pairs' in theirs) return samePairs(ours, theirs.pairs as Data[][])
  if ('other' in theirs) return isObject(theirs.children) ? ofPrinter(ours, theirs.children) : 'neither'
  if (!isObject(ours)) return 'wrong'
  const outer = Object.entries(theirs).flatMap(([key, part]) =>
    key === '' && isObject(part) ? Object.entries(part) : [[key, part] as const],
  )
  const own = {...(isObject(ours['']) ? ours[''] : {}), ...ours}
  return worst(outer.map(([key, part]) => ofGdb(fieldNamed(own, key as string), part as Data)))
}

/** A library's pointer is shown by what it points at. */
function isPointed(ours: Data): Outcome {
  return isObject(ours) && 'pointsTo' in ours ? 'neither' : 'wrong'
}

/** Base classes have no scope in ours, or another spelling of their arguments. */
function fieldNamed(ours: {[field: string]: Data}, key: string): Data | undefined {
  if (key in ours) return ours[key]
  if (!key.startsWith('<')) return undefined
  const bases = Object.keys(ours).filter(each => each.startsWith('<'))
  const bare = (name: string) => name.replace(/^<(?:\w+::)*/, '').replaceAll(' ', '')
  const found = bases.find(each => bare(each) === bare(key))
  return found === undefined ? undefined : ours[found]
}

function ofPrinter(ours: Data, children: {[field: string]: Data}): Outcome {
  const parts = Object.values(children)
  const own = isObject(ours) && 'value' in ours ? ours.value : ours
  if (parts.length !== 1) return 'neither'
  return ofGdb(own, parts[0] as Data) === 'right' || ofGdb(ours, parts[0] as Data) === 'right' ? 'right' : 'neither'
}

function samePairs(ours: Data, pairs: readonly Data[][]): Outcome {
  const own = Array.isArray(ours)
    ? ours.map(each => (isObject(each) ? [each.key as Data, each.value as Data] : []))
    : isObject(ours)
      ? Object.entries(ours)
      : []
  if (own.length < pairs.length) return 'missing'
  return worst(
    pairs.map(([key, value]) => {
      const found = own.find(([ownKey]) => ofGdb(ownKey, key as Data) === 'right')
      return found ? ofGdb(found[1], value as Data) : 'wrong'
    }),
  )
}

/** `A | B` and `(A | B)`, `Color::Green` and `Green`. */
function sameWord(ours: string, theirs: string): boolean {
  const bare = (text: string) => text.replace(/^\((.*)\)$/, '$1').replace(/\b\w+::/g, '')
  return bare(ours) === bare(theirs) || bare(theirs).endsWith(bare(ours))
}

function sameNumber(ours: string, theirs: string): boolean {
  const [a, b] = [Number(ours), Number(theirs)]
  if (Number.isNaN(a) || Number.isNaN(b)) return theirs.replace(/\(.*\)/, '').includes(ours) || theirs.includes(ours)
  return a === b || Math.abs(a - b) <= Math.abs(b) * 1e-6
}

function sameText(ours: Data, theirs: string): boolean {
  const text = isObject(ours) && typeof ours.text === 'string' ? ours.text : typeof ours === 'string' ? ours : undefined
  if (text === undefined) return false
  // Bytes that are no text are replaced in other ways.
  const plain = (each: string) => each.replaceAll(/[^\x20-\x7e]+/g, '?')
  return plain(text) === plain(theirs) || (text.length > 40 && plain(theirs).startsWith(plain(text).slice(0, 40)))
}

/** reflect.Kind, as Delve has it. */
const KIND = {
  array: 17,
  chan: 18,
  func: 19,
  interface: 20,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
  unsafe: 26,
}

export function compareDelve(frame: string, variable: DelveVariable, ours: readonly OurVariable[]): Verdict {
  const name = variable.name.replace(/^&/, '')
  const where = `${frame}: ${variable.type} ${name}`
  const theirs = variable.unreadable ? `(unreadable ${variable.unreadable})` : summarize(variable)
  const named = ours.filter(each => each.name === name)
  if (named.length === 0 && variable.unreadable) return {outcome: 'neither', where, ours: '', theirs}
  return best(
    where,
    theirs,
    named.map(each => [each, ofDelve(each.structured, variable)] as const),
  )
}

function summarize({value, children, len}: DelveVariable): string {
  const parts = (children ?? []).slice(0, 6).map(child => `${child.name}: ${summarize(child)}`)
  return parts.length > 0 ? `{${parts.join(', ')}}` : `${value}${len > 0 ? ` (${len})` : ''}`
}

function ofDelve(ours: Data | undefined, theirs: DelveVariable): Outcome {
  if (theirs.unreadable) return ours === null || ours === undefined ? 'neither' : 'more'
  const {kind, value, len} = theirs
  const children = theirs.children ?? []
  switch (kind) {
    case KIND.pointer:
    case KIND.unsafe:
      return ofPointer(ours, theirs)
    case KIND.interface:
      return ofInterface(ours, children[0])
    case KIND.slice:
    case KIND.array:
      if (len === 0) return ours === null || (Array.isArray(ours) && ours.length === 0) ? 'right' : 'wrong'
      if (!Array.isArray(ours)) return ours === null ? (children.length > 0 ? 'missing' : 'neither') : 'wrong'
      return worst(children.map((child, index) => ofDelve(ours[index], child)))
    case KIND.map:
      return ofMap(ours, children, len)
    case KIND.string:
      return ours === null || ours === undefined ? 'missing' : sameText(ours, value) ? 'right' : 'wrong'
    case KIND.struct:
      return ofStruct(ours, theirs)
    case KIND.func:
      return ofFunction(ours, value)
    case KIND.chan:
      return isObject(ours) && ours.capacity !== undefined ? 'right' : len === 0 && ours === null ? 'right' : 'neither'
    default:
      return ofBasic(ours, value)
  }
}

function ofBasic(ours: Data | undefined, value: string): Outcome {
  if (ours === null || ours === undefined) return 'missing'
  const number = /^(.*?) ?\((-?[\d.]+)\)$/.exec(value)?.[2] ?? value
  if (String(ours) === number || sameNumber(String(ours), number)) return 'right'
  return String(ours).replaceAll(' ', '') === number.replace(/^\(|\)$/g, '').replaceAll(' ', '') ? 'right' : 'wrong'
}

function ofFunction(ours: Data | undefined, value: string): Outcome {
  if (value === '' || value === 'nil') return ours === null ? 'right' : 'neither'
  if (ours === null || ours === undefined) return 'missing'
  return isObject(ours) && ours.function === value ? 'right' : 'wrong'
}

function ofPointer(ours: Data | undefined, {children, value}: DelveVariable): Outcome {
  const [target] = children ?? []
  if (!target) return 'neither'
  const address = target.addr
  if (address === 0) return ours === null ? 'right' : 'wrong'
  if (ours === undefined) return 'missing'
  if (isObject(ours) && typeof ours.pointer === 'string') {
    return Number(ours.pointer) === address ? 'right' : Number(ours.pointer) === Number(value) ? 'right' : 'wrong'
  }
  if (ours === null) return 'missing'
  return target.onlyAddr ? 'right' : ofDelve(ours, target)
}

function ofInterface(ours: Data | undefined, dynamic: DelveVariable | undefined): Outcome {
  if (!dynamic || dynamic.kind === 0) return ours === null ? 'right' : 'wrong'
  if (!isObject(ours) || !('value' in ours)) return ours === null || ours === undefined ? 'missing' : 'wrong'
  if (dynamic.onlyAddr) return 'right'
  return ofDelve(ours.value, dynamic)
}

function ofMap(ours: Data | undefined, children: readonly DelveVariable[], length: number): Outcome {
  if (length === 0)
    return ours === null || (isObject(ours) && Object.keys(ours).length === 0) || Array.isArray(ours)
      ? 'right'
      : 'wrong'
  const own = isObject(ours)
    ? Object.entries(ours)
    : Array.isArray(ours)
      ? ours.map(each => (isObject(each) ? [each.key as Data, each.value as Data] : []))
      : []
  if (own.length === 0) return children.length === 0 ? 'neither' : 'missing'
  const outcomes: Outcome[] = []
  for (let index = 0; index + 1 < children.length; index += 2) {
    const [key, value] = [children[index] as DelveVariable, children[index + 1] as DelveVariable]
    const found = own.find(([ownKey]) => ofDelve(ownKey, key) === 'right')
    // Of a map that is cut each shows other entries.
    if (found) outcomes.push(ofDelve(found[1], value))
    else if (own.length === length) outcomes.push('wrong')
  }
  return worst(outcomes)
}

/** What the library says of itself is told in its own words. */
const LIBRARY = /^(?:time\.Time|sync\.Mutex)$/

function ofStruct(ours: Data | undefined, {type, children, len}: DelveVariable): Outcome {
  if (LIBRARY.test(type)) return typeof ours === 'string' || isObject(ours) ? 'neither' : 'missing'
  const parts = children ?? []
  if (parts.length === 0) return len === 0 || ours !== undefined ? 'right' : 'missing'
  // Beyond the limit of depth.
  if (ours === null) return 'neither'
  if (!isObject(ours)) return 'wrong'
  if (typeof ours.pointer === 'string') return 'right'
  return worst(parts.map(part => ofDelve(ours[part.name], part)))
}
