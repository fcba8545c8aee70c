import {testAgreementWithoutProgram} from './groups.ts'

testAgreementWithoutProgram([
  'blocked-panic-go1.15',
  'blocked-quit-go1.22-pie-nosymbols',
  'callback-deep-go1.24',
  'callback-parked-go1.27',
  'callback-panic-go1.24',
  'crossings-abandoned-go1.27-nodwarf',
  'cfault-segv-go1.27',
  'deaths-returned-go1.15-nodwarf',
  'deaths-systemstack-go1.15-nodwarf',
])
