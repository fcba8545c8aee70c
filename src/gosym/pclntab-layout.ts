/**
 * The shapes of the pclntab, per Go release, as data. Sources: cmd/link/internal/ld/pcln.go and
 * runtime/symtab.go, runtime2.go (`_func`), symtabinl.go of the releases named; internal/abi/symtab.go since 1.21.
 */
import type {GoVersion, ReleaseRow} from './version.ts'

/** Header magics (`go12magic` … in debug/gosym). FFFFFFF1 alone spans 1.20 to 1.27: never the whole answer. */
export const PCLNTAB_MAGIC = {go12: 0xfffffffb, go116: 0xfffffffa, go118: 0xfffffff0, go120: 0xfffffff1} as const

/** The four bytes behind the magic on amd64: two zeros, minLC (quantum) 1, pointer size 8. */
export const PCLNTAB_MAGIC_TAIL = 0x08010000

/** Offsets of the header's words; undefined fields do not exist in that release. */
export interface HeaderLayout {
  magic: number
  /** Go 1.`firstMinor` to 1.`lastMinor` write this header. */
  firstMinor: number
  lastMinor: number
  size: number
  textStart: number | undefined
  /** From here on five words: funcname, cu, file, pc and func tables, each relative to the header. */
  tables: number | undefined
}

export const HEADER_LAYOUTS: readonly HeaderLayout[] = [
  {magic: PCLNTAB_MAGIC.go12, firstMinor: 2, lastMinor: 15, size: 16, textStart: undefined, tables: undefined},
  {magic: PCLNTAB_MAGIC.go116, firstMinor: 16, lastMinor: 17, size: 64, textStart: undefined, tables: 24},
  {magic: PCLNTAB_MAGIC.go118, firstMinor: 18, lastMinor: 19, size: 72, textStart: 24, tables: 32},
  // 1.26 keeps the slot of textStart and leaves it 0.
  {
    magic: PCLNTAB_MAGIC.go120,
    firstMinor: 20,
    lastMinor: Number.POSITIVE_INFINITY,
    size: 72,
    textStart: 24,
    tables: 32,
  },
]

/** Offsets in a `_func` record. */
export interface FuncLayout {
  /** Width of the entry: 8 an address, 4 an offset from text. */
  entrySize: 4 | 8
  nameOff: number
  args: number
  pcsp: number
  pcfile: number
  pcln: number
  npcdata: number
  cuOffset: number | undefined
  startLine: number | undefined
  funcID: {at: number; size: 1 | 4} | undefined
  flag: number | undefined
  nfuncdata: {at: number; size: 1 | 4}
  /** Where the array of pcdata offsets starts: the size of the fixed part. */
  pcdata: number
}

/** Numbers of the pcdata and funcdata tables that we read (runtime/funcdata.h, internal/abi). */
export interface TableIndices {
  pcdataInlTree: number | undefined
  pcdataArgLive: number | undefined
  funcdataArgMaps: number
  funcdataInlTree: number | undefined
  funcdataArgInfo: number | undefined
  funcdataArgLive: number | undefined
}

/** Shape of an entry of the inline tree. `parent`: chains by index (1.9–1.11); else by the pc of the call. */
export interface InlineLayout {
  size: number
  parent: number | undefined
  parentPc: number | undefined
  funcID: number | undefined
  nameOff: number
  file: number | undefined
  line: number | undefined
  startLine: number | undefined
}

/** Everything about the tables that a release decides. */
export interface ReleaseLayout extends ReleaseRow {
  func: FuncLayout
  indices: TableIndices
  inline: InlineLayout | undefined
}

