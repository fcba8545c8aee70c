import {closeSync, openSync, writeSync} from 'node:fs'

// ELF64 header (gABI ch. 4, "ELF Header"): e_shoff at 0x28, e_shnum at 0x3c, e_shstrndx at 0x3e.
const e_shoff = 0x28
const e_shnum = 0x3c

/** Makes an ELF64 file say that it has no section headers, as some packers and old `sstrip` do. */
export function dropSectionHeaders(path: string): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, new Uint8Array(8), 0, 8, e_shoff)
    writeSync(file, new Uint8Array(4), 0, 4, e_shnum)
  } finally {
    closeSync(file)
  }
}
