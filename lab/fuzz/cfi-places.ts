import type {SectionRange} from './elf-places.ts'
import type {PlaceCollector} from './place.ts'

/** DW_EH_PE_pcrel | DW_EH_PE_sdata4, which every compiler of amd64 writes (LSB 5.0, "DWARF Extensions"). */
const PC_BEGIN_SIZE = 4
const LENGTH_SIZE = 4
const ID_SIZE = 4

interface CfiPlace {
  readonly file: string
  readonly kind: string
  readonly section: SectionRange
}

/** The entries of an .eh_frame section: CIEs, and the FDEs that cover one of the link addresses. */
export function addCfiPlaces(
  places: PlaceCollector,
  bytes: Uint8Array,
  {file, kind, section}: CfiPlace,
  pcs: readonly number[],
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = Math.min(section.offset + section.size, bytes.length)
  for (let at = section.offset; at + LENGTH_SIZE + ID_SIZE <= end; ) {
    const length = view.getUint32(at, true)
    if (length === 0 || length > end - at) return
    const id = at + LENGTH_SIZE
    if (view.getUint32(id, true) === 0 || isWanted(view, id + ID_SIZE, section, pcs)) {
      places.add({file, kind, at, size: LENGTH_SIZE, holds: 'size'})
      places.add({file, kind, at: id, size: ID_SIZE, holds: 'offset'})
      places.add({file, kind, at: id + ID_SIZE, size: Math.max(1, length - ID_SIZE), holds: 'bytes'})
      places.add({file, kind, at: id + ID_SIZE, size: Math.max(1, length - ID_SIZE), holds: 'bytes'})
      places.addEdge(file, at)
    }
    at += LENGTH_SIZE + length
  }
}

function isWanted(view: DataView, at: number, section: SectionRange, pcs: readonly number[]): boolean {
  if (at + 2 * PC_BEGIN_SIZE > view.byteLength) return false
  const start = section.address + (at - section.offset) + view.getInt32(at, true)
  const size = view.getUint32(at + PC_BEGIN_SIZE, true)
  return pcs.some(pc => pc >= start && pc < start + size)
}