const FUNC_1_2: FuncLayout = {
  entrySize: 8,
  nameOff: 8,
  args: 12,
  pcsp: 20,
  pcfile: 24,
  pcln: 28,
  npcdata: 32,
  cuOffset: undefined,
  startLine: undefined,
  funcID: undefined,
  flag: undefined,
  nfuncdata: {at: 36, size: 4},
  pcdata: 40,
}
const FUNC_1_10_1: FuncLayout = {...FUNC_1_2, funcID: {at: 16, size: 4}}
const FUNC_1_12: FuncLayout = {
  ...FUNC_1_2,
  funcID: {at: 36, size: 1},
  nfuncdata: {at: 39, size: 1},
}
const FUNC_1_16: FuncLayout = {
  ...FUNC_1_12,
  cuOffset: 36,
  funcID: {at: 40, size: 1},
  nfuncdata: {at: 43, size: 1},
  pcdata: 44,
}
const FUNC_1_17: FuncLayout = {...FUNC_1_16, flag: 41}
const FUNC_1_18: FuncLayout = {
  entrySize: 4,
  nameOff: 4,
  args: 8,
  pcsp: 16,
  pcfile: 20,
  pcln: 24,
  npcdata: 28,
  cuOffset: 32,
  startLine: undefined,
  funcID: {at: 36, size: 1},
  flag: 37,
  nfuncdata: {at: 39, size: 1},
  pcdata: 40,
}
const FUNC_1_20: FuncLayout = {
  ...FUNC_1_18,
  startLine: 36,
  funcID: {at: 40, size: 1},
  flag: 41,
  nfuncdata: {at: 43, size: 1},
  pcdata: 44,
}

const NO_INDICES: TableIndices = {
  pcdataInlTree: undefined,
  pcdataArgLive: undefined,
  funcdataArgMaps: 0,
  funcdataInlTree: undefined,
  funcdataArgInfo: undefined,
  funcdataArgLive: undefined,
}
const INDICES_1_9: TableIndices = {...NO_INDICES, pcdataInlTree: 1, funcdataInlTree: 2}
const INDICES_1_13: TableIndices = {...NO_INDICES, pcdataInlTree: 2, funcdataInlTree: 4}
const INDICES_1_16: TableIndices = {...NO_INDICES, pcdataInlTree: 2, funcdataInlTree: 3}
const INDICES_1_17: TableIndices = {...INDICES_1_16, funcdataArgInfo: 5}
const INDICES_1_18: TableIndices = {...INDICES_1_17, pcdataArgLive: 3, funcdataArgLive: 6}

const INLINE_1_9: InlineLayout = {
  size: 16,
  parent: 0,
  parentPc: undefined,
  funcID: undefined,
  file: 4,
  line: 8,
  nameOff: 12,
  startLine: undefined,
}
const INLINE_1_12: InlineLayout = {
  size: 20,
  parent: undefined,
  funcID: 2,
  file: undefined,
  line: undefined,
  nameOff: 12,
  parentPc: 16,
  startLine: undefined,
}
const INLINE_1_20: InlineLayout = {
  size: 16,
  parent: undefined,
  funcID: 0,
  file: undefined,
  line: undefined,
  nameOff: 4,
  parentPc: 8,
  startLine: 12,
}

/** Ascending; a release later than the last row uses the last row. */
const RELEASES: readonly ReleaseLayout[] = [
  {minor: 2, func: FUNC_1_2, indices: NO_INDICES, inline: undefined},
  {minor: 9, func: FUNC_1_2, indices: INDICES_1_9, inline: INLINE_1_9},
  {minor: 10, patch: 1, func: FUNC_1_10_1, indices: INDICES_1_9, inline: INLINE_1_9},
  {minor: 12, func: FUNC_1_12, indices: INDICES_1_9, inline: INLINE_1_12},
  {minor: 13, func: FUNC_1_12, indices: INDICES_1_13, inline: INLINE_1_12},
  {minor: 16, func: FUNC_1_16, indices: INDICES_1_16, inline: INLINE_1_12},
  {minor: 17, func: FUNC_1_17, indices: INDICES_1_17, inline: INLINE_1_12},
  {minor: 18, func: FUNC_1_18, indices: INDICES_1_18, inline: INLINE_1_12},
  {minor: 20, func: FUNC_1_20, indices: INDICES_1_18, inline: INLINE_1_20},
]

export function releaseLayout(version: GoVersion): ReleaseLayout {
  return version.rowOf(RELEASES) ?? (RELEASES[0] as ReleaseLayout)
}
