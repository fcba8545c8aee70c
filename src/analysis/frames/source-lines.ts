import {basename, dirname} from 'node:path'
import {type Address, toAddress} from '../../base/address.ts'
import type {CoreReport, FrameReport, SourceReport, SourceRequest} from '../../report/core-report.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {SourceReader} from '../process/go-image.ts'
import {isWritten, packageOf, standardPackage} from './first-party.ts'

/** Of the standard library alone: nobody looks for the bug there. */
const STANDARD_MAX = 3
/** Places of one stack that are shown: what is further out has called, and seldom tells why. */
const PLACES_MAX = 10
/** What cgo and the compilers make up is in no file that stays. */
const MADE_UP = /(?:^|\/)(?:_cgo_\w+\.(?:go|c|h)|cgo-gcc-\w+|cgo-generated-wrapper|<[^>]*>)$/
/** What cgo puts before a package's path under -trimpath. */
const TRIMMED = /^\/_\//
/** `example.org/module@v1.2.3` in a path of the module cache, or of -trimpath. */
const VERSIONED = /(?:^|\/pkg\/mod\/)([^@]+@v[^/]+)\//

/** The lines of source below the top frames of a stack that somebody has written. */
export class SourceLines {
  readonly #process: DeadProcess
  readonly #reader: SourceReader
  readonly #go: CoreReport['go']
  /** A stack may be asked for twice. */
  readonly #told = new Set<string>()

  constructor(process: DeadProcess, reader: SourceReader, go: CoreReport['go']) {
    this.#process = process
    this.#reader = reader
    this.#go = go
  }

  /** What would be shown of a stack. */
  wanted(frames: readonly FrameReport[]): SourceRequest[] {
    return [...this.#requests(frames).values()]
  }

  /** The frames, with the lines of the first one at each place. */
  addTo(frames: readonly FrameReport[]): FrameReport[] {
    const requests = this.#requests(frames)
    return frames.map(frame => {
      const request = requests.get(frame)
      if (!request) return frame
      const source = this.#reader.read(request)
      this.#tell(frame, request, source)
      return {...frame, source}
    })
  }

  #requests(frames: readonly FrameReport[]): Map<FrameReport, SourceRequest> {
    const requests = new Map<FrameReport, SourceRequest>()
    const places = new Set<string>()
    let standard = 0
    for (const frame of frames) {
      const {file, line} = frame
      if (file === null || line === null || line <= 0 || !isWritten(frame) || MADE_UP.test(file)) continue
      const place = `${file}:${line}`
      if (places.has(place)) continue
      if (frame.kind === 'go' && standardPackage(frame, this.#go) !== undefined && standard++ >= STANDARD_MAX) continue
      places.add(place)
      requests.set(frame, this.#request(frame, file, line))
      if (places.size === PLACES_MAX) break
    }
    return requests
  }

  #request(frame: FrameReport, file: string, line: number): SourceRequest {
    const {module, kind} = frame
    const {images} = this.#process
    const image = images.find(({goModule}) => goModule?.path === module) ?? this.#process
    const standard = kind === 'go' ? standardPackage(frame, this.#go) : undefined
    return {
      file,
      line,
      module,
      md5: kind === 'c' ? this.#digest(frame, file) : undefined,
      standard: standard === undefined ? undefined : `${standard}/${basename(file)}`,
      goVersion: image.versionText?.split(' ', 1)[0],
    }
  }

  /** The unit that the code is in: a call may be the last instruction of its own. */
  #digest({pc}: FrameReport, file: string): string | undefined {
    const address = Number(pc)
    if (!Number.isSafeInteger(address) || address < 1) return undefined
    return this.#digestAt(toAddress(address - 1), file) ?? this.#digestAt(toAddress(address), file)
  }

  #digestAt(address: Address, file: string): string | undefined {
    const {module, dwarf} = this.#process.symbolizer.debugAt(address) ?? {}
    const linkAddress = module?.linkAddress(address)
    return linkAddress === undefined ? undefined : dwarf?.fileDigest(linkAddress, file)
  }

  #tell(frame: FrameReport, request: SourceRequest, {state, file}: SourceReport): void {
    const place = `${request.file}:${request.line}`
    if (state === 'found' || state === 'newer' || this.#told.has(place)) return
    this.#told.add(place)
    const where = this.#homeOf(frame, request)
    const message =
      state === 'mismatch' ? `${file}: not the file that the program was made of (${place})` : `no source: ${place}`
    const hint = adviceFor(request, where)
    this.#process.diagnostics.add('source-not-found', message, {severity: 'info', where, hint})
  }

  /** The folder that the whole module lies in, else the folder of the file. */
  #homeOf({function: name, kind}: FrameReport, {file}: SourceRequest): string {
    const folder = dirname(file.replace(TRIMMED, ''))
    const {main} = this.#go
    if (kind !== 'go' || name === null || main === null) return folder
    const path = packageOf(name)
    const below = path.startsWith(`${main}/`) ? path.slice(main.length) : ''
    return below !== '' && folder.endsWith(below) ? folder.slice(0, -below.length) : folder
  }
}

function adviceFor({file, standard, goVersion}: SourceRequest, home: string): string {
  if (standard !== undefined && goVersion !== undefined) {
    return `set GOROOT to a copy of ${goVersion}: go install golang.org/dl/${goVersion}@latest && ${goVersion} download`
  }
  const versioned = VERSIONED.exec(file)?.[1]
  if (versioned !== undefined) return `go mod download ${versioned}`
  return `name the folder that has it now: --source-dir ${home}=DIR`
}
