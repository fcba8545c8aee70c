/**
 * Names and numbers of DWARF 5 (chapter 7, "Data Representation") and of the GNU and Go extensions that binaries carry.
 */

export const DW_TAG = {
  array_type: 0x01,
  class_type: 0x02,
  enumeration_type: 0x04,
  formal_parameter: 0x05,
  lexical_block: 0x0b,
  member: 0x0d,
  pointer_type: 0x0f,
  compile_unit: 0x11,
  structure_type: 0x13,
  subroutine_type: 0x15,
  typedef: 0x16,
  union_type: 0x17,
  inlined_subroutine: 0x1d,
  subrange_type: 0x21,
  base_type: 0x24,
  const_type: 0x26,
  enumerator: 0x28,
  subprogram: 0x2e,
  variable: 0x34,
  volatile_type: 0x35,
  module: 0x1e,
  interface_type: 0x38,
  namespace: 0x39,
  partial_unit: 0x3c,
  type_unit: 0x41,
  call_site: 0x48,
  skeleton_unit: 0x4a,
  GNU_call_site: 0x4109,
  reference_type: 0x10,
  unspecified_parameters: 0x18,
  variant: 0x19,
  inheritance: 0x1c,
  ptr_to_member_type: 0x1f,
  variant_part: 0x33,
  template_type_parameter: 0x2f,
  restrict_type: 0x37,
  unspecified_type: 0x3b,
  rvalue_reference_type: 0x42,
  template_alias: 0x43,
  atomic_type: 0x47,
  call_site_parameter: 0x49,
  GNU_formal_parameter_pack: 0x4108,
  GNU_call_site_parameter: 0x410a,
} as const

export const DW_AT = {
  sibling: 0x01,
  location: 0x02,
  name: 0x03,
  byte_size: 0x0b,
  stmt_list: 0x10,
  low_pc: 0x11,
  high_pc: 0x12,
  language: 0x13,
  comp_dir: 0x1b,
  count: 0x37,
  upper_bound: 0x2f,
  abstract_origin: 0x31,
  data_member_location: 0x38,
  declaration: 0x3c,
  external: 0x3f,
  specification: 0x47,
  type: 0x49,
  entry_pc: 0x52,
  ranges: 0x55,
  call_column: 0x57,
  call_file: 0x58,
  call_line: 0x59,
  data_bit_offset: 0x6b,
  linkage_name: 0x6e,
  str_offsets_base: 0x72,
  addr_base: 0x73,
  rnglists_base: 0x74,
  dwo_name: 0x76,
  call_all_calls: 0x7a,
  call_all_tail_calls: 0x7c,
  call_return_pc: 0x7d,
  call_origin: 0x7f,
  call_pc: 0x81,
  call_tail_call: 0x82,
  MIPS_linkage_name: 0x2007,
  GNU_tail_call: 0x2115,
  GNU_all_tail_call_sites: 0x2116,
  GNU_all_call_sites: 0x2117,
  GNU_dwo_name: 0x2130,
  GNU_dwo_id: 0x2131,
  GNU_ranges_base: 0x2132,
  GNU_addr_base: 0x2133,
  bit_offset: 0x0c,
  bit_size: 0x0d,
  discr: 0x15,
  discr_value: 0x16,
  const_value: 0x1c,
  lower_bound: 0x22,
  artificial: 0x34,
  decl_line: 0x3b,
  encoding: 0x3e,
  frame_base: 0x40,
  variable_parameter: 0x4b,
  containing_type: 0x1d,
  prototyped: 0x27,
  call_value: 0x7e,
  call_target: 0x83,
  GNU_call_site_target: 0x2113,
  call_data_location: 0x85,
  loclists_base: 0x8c,
  signature: 0x69,
  virtuality: 0x4c,
  GNU_call_site_value: 0x2111,
  go_kind: 0x2900,
  go_key: 0x2901,
  go_elem: 0x2902,
  go_embedded_field: 0x2903,
  go_runtime_type: 0x2904,
  go_dict_index: 0x2906,
  go_closure_offset: 0x2907,
} as const

