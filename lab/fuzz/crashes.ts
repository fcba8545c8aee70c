/**
 * The committed crashes that are damaged: one of each way to be built, to die and to wait, as small as there are, so
 * that most of what the commands can do is done by some of them.
 */
export const FUZZED_CRASHES = [
  'callback-deep-go1.24',
  'cfault-segv-go1.27',
  'blocked-panic-go1.15',
  'cfault-segv-go1.27-pie-nosymbols',
  'cxx-throw-go1.27',
  'hosted-fault-go1.27',
  'stuck-cross-go1.27',
  'crossings-smash-inner-go1.24-nodwarf',
  'blocked-gcore-go1.27',
  'busy-ancestors-go1.27',
  'cfault-segv-go1.27-nosections',
  'deaths-altstack-go1.21-nodwarf',
] as const
