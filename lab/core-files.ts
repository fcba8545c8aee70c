import {closeSync, openSync, readSync} from 'node:fs'

// ELF64 header and program headers (gABI ch. 4 and 5); NT_FILE of Linux (fs/binfmt_elf.c, fill_files_note).
const PT_NOTE = 4
const NT_FILE = 0x46494c45

/** Paths of the files that were mapped in the process, as the core's NT_FILE note lists them, each once. */
export function mappedFiles(corePath: string): string[] {
  const file = openSync(corePath, 'r')
  try {
    const header = readAt(file, 0, 64)
    const count = header.getUint16(56, true)
    const table = readAt(file, Number(header.getBigUint64(32, true)), count * 56)
    for (let i = 0; i < count; i++) {
      if (table.getUint32(i * 56, true) !== PT_NOTE) continue
      const notes = readAt(
        file,
        Number(table.getBigUint64(i * 56 + 8, true)),
        Number(table.getBigUint64(i * 56 + 32, true)),
      )
      const found = findFileNote(notes)
      if (found) return found
    }
    return []
  } finally {
    closeSync(file)
  }
}

/** Linux pads the owner and the contents of a note to four bytes. */
function alignNote(size: number): number {
  return Math.ceil(size / 4) * 4
}

function findFileNote(notes: DataView): string[] | undefined {
  for (let at = 0; at + 12 <= notes.byteLength; ) {
    const ownerSize = notes.getUint32(at, true)
    const descSize = notes.getUint32(at + 4, true)
    const desc = at + 12 + alignNote(ownerSize)
    if (notes.getUint32(at + 8, true) === NT_FILE) return parseFileNote(notes, desc, descSize)
    at = desc + alignNote(descSize)
  }
  return undefined
}

function parseFileNote(notes: DataView, desc: number, size: number): string[] {
  const count = Number(notes.getBigUint64(desc, true))
  const names = desc + 16 + count * 24
  const text = new TextDecoder().decode(new Uint8Array(notes.buffer, notes.byteOffset + names, size - 16 - count * 24))
  return [...new Set(text.split('\0').filter(path => path.startsWith('/')))]
}

function readAt(file: number, offset: number, length: number): DataView {
  const bytes = new Uint8Array(length)
  const got = readSync(file, bytes, 0, length, offset)
  if (got !== length) throw new Error(`core: ${got} of ${length} bytes at ${offset}`)
  return new DataView(bytes.buffer)
}
