import {spawnSync} from 'node:child_process'
import {hostname} from 'node:os'
import {pathToFileURL} from 'node:url'
import {isTerminal} from '../base/terminal.ts'
import type {SourcePlace, Style} from '../render/style.ts'

/** The first release of less that passes links on with -R (less, "version history"). */
const LESS_WITH_LINKS = 566

/**
 * A style whose places in the source lead to the file, on a terminal that has links (OSC 8) and with a pager that
 * passes them on. FORCE_HYPERLINK decides for a terminal of which nothing tells; a file never gets any.
 * @param isLocal whether a source is on this machine
 */
export async function linkedStyle(
  style: Style,
  pager: string | undefined,
  isLocal: (file: string) => boolean,
): Promise<Style> {
  if (!isTerminal(1)) return style
  const {default: supportsHyperlinks} = await import('supports-hyperlinks')
  if (!supportsHyperlinks.stdout || (pager !== undefined && !passesLinks(pager))) return style
  const known = new Map<string, boolean>()
  const isHere = (file: string): boolean => {
    if (!known.has(file)) known.set(file, isLocal(file))
    return known.get(file) === true
  }
  return {
    ...style,
    location: (text, place) => {
      const shown = style.location(text, place)
      return place ? withLink(shown, place, isHere) : shown
    },
  }
}

/**
 * The place as it is shown leads to the file, to that which was read for the source if any was; the line is a fragment,
 * which a terminal that knows none ignores.
 */
function withLink(text: string, {file: named, line, source}: SourcePlace, isHere: (file: string) => boolean): string {
  const file = source?.file ?? named
  if (named === null || file === null || line === null || !isHere(file)) return text
  const label = `${named}:${line}`
  const at = text.indexOf(label)
  if (at < 0) return text
  const url = fileUrl(file, line)
  return `${text.slice(0, at)}\x1b]8;;${url}\x1b\\${label}\x1b]8;;\x1b\\${text.slice(at + label.length)}`
}

/** All but printable ASCII is escaped in a URL. The host is named, for the shell may be on another one. */
export function fileUrl(file: string, line: number): string {
  const url = pathToFileURL(file)
  url.hostname = hostname()
  url.hash = `${line}`
  return url.href
}

/** `less 590 (GNU regular expressions)` */
function passesLinks(pager: string): boolean {
  const [program = ''] = pager.split(/\s/, 1)
  if (!/(?:^|\/)less$/.test(program)) return false
  const {stdout} = spawnSync(program, ['--version'], {encoding: 'utf8', timeout: 2000})
  return Number(/^less (\d+)/.exec(stdout ?? '')?.[1] ?? 0) >= LESS_WITH_LINKS
}
