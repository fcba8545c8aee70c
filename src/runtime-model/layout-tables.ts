/**
 * Field offsets of the runtime's structures for every Go release on linux/amd64, as data.
 *
 * A column is headed by the first release it holds for, and reaches to the next column. `_` marks a field that the
 * release does not have, or whose place nobody has measured. All releases but 1.17 and patch releases with a column of
 * their own were compared with the DWARF that those toolchains write (1.7 to 1.14, 1.16: as they stood just before the
 * release); the others were computed from the tagged sources of src/runtime/runtime2.go with the same rules.
 */

const _ = null

export interface LayoutTable {
  /** First release of each column: [minor, patch]. */
  readonly columns: readonly (readonly [minor: number, patch: number])[]
  readonly rows: Readonly<Record<string, readonly (number | null)[]>>
}

/** Columns by minor release alone. */
function from(...minors: number[]): LayoutTable['columns'] {
  return minors.map(minor => [minor, 0] as const)
}

export const G_TABLE = {
  columns: from(7, 9, 10, 11, 14, 17, 21, 22, 23, 24, 25, 26),
  rows: {
    'stack.lo': [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    'stack.hi': [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8],
    stackguard0: [16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16],
    _panic: [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32],
    m: [48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48],
    'sched.sp': [64, 56, 56, 56, 56, 56, 56, 56, 56, 56, 56, 56],
    'sched.pc': [72, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64],
    'sched.bp': [112, 104, 104, 104, 104, 104, 104, 104, 104, 104, 96, 96],
    syscallsp: [120, 112, 112, 112, 112, 112, 112, 112, 112, 112, 104, 104],
    syscallpc: [128, 120, 120, 120, 120, 120, 120, 120, 120, 120, 112, 112],
    'stkbar.array': [136, _, _, _, _, _, _, _, _, _, _, _],
    'stkbar.len': [144, _, _, _, _, _, _, _, _, _, _, _],
    stkbarPos: [160, _, _, _, _, _, _, _, _, _, _, _],
    syscallbp: [_, _, _, _, _, _, _, _, 128, 128, 120, 120],
    stktopsp: [168, 128, 128, 128, 128, 128, 128, 128, 136, 136, 128, 128],
    atomicstatus: [184, 144, 144, 144, 144, 144, 144, 144, 152, 152, 144, 144],
    goid: [192, 152, 152, 152, 152, 152, 152, 152, 160, 160, 152, 152],
    waitsince: [200, 160, 160, 168, 168, 168, 168, 168, 176, 176, 168, 168],
    waitreason: [_, _, _, 176, 176, 176, 176, 176, 184, 184, 176, 176],
    'waitreason.str': [208, 168, 168, _, _, _, _, _, _, _, _, _],
    'waitreason.len': [216, 176, 176, _, _, _, _, _, _, _, _, _],
    asyncSafePoint: [_, _, _, _, 180, 180, 180, 180, 188, 188, 180, 180],
    throwsplit: [237, 197, 197, 182, 183, 183, 183, 183, 191, 191, 183, 183],
    lockedm: [264, 224, 224, 216, 216, 232, 208, 208, 216, 216, 208, 208],
    sig: [272, 232, 232, 224, 224, 240, 216, 216, 224, 228, 220, 224],
    sigcode0: [304, 264, 264, 256, 256, 272, 248, 248, 256, 256, 248, 256],
    sigcode1: [312, 272, 272, 264, 264, 280, 256, 256, 264, 264, 256, 264],
    sigpc: [320, 280, 280, 272, 272, 288, 264, 264, 272, 272, 264, 272],
    parentGoid: [_, _, _, _, _, _, 272, 272, 280, 280, 272, 280],
    gopc: [328, 288, 288, 280, 280, 296, 280, 280, 288, 288, 280, 288],
    ancestors: [_, _, _, 288, 288, 304, 288, 288, 296, 296, 288, 296],
    startpc: [336, 296, 296, 296, 296, 312, 296, 296, 304, 304, 296, 304],
    waiting: [352, 312, 312, 312, 312, 328, 312, 312, 320, 320, 312, 320],
    'cgoCtxt.array': [360, 320, 320, 320, 320, 336, 320, 320, 328, 328, 320, 328],
    'cgoCtxt.len': [368, 328, 328, 328, 328, 344, 328, 328, 336, 336, 328, 336],
    'cgoCtxt.cap': [376, 336, 336, 336, 336, 352, 336, 336, 344, 344, 336, 344],
    labels: [_, 344, 344, 344, 344, 360, 344, 344, 352, 352, 344, 352],
    bubble: [_, _, _, _, _, _, _, _, _, 392, 384, 392],
    runningCleanups: [_, _, _, _, _, _, _, _, _, _, 218, 220],
  },
} as const satisfies LayoutTable

/** 1.9.3 added goSigStack in a patch release, 1.16.4 moved the vdso pair; no other patch release moved these fields. */
export const M_TABLE = {
  columns: [
    [7, 0],
    [9, 0],
    [9, 3],
    [10, 0],
    [11, 0],
    [12, 0],
    [13, 0],
    [14, 0],
    [15, 0],
    [16, 0],
    [16, 4],
    [18, 0],
    [20, 0],
    [21, 0],
    [22, 0],
    [23, 0],
    [24, 0],
    [25, 0],
    [26, 0],
  ],
  rows: {
    g0: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    procid: [72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 72, 64, 64],
    gsignal: [80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 72, 72],
    'goSigStack.stack.hi': [_, _, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 88, 88],
    curg: [152, 152, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 184, 184],
    caughtsig: [160, 160, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 192, 192],
    p: [168, 168, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 208, 200, 208],
    id: [184, 184, 224, 224, 224, 232, 232, 232, 232, 232, 232, 232, 232, 232, 232, 232, 232, 224, 232],
    throwing: [192, 192, 232, 236, 236, 244, 244, 244, 244, 244, 244, 244, 244, 244, 244, 244, 244, 236, 244],
    dying: [224, 224, 264, 264, 260, 268, 268, 268, 268, 268, 268, 268, 268, 268, 268, 268, 268, 260, 268],
    incgo: [_, 241, 281, 281, 277, 281, 280, 280, 280, 280, 280, 280, 280, 280, 280, 280, 280, 272, 280],
    isextra: [_, _, _, _, _, _, _, _, _, _, _, _, 281, 281, 281, 281, 281, 273, 281],
    isExtraInC: [_, _, _, _, _, _, _, _, _, _, _, _, _, 282, 282, 282, 282, 274, 282],
    isExtraInSig: [_, _, _, _, _, _, _, _, _, _, _, _, _, _, 283, 283, 283, 275, 283],
    traceback: [753, 713, 753, 297, 293, 297, 297, 297, 297, 297, 297, 297, 297, 297, 289, 290, 290, 282, 290],
    ncgocall: [248, 248, 288, 304, 296, 304, 304, 304, 304, 304, 304, 304, 304, 304, 296, 296, 296, 312, 320],
    ncgo: [256, 256, 296, 312, 304, 312, 312, 312, 312, 312, 312, 312, 312, 312, 304, 304, 304, 320, 328],
    cgoCallersUse: [260, 260, 300, 316, 308, 316, 316, 316, 316, 316, 316, 316, 316, 316, 308, 308, 308, 324, 332],
    cgoCallers: [264, 264, 304, 320, 312, 320, 320, 320, 320, 320, 320, 320, 320, 320, 312, 312, 312, 328, 336],
    alllink: [280, 280, 320, 336, 328, 336, 336, 336, 336, 344, 344, 336, 336, 336, 328, 328, 328, 344, 352],
    schedlink: [288, 288, 328, 344, 336, 344, 344, 344, 344, 352, 352, 344, 344, 344, 336, 336, 336, 352, 360],
    'idleNode.next': [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 376],
    lockedg: [304, 304, 344, 360, 352, 360, 360, 360, 352, 360, 360, 352, 352, 352, 344, 344, 344, 360, 384],
    lockedExt: [700, 700, 740, 756, 616, 624, 624, 624, 616, 624, 624, 616, 616, 616, 608, 608, 608, 624, 648],
    freelink: [_, _, _, 824, 680, 688, 688, 680, 672, 680, 680, 672, 672, 672, 960, 744, 744, 760, 792],
    vdsoSP: [_, _, _, _, 808, 816, 816, 808, 800, 824, 832, 800, 800, 808, 1120, 856, 880, 896, 896],
    vdsoPC: [_, _, _, _, 816, 824, 824, 816, 808, 832, 840, 808, 808, 816, 1128, 864, 888, 904, 904],
  },
} as const satisfies LayoutTable

/** Before 1.13 a p began with its mutex; sysmon's observations moved into it in 1.9. */
export const P_TABLE = {
  columns: from(7, 9, 13, 23),
  rows: {
    id: [8, 8, 0, 0],
    status: [12, 12, 4, 4],
    'sysmontick.schedwhen': [_, 40, 32, 32],
    'sysmontick.syscallwhen': [_, 56, 48, 40],
    m: [32, 64, 56, 48],
  },
} as const satisfies LayoutTable

export const SCHEDT_TABLE = {
  columns: from(7, 10, 12, 14, 16, 18, 20, 25, 26),
  rows: {
    lastpoll: [8, 8, 8, 8, 8, 8, 8, 8, 8],
    midle: [24, 24, 24, 32, 32, 32, 32, 40, 40],
    nmidle: [32, 32, 32, 40, 40, 40, 40, 48, 64],
    freem: [_, 208, 240, 248, 248, 216, 224, 240, 256],
    procresizetime: [256, 280, 312, 320, 328, 288, 296, 312, 328],
  },
} as const satisfies LayoutTable

export const PANIC_TABLE = {
  columns: from(7, 14, 22, 25, 26),
  rows: {
    'arg._type': [8, 8, 8, 8, 0],
    'arg.data': [16, 16, 16, 16, 8],
    link: [24, 24, 24, 24, 16],
    recovered: [32, 48, 96, 96, 88],
    aborted: [33, 49, _, _, _],
    repanicked: [_, _, _, 97, 89],
    goexit: [_, 50, 97, 98, 90],
  },
} as const satisfies LayoutTable

export const SUDOG_TABLE = {
  columns: from(7, 8, 9, 10, 15, 16, 26),
  rows: {
    g: [0, 0, 0, 0, 0, 0, 0],
    elem: [32, 32, 32, 32, 24, 24, 24],
    waitlink: [56, 64, 72, 72, 64, 64, 72],
    c: [64, 72, 88, 88, 80, 80, 88],
    isSelect: [_, _, _, 8, 52, 52, 60],
  },
} as const satisfies LayoutTable

export const ANCESTOR_TABLE = {
  columns: from(7, 11),
  rows: {'pcs.array': [_, 0], 'pcs.len': [_, 8], goid: [_, 24], gopc: [_, 32]},
} as const satisfies LayoutTable

/** 1.24 called it synctestGroup and gave it no id. */
export const BUBBLE_TABLE = {
  columns: from(7, 24, 25),
  rows: {id: [_, _, 72], root: [_, 88, 88]},
} as const satisfies LayoutTable

/**
 * With GOEXPERIMENT=staticlockranking each runtime.mutex has its rank before its key, and what stands behind one moves.
 * Measured by the DWARF of 1.19 and 1.21 to 1.27; m, g, p up to their locks, hchan and sudog stay as they are.
 */
export const RANKED_SCHEDT_TABLE = {
  columns: from(7, 19, 20, 21, 25, 26, 27),
  rows: {
    lastpoll: [8, 8, 8, 8, 8, 8, 8],
    midle: [_, 48, 48, 48, 56, 56, 48],
    nmidle: [_, 56, 56, 56, 64, 80, 72],
    freem: [_, 280, _, 288, 304, 320, 288],
    procresizetime: [_, 352, _, 360, 376, 392, 360],
  },
} as const satisfies LayoutTable

export const RANKED_BUBBLE_TABLE = {
  columns: from(7, 24, 25, 27),
  rows: {id: [_, _, 104, 88], root: [_, 120, 120, 104]},
} as const satisfies LayoutTable

/** runtime._type, from 1.21 internal/abi.Type: never moved since 1.7 brought name offsets. */
export const TYPE_TABLE = {
  columns: from(7),
  rows: {tflag: [20], kind: [23], str: [40]},
} as const satisfies LayoutTable

/** The map of runtime/map.go (hashmap.go before 1.12); pprof's label sets were such maps up to 1.23. */
export const HMAP_TABLE = {
  columns: from(7, 24),
  rows: {count: [0, _], B: [9, _], buckets: [16, _], oldbuckets: [24, _]},
} as const satisfies LayoutTable
