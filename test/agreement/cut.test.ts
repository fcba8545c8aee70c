import {testAgreementOfCut} from './groups.ts'

testAgreementOfCut([
  'blocked-fault-go1.15',
  'blocked-fault-go1.19-nosymbols',
  'callback-panic-go1.24',
  'callback-parked-go1.27',
  'deaths-parked-go1.15-nodwarf',
  'gopanic-unlock-go1.27',
])
