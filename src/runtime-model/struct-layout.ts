/**
 * The runtime structures we read, the fields we use of each, and the width of each in bytes.
 *
 * Field names are the runtime's own (src/runtime/runtime2.go). A nested field is a path (`sched.sp`); a Go string is
 * `.str` and `.len`, a slice `.array`, `.len` and `.cap`, an interface `._type` and `.data`, as the compiler's DWARF
 * spells them. Where releases renamed a field, the newest name stands here and the older ones are aliases in
 * layouts-from-dwarf.
 */
export const STRUCT_FIELDS = {
  g: {
    'stack.lo': 8,
    'stack.hi': 8,
    stackguard0: 8,
    _panic: 8,
    m: 8,
    'sched.sp': 8,
    'sched.pc': 8,
    'sched.bp': 8,
    syscallsp: 8,
    syscallpc: 8,
    syscallbp: 8,
    'stkbar.array': 8,
    'stkbar.len': 8,
    stkbarPos: 8,
    stktopsp: 8,
    atomicstatus: 4,
    goid: 8,
    waitsince: 8,
    waitreason: 1,
    'waitreason.str': 8,
    'waitreason.len': 8,
    asyncSafePoint: 1,
    throwsplit: 1,
    lockedm: 8,
    sig: 4,
    sigcode0: 8,
    sigcode1: 8,
    sigpc: 8,
    parentGoid: 8,
    gopc: 8,
    ancestors: 8,
    startpc: 8,
    waiting: 8,
    'cgoCtxt.array': 8,
    'cgoCtxt.len': 8,
    'cgoCtxt.cap': 8,
    labels: 8,
    bubble: 8,
    runningCleanups: 1,
  },
  m: {
    g0: 8,
    procid: 8,
    gsignal: 8,
    'goSigStack.stack.hi': 8,
    curg: 8,
    caughtsig: 8,
    p: 8,
    id: 4,
    throwing: 4,
    dying: 4,
    incgo: 1,
    isextra: 1,
    isExtraInC: 1,
    isExtraInSig: 1,
    traceback: 1,
    ncgocall: 8,
    ncgo: 4,
    cgoCallersUse: 4,
    cgoCallers: 8,
    alllink: 8,
    schedlink: 8,
    'idleNode.next': 8,
    lockedg: 8,
    lockedExt: 4,
    freelink: 8,
    vdsoSP: 8,
    vdsoPC: 8,
  },
  p: {
    id: 4,
    status: 4,
    'sysmontick.schedwhen': 8,
    'sysmontick.syscallwhen': 8,
    m: 8,
  },
  schedt: {lastpoll: 8, midle: 8, nmidle: 4, freem: 8, procresizetime: 8},
  _panic: {
    'arg._type': 8,
    'arg.data': 8,
    link: 8,
    recovered: 1,
    aborted: 1,
    repanicked: 1,
    goexit: 1,
  },
  sudog: {g: 8, elem: 8, waitlink: 8, c: 8, isSelect: 1},
  ancestorInfo: {'pcs.array': 8, 'pcs.len': 8, goid: 8, gopc: 8},
  bubble: {id: 8, root: 8},
  _type: {tflag: 1, kind: 1, str: 4},
  hmap: {count: 8, B: 1, buckets: 8, oldbuckets: 8},
} as const satisfies Record<string, Record<string, number>>

export type StructName = keyof typeof STRUCT_FIELDS
export type FieldName<S extends StructName> = keyof (typeof STRUCT_FIELDS)[S] & string
export type LayoutOrigin = 'dwarf' | 'table'

/**
 * No runtime structure that we copy is this large (m of 1.22 has 2,024 bytes); a layout that claims more is damaged.
 */
const MAX_SPAN = 0x8000

/** Width in bytes of a field. */
export function fieldWidth<S extends StructName>(name: S, field: FieldName<S>): number {
  return (STRUCT_FIELDS[name] as Record<string, number>)[field] as number
}

/** Where the fields of one structure lie in one build of Go. A field the release does not have has no offset. */
export class StructLayout<S extends StructName> {
  readonly name: S
  readonly origin: LayoutOrigin
  /** Bytes to copy so that every known field is inside. */
  readonly span: number
  readonly #offsets: ReadonlyMap<string, number>

  private constructor(name: S, origin: LayoutOrigin, offsets: ReadonlyMap<string, number>, span: number) {
    this.name = name
    this.origin = origin
    this.#offsets = offsets
    this.span = span
  }

  /** Keeps the fields that lie where a field can lie; the others count as absent. */
  static of<S extends StructName>(name: S, origin: LayoutOrigin, offsets: Iterable<[string, number]>): StructLayout<S> {
    const kept = new Map<string, number>()
    let span = 0
    for (const [field, offset] of offsets) {
      const end = offset + fieldWidth(name, field as FieldName<S>)
      if (!(Number.isInteger(offset) && offset >= 0 && end <= MAX_SPAN)) continue
      kept.set(field, offset)
      span = Math.max(span, end)
    }
    return new StructLayout(name, origin, kept, span)
  }

  offset(field: FieldName<S>): number | undefined {
    return this.#offsets.get(field)
  }

  has(field: FieldName<S>): boolean {
    return this.#offsets.has(field)
  }

  fields(): IterableIterator<[string, number]> {
    return this.#offsets.entries()
  }

  /** The same layout with some offsets put right, as machine code proved them. */
  with(corrections: Iterable<[FieldName<S>, number]>): StructLayout<S> {
    return StructLayout.of(this.name, this.origin, new Map<string, number>([...this.#offsets, ...corrections]))
  }
}

/** One layout for every structure: what the rest of the room reads with. */
export type LayoutSet = {readonly [S in StructName]: StructLayout<S>}
