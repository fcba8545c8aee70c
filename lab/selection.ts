import {findMode, findProgram, type Mode} from './programs.ts'

/** The crashes whose cores are committed, in an order that builds each executable once. */
const committed: readonly {
  releases: string
  program: string
  modes: string
  variants?: string
}[] = [
  {releases: '1.24 1.27', program: 'cfault', modes: 'segv abort'},
  {releases: '1.24 1.27', program: 'callback', modes: 'fault deep parked'},
  {releases: '1.24', program: 'callback', modes: 'panic'},
  {releases: '1.24 1.27', program: 'hooks', modes: 'fault callback'},
  {releases: '1.24 1.27', program: 'blocked', modes: 'fault panic gcore'},
  {releases: '1.24 1.27', program: 'gopanic', modes: 'panic nil'},
  {releases: '1.27', program: 'gopanic', modes: 'unlock'},
  {releases: '1.15', program: 'blocked', modes: 'fault panic quit'},
  {releases: '1.19 1.25', program: 'blocked', modes: 'fault panic quit', variants: 'nosymbols'},
  {releases: '1.22', program: 'blocked', modes: 'fault panic quit', variants: 'pie-nosymbols'},
  {releases: '1.27', program: 'cfault', modes: 'segv', variants: 'pie pie-nosymbols nosections'},
  {releases: '1.27', program: 'cfault', modes: 'segv', variants: 'race-nosymbols v3-nosymbols static-pie-nosymbols'},
  {releases: '1.27', program: 'archived', modes: 'fault'},
  {releases: '1.27', program: 'plugged', modes: 'fault', variants: 'nosymbols'},
  {releases: '1.27', program: 'hosted', modes: 'fault'},
  {releases: '1.27', program: 'guest', modes: 'fault panic away', variants: 'nodwarf'},
  {releases: '1.27', program: 'linked', modes: 'fault panic', variants: 'nosymbols'},
  {releases: '1.21', program: 'guest', modes: 'fault panic', variants: 'nosymbols'},
  {releases: '1.27', program: 'query', modes: 'fault'},
  {releases: '1.27', program: 'cxx', modes: 'fault throw'},
  {releases: '1.27', program: 'busy', modes: 'all-fault ancestors'},
  {releases: '1.15 1.27', program: 'stuck', modes: 'mutexes cross join others'},
  {
    releases: '1.15 1.21 1.24 1.27',
    program: 'deaths',
    modes: 'nest altstack stranger returned thread parked parked-locked systemstack mcall morestack',
    variants: 'nodwarf',
  },
  {releases: '1.15', program: 'deaths', modes: 'before-abort', variants: 'nodwarf'},
  {releases: '1.27', program: 'deaths', modes: 'after-crash', variants: 'nodwarf'},
  {
    releases: '1.21 1.24 1.27',
    program: 'crossings',
    modes: 'abandoned deep smash lose-stack smash-inner climb',
    variants: 'nodwarf',
  },
  {releases: '1.15 1.27', program: 'thin', modes: 'no-thread goexit-thread longjmp', variants: 'nodwarf'},
  {releases: '1.27', program: 'thin', modes: 'old-hook old-hook-all no-thread-twice deep-thread', variants: 'nodwarf'},
  {releases: '1.15', program: 'handled', modes: 'grow fault', variants: 'nodwarf'},
  {releases: '1.23', program: 'deadlock', modes: 'main map', variants: 'nocgo'},
]

export interface SelectedCase {
  readonly release: string
  readonly program: string
  readonly mode: Mode
  readonly variant: string
}

export function* selection(): Generator<SelectedCase> {
  for (const entry of committed) {
    const program = findProgram(entry.program)
    for (const variant of (entry.variants ?? 'default').split(' ')) {
      for (const release of entry.releases.split(' ')) {
        for (const name of entry.modes.split(' ')) {
          yield {
            release,
            program: program.name,
            mode: findMode(program, name),
            variant,
          }
        }
      }
    }
  }
}
