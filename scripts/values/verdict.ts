/** One variable of a debugger against ours. */
import type {DelveVariable} from './delve.ts'

export type Data = null | boolean | number | string | Data[] | {[field: string]: Data}

export interface Verdict {
  readonly outcome: 'right' | 'missing' | 'wrong' | 'more' | 'neither' | 'refused'
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
function best(where: string, theirs: string, candidates: readonly (readonly [OurVariable, Outcome])[]): Verdict {
  const rank: readonly Outcome[] = ['right', 'neither', 'more', 'missing', 'wrong']
  const [first] = [...candidates].sort(([, a], [, b]) => rank.indexOf(a) - rank.indexOf(b))
  if (!first) return {outcome: 'missing', where, ours: '(no such variable)', theirs}
  const [ours, found] = first
  // gdb takes a register that nobody saved for what the caller had in it; Delve follows pointers of variables that are
  // not in use any more into the stack that a goroutine has left when it grew, where anything may be.
  const isRefused = ours.state === 'not-saved' || ours.value.includes('<no stack of this goroutine>')
  const outcome = isRefused && (found === 'missing' || found === 'wrong') ? 'refused' : found
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
  if (type === '()') return {outcome: 'neither', where, ours: '', theirs}
  if (named.length === 0 && isObject(value) && 'gone' in value) return {outcome: 'neither', where, ours: '', theirs}
  return best(
    where,
    theirs,
    named.map(each => [each, ofGdb(each.structured, value)] as const),
  )
}

const isFields = (keys: readonly string[]) => keys.length > 0 && keys.every(key => /^__\d+$/.test(key))

/** What Rust's library holds, in gdb's words of it: its fields as they lie there. */
function ofRust(ours: Data | undefined, theirs: Data): Data {
  if (!isObject(theirs)) return theirs
  const keys = Object.keys(theirs)
  const plain = (key: string) => theirs[key] as Data
  // A text or a list of which gdb shows where it lies: its length alone can be compared.
  const length = theirs.length ?? theirs.len
  const isText = typeof ours === 'string' || Array.isArray(ours)
  if (typeof length === 'number' && isText) return ours.length === length ? ours : theirs
  if (isFields(keys)) return keys.map(plain)
  const [variant = ''] = keys
  const isEmpty = keys.length === 1 && /^[A-Z]/.test(variant) && sizeOf(plain(variant)) === 0
  return isEmpty ? variant : theirs
}

function sizeOf(data: Data): number {
  return isObject(data) ? Object.keys(data).length : -1
}

function ofGdb(ours: Data | undefined, given: Data): Outcome {
  const theirs = ofRust(ours, given)
  if (isObject(theirs) && 'gone' in theirs) return isGone(ours) ? 'neither' : 'more'
  if (isObject(theirs)) return isGone(ours) ? withoutOurs(theirs) : ofGdbObject(ours, theirs)
  if (isGone(ours)) return 'missing'
  if (Array.isArray(theirs)) return ofGdbList(ours, theirs)
  if (typeof theirs === 'string') return sameWord(String(ours), theirs) ? 'right' : 'wrong'
  const isCharacter = typeof ours === 'string' && ours.codePointAt(0) === theirs
  return String(ours) === String(theirs) || isCharacter ? 'right' : 'wrong'
}

function ofGdbList(ours: Data, theirs: readonly Data[]): Outcome {
  if (isObject(ours) && theirs.length === 1 && 'value' in ours) return ofGdb(ours.value, theirs[0] as Data)
  if (!Array.isArray(ours)) return isObject(ours) && 'text' in ours ? 'right' : 'wrong'
  if (ours.length < theirs.length) return 'missing'
  return worst(theirs.map((item, index) => ofGdb(ours[index], item)))
}

const LEAVES = ['pointer', 'float', 'text', 'other', 'pairs']

/** Of a struct whose parts are all gone nothing is missing. */
function withoutOurs(theirs: {[field: string]: Data}): Outcome {
  if (String(theirs.other ?? '').includes('no contained value')) return 'right'
  const parts = Object.values(theirs)
  const isPart = !LEAVES.some(key => key in theirs)
  return isPart && parts.length > 0 ? worst(parts.map(part => ofGdb(null, part))) : 'missing'
}

/** By the key that says what gdb has. */
const BY_KEY: Readonly<Record<string, (ours: Data, theirs: {[field: string]: Data}) => Outcome>> = {
  pointer: (ours, theirs) => (isObject(ours) && ours.pointer === theirs.pointer ? 'right' : isPointed(ours)),
  float: (ours, theirs) => (sameNumber(String(ours), String(theirs.float)) ? 'right' : 'wrong'),
  text: (ours, theirs) => (sameText(ours, String(theirs.text)) ? 'right' : 'wrong'),
  pairs: (ours, theirs) => samePairs(ours, theirs.pairs as Data[][]),
  _M_elems: (ours, theirs) => ofGdb(ours, theirs._M_elems as Data),
  other: (ours, theirs) => (isObject(theirs.children) ? ofPrinter(ours, theirs.children) : 'neither'),
}

/** Structs of Rust's library, of which gdb without its printers shows where what they hold lies. */
const RUST_INSIDES = ['vec', 'buf,len', 'ptr,phantom,alloc', 'base']

function ofGdbObject(ours: Data, theirs: {[field: string]: Data}): Outcome {
  if (RUST_INSIDES.includes(Object.keys(theirs).join())) return 'neither'
  const key = Object.keys(BY_KEY).find(each => each in theirs)
  if (key !== undefined) return BY_KEY[key]?.(ours, theirs) ?? 'neither'
  if (!isObject(ours)) return 'wrong'
  const outer = Object.entries(theirs).flatMap(([name, part]) =>
    name === '' && isObject(part) ? Object.entries(part) : [[name, part] as const],
  )
  const own = {...(isObject(ours['']) ? ours[''] : {}), ...ours}
  return worst(outer.map(([name, part]) => ofGdb(fieldNamed(own, name), part)))
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
  if (Array.isArray(ours) && ours.length === parts.length) {
    return worst(parts.map((part, index) => ofGdb(ours[index], part)))
  }
  if (parts.length !== 1) return 'neither'
  return ofGdb(own, parts[0] as Data) === 'right' || ofGdb(ours, parts[0] as Data) === 'right' ? 'right' : 'neither'
}

function samePairs(ours: Data, pairs: readonly Data[][]): Outcome {
  const own = pairsOf(ours)
  if (own.length < pairs.length) return 'missing'
  return worst(
    pairs.map(([key, value], index) => {
      // gdb may have no key of its own: then one value after the other.
      const isRaw = isObject(key) && !('text' in key)
      const found = isRaw ? own[index] : own.find(([ownKey]) => ofGdb(ownKey, key as Data) === 'right')
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
  const compare = BY_KIND.get(theirs.kind) ?? ofBasic
  return compare(ours, theirs)
}

const BY_KIND = new Map<number, (ours: Data | undefined, theirs: DelveVariable) => Outcome>([
  [KIND.pointer, ofPointer],
  [KIND.unsafe, ofPointer],
  [KIND.interface, (ours, {children}) => ofInterface(ours, children?.[0])],
  [KIND.slice, ofList],
  [KIND.array, ofList],
  [KIND.map, ofMap],
  [KIND.string, (ours, {value}) => (isGone(ours) ? 'missing' : sameText(ours, value) ? 'right' : 'wrong')],
  [KIND.struct, ofStruct],
  [KIND.func, ofFunction],
  [KIND.chan, ofChannel],
])

function isGone(ours: Data | undefined): ours is null | undefined {
  return ours === null || ours === undefined
}

function ofList(ours: Data | undefined, {len, children}: DelveVariable): Outcome {
  if (len === 0) return ours === null || (Array.isArray(ours) && ours.length === 0) ? 'right' : 'wrong'
  if (isGone(ours)) return (children ?? []).length > 0 ? 'missing' : 'neither'
  if (!Array.isArray(ours)) return 'wrong'
  return worst((children ?? []).map((child, index) => ofDelve(ours[index], child)))
}

function ofChannel(ours: Data | undefined, {len}: DelveVariable): Outcome {
  if (isObject(ours) && ours.capacity !== undefined) return 'right'
  return len === 0 && ours === null ? 'right' : 'neither'
}

function ofBasic(ours: Data | undefined, {value}: DelveVariable): Outcome {
  if (ours === null || ours === undefined) return 'missing'
  const number = /^(.*?) ?\((-?[\d.]+)\)$/.exec(value)?.[2] ?? value
  if (String(ours) === number || sameNumber(String(ours), number)) return 'right'
  return String(ours).replaceAll(' ', '') === number.replace(/^\(|\)$/g, '').replaceAll(' ', '') ? 'right' : 'wrong'
}

function ofFunction(ours: Data | undefined, {value}: DelveVariable): Outcome {
  if (value === '' || value === 'nil') return ours === null ? 'right' : 'neither'
  if (ours === null || ours === undefined) return 'missing'
  return isObject(ours) && ours.function === value ? 'right' : 'wrong'
}

function ofPointer(ours: Data | undefined, {children, value}: DelveVariable): Outcome {
  const [target] = children ?? []
  // Of an unsafe.Pointer Delve has no more than that it is one.
  if (!target || target.type === 'void' || target.kind === 0) return 'neither'
  const address = target.addr
  const own = isObject(ours) && typeof ours.pointer === 'string' ? Number(ours.pointer) : undefined
  if (address === 0) return ours === null || own === 0 ? 'right' : 'wrong'
  if (own !== undefined) return own === address || own === Number(value) ? 'right' : 'wrong'
  if (isGone(ours)) return 'missing'
  return target.onlyAddr ? 'right' : ofDelve(ours, target)
}

function ofInterface(ours: Data | undefined, dynamic: DelveVariable | undefined): Outcome {
  if (!dynamic || dynamic.kind === 0) return ours === null ? 'right' : 'wrong'
  if (!isObject(ours) || !('value' in ours)) return ours === null || ours === undefined ? 'missing' : 'wrong'
  if (dynamic.onlyAddr) return 'right'
  return ofDelve(ours.value, dynamic)
}

/** As pairs, whatever the kind of the keys. */
function pairsOf(ours: Data | undefined): (readonly [Data, Data])[] {
  if (isObject(ours)) return Object.entries(ours)
  if (!Array.isArray(ours)) return []
  return ours.flatMap(each => (isObject(each) ? [[each.key as Data, each.value as Data] as const] : []))
}

function ofMap(ours: Data | undefined, {children, len}: DelveVariable): Outcome {
  const own = pairsOf(ours)
  if (len === 0) return own.length === 0 ? 'right' : 'wrong'
  const theirs = children ?? []
  if (own.length === 0) return theirs.length === 0 ? 'neither' : 'missing'
  const outcomes: Outcome[] = []
  for (let index = 0; index + 1 < theirs.length; index += 2) {
    const [key, value] = [theirs[index] as DelveVariable, theirs[index + 1] as DelveVariable]
    const found = own.find(([ownKey]) => ofDelve(ownKey, key) === 'right')
    // Of a map that is cut each shows other entries.
    if (found) outcomes.push(ofDelve(found[1], value))
    else if (own.length === len) outcomes.push('wrong')
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