export const DW_FORM = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  ref_addr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  ref_udata: 0x15,
  indirect: 0x16,
  sec_offset: 0x17,
  exprloc: 0x18,
  flag_present: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  ref_sup4: 0x1c,
  strp_sup: 0x1d,
  data16: 0x1e,
  line_strp: 0x1f,
  ref_sig8: 0x20,
  implicit_const: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  ref_sup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
  GNU_addr_index: 0x1f01,
  GNU_str_index: 0x1f02,
  GNU_ref_alt: 0x1f20,
  GNU_strp_alt: 0x1f21,
} as const

/** Unit types (7.5.1). */
export const DW_UT = {compile: 1, type: 2, partial: 3, skeleton: 4, split_compile: 5, split_type: 6} as const

/** Standard opcodes of the line number program (7.22). */
export const DW_LNS = {
  copy: 1,
  advance_pc: 2,
  advance_line: 3,
  set_file: 4,
  set_column: 5,
  negate_stmt: 6,
  set_basic_block: 7,
  const_add_pc: 8,
  fixed_advance_pc: 9,
  set_prologue_end: 10,
  set_epilogue_begin: 11,
  set_isa: 12,
} as const

export const DW_LNE = {end_sequence: 1, set_address: 2, define_file: 3, set_discriminator: 4} as const

/** Content types of the line table's directory and file entries (7.22). */
export const DW_LNCT = {path: 1, directory_index: 2, MD5: 5} as const

/** Location list entries (7.7.3); GNU's pairs of views stand between them. */
export const DW_LLE = {
  end_of_list: 0,
  base_addressx: 1,
  startx_endx: 2,
  startx_length: 3,
  offset_pair: 4,
  default_location: 5,
  base_address: 6,
  start_end: 7,
  start_length: 8,
  GNU_view_pair: 9,
} as const

/** How the bits of a base type are read (7.8). */
export const DW_ATE = {
  address: 0x01,
  boolean: 0x02,
  complex_float: 0x03,
  float: 0x04,
  signed: 0x05,
  signed_char: 0x06,
  unsigned: 0x07,
  unsigned_char: 0x08,
  UTF: 0x10,
} as const

/** Range list entries (7.25). */
export const DW_RLE = {
  end_of_list: 0,
  base_addressx: 1,
  startx_endx: 2,
  startx_length: 3,
  offset_pair: 4,
  base_address: 5,
  start_end: 6,
  start_length: 7,
} as const

/** Section numbers of a package file's index: DWARF 5 (7.3.5.3), and the GNU version 2 that came before it. */
export const DW_SECT_V5: Readonly<Record<number, string>> = {
  1: '.debug_info',
  3: '.debug_abbrev',
  4: '.debug_line',
  5: '.debug_loclists',
  6: '.debug_str_offsets',
  7: '.debug_macro',
  8: '.debug_rnglists',
}
export const DW_SECT_V2: Readonly<Record<number, string>> = {
  1: '.debug_info',
  2: '.debug_types',
  3: '.debug_abbrev',
  4: '.debug_line',
  5: '.debug_loc',
  6: '.debug_str_offsets',
  7: '.debug_macinfo',
  8: '.debug_macro',
}

/** Source languages (7.12), as the words that reach the report. */
const LANGUAGES: Readonly<Record<number, string>> = {
  1: 'c', // C89
  2: 'c',
  4: 'c++',
  3: 'ada',
  7: 'fortran',
  8: 'fortran',
  9: 'pascal',
  10: 'modula-2',
  12: 'c', // C99
  13: 'ada',
  14: 'fortran',
  16: 'objective-c',
  17: 'objective-c++',
  19: 'd',
  21: 'opencl',
  22: 'go',
  23: 'modula-3',
  24: 'haskell',
  25: 'c++', // C++03
  26: 'c++',
  27: 'ocaml',
  28: 'rust',
  29: 'c', // C11
  30: 'swift',
  31: 'julia',
  33: 'c++', // C++14
  34: 'fortran',
  35: 'fortran',
  39: 'zig',
  42: 'c++', // C++17
  43: 'c++', // C++20
  44: 'c', // C17
  45: 'fortran',
  46: 'ada',
  49: 'assembler',
  58: 'c++', // C++23
  62: 'c', // C23
  32769: 'assembler', // DW_LANG_Mips_Assembler, what gas writes
}

export function languageName(code: number): string | undefined {
  return LANGUAGES[code]
}
