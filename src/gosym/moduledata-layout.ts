import type {ReleaseRow} from './version.ts'

/**
 * Field offsets of runtime.moduledata (runtime/symtab.go), per Go release. Taken from DWARF of 1.15, 1.19 and 1.21–1.27
 * and computed from the tagged source for the others. Slices are pointer, length, capacity; the pairs of section
 * boundaries follow each other.
 */
export interface ModuledataLayout extends ReleaseRow {
  size: number
  /** 1.16+: at 0; before that `pclntable` stands there. */
  pcHeader: number | undefined
  funcnametab: number | undefined
  cutab: number | undefined
  filetab: number
  pctab: number | undefined
  pclntable: number
  ftab: number
  findfunctab: number
  minpc: number
  text: number
  noptrdata: number
  end: number
  types: number
  etypes: number
  rodata: number | undefined
  gofunc: number | undefined
  epclntab: number | undefined
  textsectmap: number | undefined
  modulename: number
  hasmain: number | undefined
  next: number
}

const LAYOUT_1_7: ModuledataLayout = {
  minor: 7,
  size: 352,
  pcHeader: undefined,
  funcnametab: undefined,
  cutab: undefined,
  filetab: 48,
  pctab: undefined,
  pclntable: 0,
  ftab: 24,
  findfunctab: 72,
  minpc: 80,
  text: 96,
  noptrdata: 112,
  end: 176,
  types: 200,
  etypes: 208,
  rodata: undefined,
  gofunc: undefined,
  epclntab: undefined,
  textsectmap: undefined,
  modulename: 264,
  hasmain: undefined,
  next: 344,
}
const LAYOUT_1_8: ModuledataLayout = {...LAYOUT_1_7, minor: 8, size: 440, textsectmap: 216, modulename: 352, next: 432}
const LAYOUT_1_10: ModuledataLayout = {...LAYOUT_1_8, minor: 10, size: 456, hasmain: 392, next: 448}
const LAYOUT_1_16: ModuledataLayout = {
  minor: 16,
  size: 536,
  pcHeader: 0,
  funcnametab: 8,
  cutab: 32,
  filetab: 56,
  pctab: 80,
  pclntable: 104,
  ftab: 128,
  findfunctab: 152,
  minpc: 160,
  text: 176,
  noptrdata: 192,
  end: 256,
  types: 280,
  etypes: 288,
  rodata: undefined,
  gofunc: undefined,
  epclntab: undefined,
  textsectmap: 296,
  modulename: 432,
  hasmain: 472,
  next: 528,
}
const LAYOUT_1_18: ModuledataLayout = {
  ...LAYOUT_1_16,
  minor: 18,
  size: 552,
  rodata: 296,
  gofunc: 304,
  textsectmap: 312,
  modulename: 448,
  hasmain: 488,
  next: 544,
}
const LAYOUT_1_20: ModuledataLayout = {
  ...LAYOUT_1_18,
  minor: 20,
  size: 568,
  end: 272,
  types: 296,
  etypes: 304,
  rodata: 312,
  gofunc: 320,
  textsectmap: 328,
  modulename: 464,
  hasmain: 504,
  next: 560,
}
const LAYOUT_1_21: ModuledataLayout = {
  ...LAYOUT_1_20,
  minor: 21,
  size: 592,
  modulename: 488,
  hasmain: 528,
  next: 584,
}
const LAYOUT_1_23: ModuledataLayout = {...LAYOUT_1_21, minor: 23, size: 584, next: 576}
const LAYOUT_1_26: ModuledataLayout = {
  ...LAYOUT_1_23,
  minor: 26,
  size: 592,
  epclntab: 328,
  textsectmap: 336,
  modulename: 496,
  hasmain: 536,
  next: 584,
}
const LAYOUT_1_27: ModuledataLayout = {
  ...LAYOUT_1_26,
  minor: 27,
  size: 568,
  etypes: 312,
  rodata: 336,
  gofunc: 344,
  epclntab: 352,
  textsectmap: 360,
  modulename: 472,
  hasmain: 512,
  next: 560,
}

/** Ascending by release. */
export const MODULEDATA_LAYOUTS: readonly ModuledataLayout[] = [
  LAYOUT_1_7,
  LAYOUT_1_8,
  LAYOUT_1_10,
  LAYOUT_1_16,
  LAYOUT_1_18,
  LAYOUT_1_20,
  LAYOUT_1_21,
  LAYOUT_1_23,
  LAYOUT_1_26,
  LAYOUT_1_27,
]
